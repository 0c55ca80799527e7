"""What happens when another scheduler is faster: conflicts, alternates, deciding anew, and giving up."""

import threading

import pytest

from filtersched import (
    Flavor,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.placement import CommitConflict
from filtersched.schedulers.filter_scheduler import FilterScheduler
from filtersched.shared import SharedPool
from filtersched.shared.claims import ClaimCounts


class Meddler(BaseHostFilter):
    """Passes every host; while a decision is made, it does what another scheduler does at the same time."""

    def __init__(self, *acts):
        super().__init__()
        self.acts = list(acts)

    def filter_all(self, hosts, spec):
        if self.acts:
            meanwhile(self.acts.pop(0))
        return list(hosts)


def meanwhile(act):
    """Let another thread do it, and wait: a plug-in may not change a pool."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def make_spec(memory_mb=512, **fields):
    return RequestSpec(flavor=Flavor(memory_mb=memory_mb, vcpus=1), **fields)


def make_host(name, free_ram_mb):
    return HostState(name, total_usable_ram_mb=4096, free_ram_mb=free_ram_mb, vcpus_total=8)


CONF = make_conf(ram_allocation_ratio=1.0, cpu_allocation_ratio=16.0)


def scheduler_with(*acts, filters=("RamFilter",), **options):
    return FilterScheduler(CONF, filters=[*filters, Meddler(*acts)], weighers=["RAMWeigher"], **options)


@pytest.fixture
def two(database_url):
    """Two pools of three hosts, of which cmp1 is the best and cmp3 the worst."""
    hosts = [make_host("cmp1", 4000), make_host("cmp2", 3000), make_host("cmp3", 2000)]
    with SharedPool.create(database_url, hosts, claim_attempts=4) as a, SharedPool(database_url) as b:
        yield a, b


def test_claim_on_a_host_that_others_changed_holds_if_the_filters_accept_it(two):
    a, b = two
    scheduler = scheduler_with(lambda: b.update("cmp1", free_ram_mb=3500))
    (selection,) = scheduler.place(make_spec(), a)
    assert selection.host == "cmp1"
    assert b["cmp1"].free_ram_mb == 2988
    assert selection.host_state.free_ram_mb == 2988
    assert a.claims == ClaimCounts(held_newer=1, conflicts=1)


def test_claim_goes_to_the_alternate_if_the_filters_refuse_the_host_by_now(two):
    a, b = two
    (selection,) = scheduler_with(lambda: b.update("cmp1", free_ram_mb=100)).place(make_spec(), a)
    assert (selection.host, selection.alternates) == ("cmp2", ())
    assert (b["cmp1"].free_ram_mb, b["cmp2"].free_ram_mb) == (100, 2488)
    assert b.host_of(selection.instance_uuid).host == "cmp2"
    assert a.claims == ClaimCounts(alternate=1, conflicts=1)


def test_claim_is_decided_anew_if_the_host_and_its_alternates_are_full(two):
    a, b = two

    def fill():
        for name in ("cmp1", "cmp2", "cmp3"):
            b.update(name, free_ram_mb=100)
        b.add(make_host("cmp4", 900))

    (selection,) = scheduler_with(fill).place(make_spec(), a)
    assert selection.host == "cmp4"
    assert a.claims == ClaimCounts(decided_anew=1, conflicts=1)


def test_claim_finds_no_host_if_others_took_all(two):
    a, b = two

    def fill():
        for name in ("cmp1", "cmp2", "cmp3"):
            b.update(name, free_ram_mb=100)

    with pytest.raises(NoValidHost):
        scheduler_with(fill).place(make_spec(), a)
    assert [list(host.instances) for host in b] == [[], [], []]


def test_claim_on_a_host_that_was_removed_goes_elsewhere(two):
    a, b = two
    (selection,) = scheduler_with(lambda: b.remove("cmp1")).place(make_spec(), a)
    assert selection.host == "cmp2"
    assert "cmp1" not in a


def test_claim_that_meets_a_change_each_time_ends_with_what_was_tried(two):
    a, b = two

    class Busy(BaseHostFilter):
        def host_passes(self, host, spec):
            meanwhile(lambda: b.update("cmp1", num_io_ops=b["cmp1"].num_io_ops + 1))
            return True

    scheduler = FilterScheduler(CONF, filters=[Busy()], weighers=["RAMWeigher"])
    with pytest.raises(CommitConflict, match=r"4 times in a row, on cmp1;.*nothing was placed") as caught:
        scheduler.place(make_spec(), a)
    assert caught.value.hosts == ("cmp1",)
    assert caught.value.selections[0].host == "cmp1"
    assert [list(host.instances) for host in b] == [[], [], []]
    assert a.claims == ClaimCounts(conflict=1, conflicts=4)


def test_change_that_is_no_claim_is_made_again_on_the_newer_state(two):
    a, b = two
    scheduler = scheduler_with(lambda: b.update("cmp3", free_ram_mb=1500))
    reservation = scheduler.reserve(make_spec(), a, 3, name="batch", owners={"project_id": "p"})
    assert set(b.reservations["batch"].instance_uuids) == set(reservation.instance_uuids)
    (placed, other) = scheduler_with(lambda: b.update("cmp1", free_ram_mb=3000)).place_all(
        [make_spec(), make_spec(1024)], a
    )
    assert b.host_of(placed[0].instance_uuid).host == placed[0].host
    assert b.host_of(other[0].instance_uuid).host == other[0].host


def test_several_instances_are_claimed_all_or_none(two):
    a, b = two

    def meddle():
        b.update("cmp2", free_ram_mb=100)

    spec = make_spec(1500, num_instances=3)
    placed = scheduler_with(meddle).place(spec, a)
    assert sorted(one.host for one in placed) == ["cmp1", "cmp1", "cmp3"]
    assert b["cmp1"].free_ram_mb == 1000
    with pytest.raises(NoValidHost):
        scheduler_with().place(make_spec(900, num_instances=3), a)
    assert sorted(len(host.instances) for host in b) == [0, 1, 2]


def test_uuid_that_another_scheduler_places_at_the_same_time_is_placed_once(two):
    a, b = two

    def other():
        spec = make_spec(instance_uuid="u1", force_hosts=["cmp3"])
        b.commit(scheduler_with().select_destinations(spec, b))

    with pytest.raises(InvalidRequest, match="instance u1 is on host 'cmp3' already"):
        scheduler_with(other).place(make_spec(instance_uuid="u1"), a)
    assert b.host_of("u1").host == "cmp3"


@pytest.mark.parametrize("policy", ["anti-affinity", "affinity"])
def test_group_that_two_schedulers_grow_at_once_keeps_its_policy(two, policy):
    a, b = two
    name = "ServerGroupAntiAffinityFilter" if policy == "anti-affinity" else "ServerGroupAffinityFilter"

    def spec():
        return make_spec(instance_group=InstanceGroup(policy=policy, uuid="g1"))

    def other():
        plain = scheduler_with(filters=("RamFilter", name))
        chosen = spec()
        if policy == "affinity":
            chosen.force_hosts = ["cmp2"]
        plain.place(chosen, b)

    # Both see an empty group, and would take cmp1 under anti-affinity, cmp1 and cmp2 under affinity.
    scheduler_with(other, filters=("RamFilter", name)).place(spec(), a)
    hosts = sorted(host.host for host in b.members("g1").values())
    assert hosts == (["cmp1", "cmp2"] if policy == "anti-affinity" else ["cmp2", "cmp2"])
    assert a.claims.conflicts == 1


def test_reservation_of_one_name_that_two_schedulers_make_at_once_is_made_once(two):
    a, b = two

    def other():
        scheduler_with().reserve(make_spec(), b, 1, name="batch", owners={"project_id": "q"})

    with pytest.raises(InvalidRequest, match="there is a reservation 'batch' already"):
        scheduler_with(other).reserve(make_spec(), a, 2, name="batch", owners={"project_id": "p"})
    assert a.reservations["batch"].owners == {"project_id": "q"}
    assert len(a.reservations["batch"].instance_uuids) == 1


def test_transaction_of_the_caller_is_run_again_as_a_whole(two):
    a, b = two
    runs = []

    def act():
        runs.append(a["cmp1"].free_ram_mb)
        if len(runs) == 1:
            b.update("cmp1", free_ram_mb=1000)
        a.update("cmp1", free_ram_mb=a["cmp1"].free_ram_mb + 1)
        a.update("cmp2", num_io_ops=5)

    a.transaction(act)
    assert runs == [4000, 1000]
    assert (b["cmp1"].free_ram_mb, b["cmp2"].num_io_ops) == (1001, 5)


def test_transaction_that_raises_leaves_the_database_as_it_was(two):
    a, b = two

    def act():
        a.update("cmp1", free_ram_mb=1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        a.transaction(act)
    assert a["cmp1"].free_ram_mb == b["cmp1"].free_ram_mb == 4000
    a.update("cmp1", free_ram_mb=2)
    assert b["cmp1"].free_ram_mb == 2


def test_replica_that_fell_behind_a_pruned_log_reads_everything_again(database_url):
    hosts = [make_host("cmp1", 4000), make_host("cmp2", 1)]
    with SharedPool.create(database_url, hosts, log_length=5) as a, SharedPool(database_url) as b:
        scheduler = scheduler_with()
        placed = [scheduler.place(make_spec(64, instance_uuid=f"u{number}"), a)[0] for number in range(30)]
        a.release(placed[0])
        a.remove("cmp2")
        a.add(make_host("cmp3", 7))
        assert [host.host for host in b] == ["cmp1", "cmp3"]
        assert b["cmp1"].free_ram_mb == a["cmp1"].free_ram_mb == 4000 - 29 * 64
        assert set(b["cmp1"].instances) == {f"u{number}" for number in range(1, 30)}
        chosen = scheduler.select_destinations(make_spec(), a)
        b.commit(chosen)
        assert a.host_of(chosen[0].instance_uuid).host == "cmp1"


def test_plugin_that_places_while_it_decides_is_refused(two):
    a, b = two

    class Placing(BaseHostFilter):
        def host_passes(self, host, spec):
            scheduler_with().place(make_spec(), b)
            return True

    with pytest.raises(InvalidHost, match="may not be changed while hosts are being chosen"):
        FilterScheduler(CONF, filters=[Placing()]).place(make_spec(), a)
    assert [list(host.instances) for host in a] == [[], [], []]
