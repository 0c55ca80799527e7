"""What a shared pool refuses: names that no database stores, hosts that are there twice, a file that is another."""

import os

import pytest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    PoolError,
    RequestSpec,
    make_conf,
)
from filtersched.shared import SharedPool

SCHEDULER = FilterScheduler(make_conf(enabled_filters="RamFilter,ServerGroupAntiAffinityFilter"))
BAD_NAMES = ["a\0b", "a\ud800b"]


def host(name, **given):
    return HostState(name, total_usable_ram_mb=8192, free_ram_mb=8192, **given)


@pytest.fixture
def pool(database_url):
    with SharedPool.create(database_url, [host("h1"), host("h2")]) as made:
        yield made


def place(pool, uuid, **fields):
    return SCHEDULER.place(RequestSpec(Flavor(memory_mb=512), **fields), pool, [uuid])


@pytest.mark.parametrize("name", BAD_NAMES)
def test_instance_whose_uuid_no_database_stores_is_refused(pool, name):
    with pytest.raises(InvalidRequest, match="characters that the database does not store") as caught:
        place(pool, name)
    assert (caught.value.field, caught.value.value) == ("instance_uuid", name)
    assert place(pool, "next")[0].instance_uuid == "next"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_group_whose_uuid_no_database_stores_is_refused(pool, name):
    with pytest.raises(InvalidRequest, match="does not store") as caught:
        place(pool, "i1", instance_group=InstanceGroup(uuid=name, policy="anti-affinity"))
    assert caught.value.field == "instance_group"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_host_whose_name_no_database_stores_is_refused(pool, name, tmp_path):
    with pytest.raises(InvalidHost, match="does not store"):
        pool.add(host(name))
    with pytest.raises(InvalidHost, match="does not store"):
        SharedPool.create(f"sqlite:///{tmp_path / 'other.db'}", [host("h", nodename=name)])
    assert len(pool) == 2


def test_text_of_any_kind_in_an_attribute_comes_back(pool):
    pool.update("h1", capabilities={"a": "x\0y\ud800"})
    with SharedPool(pool._engine.url) as other:
        assert other["h1"].capabilities == {"a": "x\0y\ud800"}


def test_hosts_are_added_all_or_none(pool):
    for more, problem in (
        ([host("new"), host("h1")], InvalidHost),
        ([host("new"), host("new")], InvalidHost),
        ([host("new", instances=["i1"]), host("newer", instances=["i1"])], InvalidRequest),
        ([host("new"), "newer"], InvalidHost),
    ):
        with pytest.raises(problem):
            pool.add_all(more)
        assert [one.host for one in pool] == ["h1", "h2"]


def test_many_hosts_added_at_once_are_seen_by_others_with_their_instances(pool):
    with SharedPool(pool._engine.url) as other:
        assert len(other) == 2
        pool.add_all([host(f"new{number}", instances=[f"i{number}"]) for number in range(30)])
        assert len(other) == len(pool) == 32
        assert other.host_of("i29").host == "new29"


def test_one_instance_on_two_hosts_cannot_be_imported(tmp_path):
    hosts = [host("h1", instances=["i1"]), host("h2", instances=["i1"])]
    with pytest.raises(InvalidRequest, match="instance i1 is on host 'h1' and on host 'h2'"):
        SharedPool.create(f"sqlite:///{tmp_path / 'pool.db'}", hosts)
    with pytest.raises(PoolError, match="there is no pool"):
        SharedPool(f"sqlite:///{tmp_path / 'pool.db'}")


@pytest.mark.parametrize("is_replaced", [False, True])
def test_file_that_is_removed_or_replaced_takes_no_more_claims(tmp_path, is_replaced):
    url = f"sqlite:///{tmp_path / 'pool.db'}"
    with SharedPool.create(url, [host("h1")]) as pool:
        for ending in ("", "-wal", "-shm"):
            os.rename(f"{tmp_path}/pool.db{ending}", f"{tmp_path}/old.db{ending}")
        if is_replaced:
            SharedPool.create(url, [host("h1")]).close()
        for _ in range(2):
            with pytest.raises(PoolError, match="removed or replaced") as caught:
                place(pool, "i1")
            assert caught.value.problem == "missing"
