"""A transaction: what changes in a pool happens as a whole or not at all."""

import pytest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

SCHEDULER = FilterScheduler(
    make_conf(enabled_filters=["RamFilter", "ServerGroupAntiAffinityFilter"], ram_allocation_ratio=1.0)
)


@pytest.fixture
def pool():
    return HostPool(HostState(f"h{nr}", total_usable_ram_mb=4096, free_ram_mb=4096) for nr in range(3))


def free(pool):
    return [host.free_ram_mb for host in pool]


def placed(pool, memory_mb=1024, **given):
    return SCHEDULER.place(RequestSpec(Flavor(memory_mb), **given), pool)


class Stopped(Exception):
    pass


def test_what_a_transaction_changes_happens_when_it_returns(pool):
    host = pool["h0"]

    def act():
        pool.update("h0", free_ram_mb=1000)
        host.num_io_ops = 3
        return host.free_ram_mb

    assert pool.transaction(act) == 4096
    assert pool["h0"] is host
    assert (host.free_ram_mb, host.num_io_ops) == (1000, 3)


def test_a_transaction_that_raises_changes_nothing(pool):
    before, selections = [host.to_dict() for host in pool], SCHEDULER.select_destinations(RequestSpec(Flavor(1)), pool)

    def act():
        placed(pool)
        pool.update("h1", free_ram_mb=5)
        pool.report("h2", free_ram_mb=7)
        pool["h2"].num_io_ops = 9
        pool["h2"].rack = "r1"
        raise Stopped

    with pytest.raises(Stopped):
        pool.transaction(act)
    assert [host.to_dict() for host in pool] == before
    assert not hasattr(pool["h2"], "rack")
    pool.commit(selections)


def test_decisions_in_a_transaction_see_what_it_has_changed(pool):
    def act():
        return [placed(pool, 3000)[0].host for _ in range(3)]

    assert sorted(pool.transaction(act)) == ["h0", "h1", "h2"]
    assert free(pool) == [1096, 1096, 1096]


def test_decisions_after_a_transaction_that_failed_see_the_hosts_as_they_are(pool):
    def act():
        for _ in range(4):
            placed(pool, 3000)

    with pytest.raises(NoValidHost):
        pool.transaction(act)
    assert free(pool) == [4096, 4096, 4096]
    assert len({placed(pool, 3000)[0].host for _ in range(3)}) == 3


def test_a_selection_of_a_transaction_that_failed_cannot_be_committed_later(pool):
    made = []

    def act():
        pool.update("h0", free_ram_mb=9000)
        made.extend(SCHEDULER.select_destinations(RequestSpec(Flavor(8000)), pool, filters=[]))
        raise Stopped

    with pytest.raises(Stopped):
        pool.transaction(act)
    pool["h0"].num_io_ops += 1
    assert pool.stale(made) == made


def test_a_group_is_as_it_was_after_a_transaction_that_failed(pool):
    group = InstanceGroup(uuid="web", policy="anti-affinity")
    earlier = SCHEDULER.select_destinations(RequestSpec(Flavor(1), instance_group=group), pool)

    def act():
        placed(pool, instance_group=group)
        assert len(pool.members("web")) == 1
        raise Stopped

    with pytest.raises(Stopped):
        pool.transaction(act)
    assert pool.members("web") == {}
    pool.commit(earlier)


def test_an_inner_transaction_may_fail_alone(pool):
    def inner():
        pool.update("h0", free_ram_mb=1)
        pool.update("h1", free_ram_mb=1)
        raise Stopped

    def act():
        pool.update("h0", free_ram_mb=2)
        with pytest.raises(Stopped):
            pool.transaction(inner)
        return free(pool)

    assert pool.transaction(act) == [2, 4096, 4096]
    assert free(pool) == [2, 4096, 4096]


def test_an_inner_transaction_is_undone_with_the_outer_one(pool):
    def act():
        pool.update("h0", free_ram_mb=2)
        pool.transaction(lambda: [pool.update(name, free_ram_mb=1) for name in ("h0", "h1")])
        assert free(pool) == [1, 1, 4096]
        raise Stopped

    with pytest.raises(Stopped):
        pool.transaction(act)
    assert free(pool) == [4096, 4096, 4096]


@pytest.mark.parametrize(
    "act",
    [
        lambda pool: pool.add(HostState("new")),
        lambda pool: pool.remove("h0"),
        lambda pool: pool.save("pool.jsonl"),
    ],
    ids=["add", "remove", "save"],
)
def test_hosts_cannot_come_or_go_or_be_saved_in_a_transaction(pool, act):
    with pytest.raises(InvalidRequest, match="in a transaction"):
        pool.transaction(act, pool)
    assert len(pool) == 3


def test_a_pool_of_columns_may_have_transactions():
    pool = HostPool.from_columns(["a", "b"], free_ram_mb=[5, 6])
    with pytest.raises(Stopped):
        pool.transaction(lambda: pool.update("a", free_ram_mb=1) or stop())
    assert free(pool) == [5, 6]
    pool.transaction(lambda: pool.update("a", free_ram_mb=1))
    assert free(pool) == [1, 6]


def stop():
    raise Stopped
