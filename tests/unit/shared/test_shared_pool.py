"""SharedPool: the interface of HostPool, with a database as the truth; two pools on one URL see one another."""

import copy

import pytest
from sqlalchemy import update

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    PoolError,
    RequestSpec,
)
from filtersched.hosts.placement import CommitConflict
from filtersched.shared import SharedPool, schema
from filtersched.shared.engines import writing


def make_hosts(count, **attributes):
    given = {"total_usable_ram_mb": 4096, "free_ram_mb": 4096, "vcpus_total": 8, "service": {"state": "up"}}
    return [HostState(f"cmp{number}", **{**given, **attributes}) for number in range(1, count + 1)]


def make_spec(memory_mb=512, **fields):
    return RequestSpec(flavor=Flavor(memory_mb=memory_mb, vcpus=1), **fields)


@pytest.fixture
def open_pool(database_url):
    """Opens pools on one database; the first call makes it."""
    opened = []

    def tracked(hosts=None, **options):
        if hosts is None:
            made = SharedPool(database_url, **options)
        else:
            made = SharedPool.create(database_url, hosts, **options)
        opened.append(made)
        return made

    yield tracked
    for pool in opened:
        pool.close()


@pytest.fixture
def two(open_pool):
    """Two pools on one database, of three hosts."""
    return open_pool(make_hosts(3)), open_pool()


scheduler = FilterScheduler()


def free(pool):
    return {host.host: host.free_ram_mb for host in pool}


# -- what one does, the other sees -----------------------------------------------------------------


def test_instance_placed_through_one_pool_is_on_its_host_in_the_other(two):
    a, b = two
    (selection,) = scheduler.place(make_spec(project_id="p"), a)
    assert b.host_of(selection.instance_uuid).host == selection.host
    assert b.instance(selection.instance_uuid) == a.instance(selection.instance_uuid)
    assert b.instance(selection.instance_uuid).flavor == Flavor(memory_mb=512, vcpus=1)
    assert free(b) == free(a)
    assert sorted(free(b).values()) == [3584, 4096, 4096]


def test_instance_released_through_one_pool_is_gone_in_the_other(two):
    a, b = two
    (selection,) = scheduler.place(make_spec(), a)
    b.release(selection.instance_uuid)
    assert free(a) == {"cmp1": 4096, "cmp2": 4096, "cmp3": 4096}
    with pytest.raises(InvalidRequest, match="is not on host"):
        a.release(selection)


def test_instance_of_one_uuid_is_placed_once_through_all_pools(two):
    a, b = two
    scheduler.place(make_spec(instance_uuid="u1"), a)
    with pytest.raises(InvalidRequest, match=r"instance u1 is on host 'cmp.' already"):
        scheduler.place(make_spec(instance_uuid="u1"), b)


def test_selection_of_one_pool_is_committed_through_another(two):
    a, b = two
    chosen = scheduler.select_destinations(make_spec(), a)
    b.commit(chosen)
    assert a.host_of(chosen[0].instance_uuid).host == chosen[0].host


def test_selection_whose_host_another_scheduler_changed_is_a_conflict(two):
    a, b = two
    (chosen,) = scheduler.select_destinations(make_spec(), a)
    b.update(chosen.host, num_io_ops=1)
    with pytest.raises(CommitConflict, match=f"{chosen.host} changed since") as caught:
        a.commit(chosen)
    assert caught.value.hosts == (chosen.host,)


def test_scheduler_commits_on_a_changed_host_that_its_filters_accept(two):
    a, b = two
    (chosen,) = scheduler.select_destinations(make_spec(), a)
    b.update(chosen.host, num_io_ops=1)
    scheduler.commit(chosen, a)
    assert b.host_of(chosen.instance_uuid).host == chosen.host


def test_selection_of_another_pool_is_refused(two, tmp_path):
    with SharedPool.create(f"sqlite:///{tmp_path / 'other.db'}", make_hosts(3)) as other:
        chosen = scheduler.select_destinations(make_spec(), other)
        with pytest.raises(CommitConflict, match="was not decided on in this pool"):
            two[0].commit(chosen)


def test_pools_on_one_database_have_one_identity(two):
    a, b = two
    assert a.uuid == b.uuid


def test_attribute_assigned_in_one_pool_is_that_of_the_other(two):
    a, b = two
    a["cmp2"].free_ram_mb = 7
    assert b["cmp2"].free_ram_mb == 7
    b.update("cmp2", traits={"HW_GPU"}, aggregates=[{"name": "ssd", "metadata": {"fast": "yes"}}])
    assert a["cmp2"].traits == frozenset({"HW_GPU"})
    assert a["cmp2"].aggregates[0].metadata == {"fast": "yes"}
    assert a["cmp2"].free_ram_mb == 7


def test_attribute_that_no_class_declares_is_shared_if_json_brings_it_back(two):
    a, b = two
    a["cmp2"].rack = "r1"
    assert b["cmp2"].rack == "r1"
    with pytest.raises(InvalidHost, match="cannot be saved"):
        a["cmp2"].rack = object()
    assert a["cmp2"].rack == "r1"


def test_hosts_come_and_go_through_every_pool(two):
    a, b = two
    b.add(HostState("cmp4", free_ram_mb=9, instances=["u9"]))
    assert [host.host for host in a] == ["cmp1", "cmp2", "cmp3", "cmp4"]
    assert a.host_of("u9").free_ram_mb == 9
    a.remove("cmp4")
    assert "cmp4" not in b
    with pytest.raises(KeyError):
        b.host_of("u9")
    assert len(a) == len(b) == 3


def test_host_that_is_added_is_the_object_that_the_pool_keeps(two):
    host = HostState("cmp4")
    two[0].add(host)
    host.free_ram_mb = 12
    assert two[1]["cmp4"].free_ram_mb == 12


def test_report_through_one_pool_counts_what_another_committed_on_top(two):
    a, b = two
    (selection,) = scheduler.place(make_spec(), a)
    b.report(selection.host, free_ram_mb=4000, instances=[])
    assert a[selection.host].free_ram_mb == 4000 - 512
    assert not a.report(selection.host, free_ram_mb=1, observed_at="2020-01-01").accepted


def test_instance_that_left_is_known_to_reports_made_before(two):
    a, b = two
    (selection,) = scheduler.place(make_spec(), a)
    measured = a.clock()
    a.release(selection)
    b.report(selection.host, free_ram_mb=3584, observed_at=measured, instances=[selection.instance_uuid])
    assert a[selection.host].free_ram_mb == 4096


def test_instance_is_built_adopted_and_moved_through_every_pool(two):
    a, b = two
    (selection,) = scheduler.place(make_spec(), a)
    b.built(selection.instance_uuid)
    assert a[selection.host].num_io_ops == 0
    b.adopt("cmp3", [{"uuid": "u7", "flavor": {"memory_mb": 100}}])
    assert a.host_of("u7").host == "cmp3"
    (moved,) = scheduler.place(
        make_spec(instance_uuid=selection.instance_uuid, ignore_hosts=[selection.host]), b, move=True
    )
    assert a.host_of(selection.instance_uuid).host == moved.host != selection.host


def test_several_requests_are_placed_all_or_none(two):
    a, b = two
    with pytest.raises(NoValidHost):
        scheduler.place_all([make_spec(512), make_spec(90000)], a)
    assert free(b) == {"cmp1": 4096, "cmp2": 4096, "cmp3": 4096}
    placed = scheduler.place_all([make_spec(512), make_spec(1024)], a)
    assert {b.host_of(one.instance_uuid).host for (one,) in placed} == {one.host for (one,) in placed}
    assert sum(free(b).values()) == 3 * 4096 - 1536


def test_reservation_made_through_one_pool_is_kept_by_the_other(two):
    a, b = two
    scheduler.reserve(make_spec(4096), a, 3, name="batch", owners={"project_id": "p"})
    with pytest.raises(NoValidHost):
        scheduler.place(make_spec(4096, project_id="q"), b)
    scheduler.place(make_spec(4096, project_id="p"), b)
    assert len(a.reservations["batch"].instance_uuids) == 2
    with pytest.raises(InvalidRequest, match="there is a reservation 'batch' already"):
        scheduler.reserve(make_spec(), b, 1, name="batch", owners={"project_id": "p"})
    b.unreserve("batch")
    assert a.reservations == {}


# -- groups ----------------------------------------------------------------------------------------


def test_group_is_what_the_store_holds_whatever_the_request_says(two):
    a, b = two
    group = InstanceGroup(policy="anti-affinity", uuid="g1")
    (first,) = scheduler.place(make_spec(instance_group=group), a)
    others = [name for name in ("cmp1", "cmp2", "cmp3") if name != first.host]
    # An old list: the member was on these, long ago.
    old = InstanceGroup(policy="anti-affinity", uuid="g1", hosts=others, members=["gone1", "gone2"])
    (second,) = scheduler.place(make_spec(instance_group=old), b)
    assert second.host in others
    assert set(a.members("g1")) == {first.instance_uuid, second.instance_uuid}


def test_group_without_a_uuid_is_refused(two):
    spec = make_spec(instance_group=InstanceGroup(policy="affinity"))
    with pytest.raises(InvalidRequest, match="needs a uuid on a shared pool") as caught:
        scheduler.place(spec, two[0])
    assert caught.value.field == "instance_group"


def test_group_that_another_scheduler_grew_since_the_decision_is_a_conflict(two):
    a, b = two
    group = InstanceGroup(policy="anti-affinity", uuid="g1")
    (chosen,) = scheduler.select_destinations(make_spec(instance_group=group), a)
    others = [name for name in ("cmp1", "cmp2", "cmp3") if name != chosen.host]
    scheduler.place(make_spec(instance_group=group, force_hosts=others[:1]), b)
    with pytest.raises(CommitConflict, match="group 'g1' changed") as caught:
        a.commit(chosen)
    assert caught.value.groups == ("g1",)


# -- claims that expire ----------------------------------------------------------------------------


def test_claim_that_nobody_confirms_is_given_back_by_whoever_comes_by(two, open_pool):
    (selection,) = scheduler.place(make_spec(), open_pool(claim_ttl=0.01), confirm=False)
    b = two[1]
    while True:
        try:
            b.instance(selection.instance_uuid)
        except KeyError:
            break
    assert sum(free(two[0]).values()) == 3 * 4096


def test_claim_that_is_confirmed_stays(two, open_pool):
    a, b = two
    (kept,) = scheduler.place(make_spec(), a, confirm=False)
    (lost,) = scheduler.place(make_spec(), a, confirm=False)
    b.confirm(kept.instance_uuid)
    with writing(a._engine) as connection:
        connection.execute(update(schema.instances).where(schema.instances.c.expires_at > 0).values(expires_at=1.0))
    late = open_pool()
    assert {one for host in late for one in host.instances} == {kept.instance_uuid}
    assert {one for host in b for one in host.instances} == {kept.instance_uuid}
    with pytest.raises(InvalidRequest, match=r"is on no host.*within 60 seconds"):
        a.confirm(lost)


def test_claim_whose_time_is_over_is_not_confirmed(two):
    a, b = two
    (late,) = scheduler.place(make_spec(), a, confirm=False)
    with writing(a._engine) as connection:
        connection.execute(update(schema.instances).values(expires_at=1.0))
    with pytest.raises(CommitConflict):
        b.confirm(late)


def test_claim_that_expires_needs_a_shared_pool():
    with pytest.raises(InvalidRequest, match=r"needs a SharedPool.* a HostPool commits at once") as caught:
        scheduler.place(make_spec(), HostPool(make_hosts(1)), confirm=False)
    assert caught.value.field == "confirm"


# -- opening ---------------------------------------------------------------------------------------


def test_host_pool_is_imported_whole(open_pool, tmp_path):
    local = HostPool(make_hosts(2))
    (selection,) = scheduler.place(make_spec(), local)
    local.report("cmp2", free_ram_mb=50, observed_at=None)
    local["cmp1"].rack = "r9"
    pool = open_pool(local)
    assert pool.instance(selection.instance_uuid) == local.instance(selection.instance_uuid)
    assert pool["cmp2"].free_ram_mb == 50
    assert pool["cmp1"].rack == "r9"
    assert not pool.report("cmp2", free_ram_mb=1, observed_at="2020-01-01").accepted
    pool.save(tmp_path / "saved.jsonl")
    again = HostPool.load(tmp_path / "saved.jsonl")
    assert [host.to_dict() for host in again] == [host.to_dict() for host in pool]


def test_columns_are_imported(database_url):
    with SharedPool.from_columns(["a", "b"], url=database_url, free_ram_mb=[5, 6]) as pool:
        assert {host.host: host.free_ram_mb for host in pool} == {"a": 5, "b": 6}
    with pytest.raises(InvalidRequest, match="needs url"):
        SharedPool.from_columns(["a"])


def test_hosts_in_another_pool_stay_there(open_pool):
    local = HostPool(make_hosts(1))
    pool = open_pool(local)
    pool["cmp1"].free_ram_mb = 3
    assert local["cmp1"].free_ram_mb == 4096


def test_second_pool_in_one_database_is_an_error(two, database_url):
    with pytest.raises(PoolError, match="there is a pool in this database already"):
        SharedPool.create(database_url, make_hosts(1))
    assert len(two[1]) == 3


class Rack(HostState):
    rack: str = "r0"
    disks: int = 0

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.disks -= 1
        return {"disks": 1}

    def release_instance(self, instance):
        super().release_instance(instance)
        self.disks += instance.consumed["disks"]


def test_class_of_hosts_comes_back_with_what_it_adds(open_pool):
    a, b = open_pool([Rack("cmp1", rack="r7", disks=4, free_ram_mb=4096, total_usable_ram_mb=4096)]), open_pool()
    (selection,) = scheduler.place(make_spec(), a, filters=["RamFilter"])
    assert type(b["cmp1"]) is Rack
    assert (b["cmp1"].rack, b["cmp1"].disks) == ("r7", 3)
    b.release(selection.instance_uuid)
    assert a["cmp1"].disks == 4


def test_class_that_cannot_be_imported_is_refused_by_name(database_url):
    class Local(HostState):
        pass

    with pytest.raises(InvalidHost, match=r"'cmp9'.*Local cannot be imported") as caught:
        SharedPool.create(database_url, [Local("cmp9")])
    assert caught.value.host == "cmp9"
    SharedPool.create(database_url).close()


@pytest.mark.parametrize("given", [5, [None], ["u1", 7]])
def test_only_selections_and_uuids_are_confirmed(two, given):
    with pytest.raises(InvalidRequest, match="only selections and uuids can be confirmed"):
        two[0].confirm(given)


@pytest.mark.parametrize("option", ["claim_attempts", "log_length", "claim_ttl"])
def test_option_that_is_out_of_bounds_is_refused_by_name(option, tmp_path):
    url = f"sqlite:///{tmp_path / 'pool.db'}"
    SharedPool.create(url).close()
    with pytest.raises(InvalidRequest, match=f"{option} must be") as caught:
        SharedPool(url, **{option: 0})
    assert caught.value.field == option


def test_copy_of_a_pool_is_a_pool_of_this_process(two):
    copied = copy.copy(two[0])
    scheduler.place(make_spec(), copied)
    assert type(copied) is HostPool
    assert [len(list(host.instances)) for host in two[1]] == [0, 0, 0]


def test_claim_that_expires_is_refused_in_a_transaction(two):
    a, b = two
    with pytest.raises(InvalidRequest, match="in a transaction"):
        a.transaction(lambda: scheduler.place(make_spec(), a, confirm=False))
    assert free(b) == {"cmp1": 4096, "cmp2": 4096, "cmp3": 4096}


class Older(HostState):
    def consume_from_request(self, spec):
        self.free_ram_mb -= spec.memory_mb

    def release_request(self, spec):
        self.free_ram_mb += spec.memory_mb


def test_claim_that_nobody_could_give_back_is_refused(open_pool):
    pool = open_pool([Older("cmp1", free_ram_mb=4096, total_usable_ram_mb=4096)])
    with pytest.raises(InvalidRequest, match="nobody could give a claim back"):
        scheduler.place(make_spec(), pool, filters=["RamFilter"], confirm=False)
    assert pool["cmp1"].free_ram_mb == 4096


def test_older_decision_of_a_group_conflicts_with_requests_placed_together_since(open_pool):
    pool = open_pool(make_hosts(3))
    group = InstanceGroup(policy="anti-affinity", uuid="g1")
    (chosen,) = scheduler.select_destinations(make_spec(instance_group=group), pool)
    others = [name for name in ("cmp1", "cmp2", "cmp3") if name != chosen.host]
    scheduler.place_all([make_spec(instance_group=group, force_hosts=[name]) for name in others], pool)
    with pytest.raises(CommitConflict, match="group 'g1' changed"):
        pool.commit(chosen)


def test_requests_of_one_group_are_placed_together(two):
    a, b = two
    group = InstanceGroup(policy="anti-affinity", uuid="g1")
    placed = scheduler.place_all([make_spec(instance_group=group) for _ in range(3)], a)
    assert sorted(b.host_of(one.instance_uuid).host for (one,) in placed) == ["cmp1", "cmp2", "cmp3"]


class Forgetful(HostState):
    colour: str = "red"

    @classmethod
    def from_dict(cls, data):
        return super().from_dict({name: value for name, value in data.items() if name != "colour"})


def test_class_that_is_not_the_same_when_it_is_read_back_is_refused_by_name(open_pool):
    with pytest.raises(InvalidHost, match=r"'cmp9'.*Forgetful cannot be read back; colour would be another") as caught:
        open_pool([Forgetful("cmp9", colour="blue")])
    assert caught.value.host == "cmp9"
    pool = open_pool([])
    with pytest.raises(InvalidHost, match="Forgetful cannot be read back"):
        pool.add(Forgetful("cmp9", colour="blue"))
    assert len(pool) == 0
