"""PlacementPool on a real Placement: what it reads, what it claims, what it refuses."""

from __future__ import annotations

import copy
import functools
import uuid
from typing import Any

import pytest

from filtersched import CommitConflict, Flavor, HostPool, InstanceGroup, InvalidRequest, NoValidHost, RequestSpec
from filtersched.errors import InvalidHost
from filtersched.schedulers.filter_scheduler import FilterScheduler
from filtersched.schedulers.observer import ClaimResult, Observer
from filtersched.shared import PlacementPool
from tests.placement_server import PlacementServer, session

# Many requests to a service, one after another.
pytestmark = pytest.mark.slow

SMALL = {"VCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 100}
FILTERS = ["RamFilter", "CoreFilter", "DiskFilter"]
FIRST, SECOND = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("first", "second"))


def opened(placement: PlacementServer, **how: Any) -> PlacementPool:
    return PlacementPool(session(), endpoint=placement.url, **{"max_age_s": None, **how})


def request(memory_mb: float = 1024, vcpus: float = 1, root_gb: float = 10, **facts: Any) -> RequestSpec:
    extra_specs = facts.pop("extra_specs", {})
    return RequestSpec(
        Flavor(memory_mb, vcpus, root_gb, extra_specs=extra_specs), **{"project_id": "p", "user_id": "u", **facts}
    )


@functools.cache
def scheduler(*filters: str) -> FilterScheduler:
    return FilterScheduler(filters=filters or FILTERS)


class Told(Observer):
    """Notes how many changes a reading found, and how claims ended."""

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def replica_read(self, changes: int, **how: Any) -> None:
        self.told.append(changes)

    def claim_ends(self, result: ClaimResult, *, conflicts: int, seconds: float) -> None:
        self.told.append((result, conflicts))


# -- reading -----------------------------------------------------------------------------------


def test_a_provider_is_a_host_with_what_is_not_reserved(placement):
    vcpus = {"total": 8, "allocation_ratio": 4.0}
    placement.add("cmp1", {"VCPU": vcpus, "MEMORY_MB": {"total": 8192, "reserved": 512}})
    host = opened(placement)["cmp1"]
    assert (host.uuid, host.nodename) == (placement.uuid("cmp1"), "cmp1")
    assert (host.vcpus_total, host.cpu_allocation_ratio) == (8, 4.0)
    assert (host.total_usable_ram_mb, host.free_ram_mb, host.ram_allocation_ratio) == (7680, 7680, 1.0)
    assert (host.total_usable_disk_gb, host.free_disk_mb) == (0, 0)


def test_allocations_of_others_are_instances_and_used(placement):
    placement.add("cmp1", SMALL)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}})
    host = opened(placement)["cmp1"]
    assert (host.vcpus_used, host.free_ram_mb, host.free_disk_mb, host.disk_mb_used) == (2, 6144, 81920, 20480)
    assert list(host.instances) == [FIRST]
    assert host.instances[FIRST].flavor == Flavor(2048, 2, 20)
    assert host.num_instances == 1


def test_traits_and_aggregates_are_those_of_the_provider(placement):
    aggregate = str(uuid.uuid4())
    placement.add("cmp1", SMALL, traits=("HW_CPU_X86_AVX2", "CUSTOM_GOLD"), aggregates=(aggregate,))
    host = opened(placement)["cmp1"]
    assert host.traits == {"HW_CPU_X86_AVX2", "CUSTOM_GOLD"}
    assert [(one.name, one.uuid) for one in host.aggregates] == [(aggregate, aggregate)]


def test_a_disabled_compute_has_a_disabled_service(placement):
    placement.add("cmp1", SMALL, traits=("COMPUTE_STATUS_DISABLED",))
    assert opened(placement)["cmp1"].service["disabled"] is True


def test_nested_providers_are_parts_of_their_host(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp1_gpu0", {"VGPU": {"total": 4, "allocation_ratio": 1.0}}, parent="cmp1", traits=("CUSTOM_A100",))
    placement.add("cmp1_gpu1", {"VGPU": 2}, parent="cmp1")
    placement.allocate(FIRST, {"cmp1": {"VCPU": 1}, "cmp1_gpu1": {"VGPU": 1}})
    pool = opened(placement)
    assert [host.host for host in pool] == ["cmp1"]
    assert pool["cmp1"].resources == {"VGPU": (6, 1)}
    assert pool["cmp1"].providers["cmp1_gpu1"]["resources"] == {"VGPU": (2, 1)}
    assert pool["cmp1"].providers["cmp1_gpu0"]["traits"] == {"CUSTOM_A100"}


def test_a_provider_that_shares_its_disk_is_no_host(placement):
    placement.add("cmp1", SMALL)
    placement.add("nfs", {"DISK_GB": 10000}, traits=("MISC_SHARES_VIA_AGGREGATE",))
    pool = opened(placement)
    assert [host.host for host in pool] == ["cmp1"]
    assert pool.sharing == ("nfs",)


def test_a_provider_without_inventory_takes_nothing(placement):
    placement.add("empty")
    pool = opened(placement)
    with pytest.raises(NoValidHost, match="PlacementFilter"):
        FilterScheduler(filters=[]).place(request(), pool)
    with pytest.raises(NoValidHost) as refusal:
        scheduler("RamFilter").place(request(), pool)
    assert refusal.value.explanation.why("empty").refused_by[0].reason == "provider 'empty' has no inventory of VCPU"


def test_refresh_reads_what_others_did(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 4}})
    placement.remove("cmp2")
    placement.add("cmp3", SMALL)
    assert pool["cmp1"].vcpus_used == 0
    pool.refresh()
    assert pool["cmp1"].vcpus_used == 4
    assert [host.host for host in pool] == ["cmp1", "cmp3"]


def test_a_decision_reads_what_others_did_if_the_last_reading_is_old(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement, max_age_s=0.0)
    placement.allocate(FIRST, {"cmp1": {"MEMORY_MB": 8192}})
    with pytest.raises(NoValidHost, match="RamFilter"):
        scheduler().place(request(), pool)


def test_a_reading_asks_for_what_others_changed_and_not_for_our_own_claims(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", {**SMALL, "MEMORY_MB": 16384})
    pool = opened(placement)
    scheduler().place(request(ignore_hosts=["cmp1"]), pool)
    (second,) = scheduler().place(request(ignore_hosts=["cmp1"]), pool)
    pool.release(second)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 1}})
    told: list[int] = []
    pool.observer = Told(told)
    pool.refresh()
    assert told == [1]
    assert (pool["cmp1"].vcpus_used, pool["cmp2"].vcpus_used) == (1, 1)


def test_what_is_known_of_an_instance_outlives_a_reading(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    group = InstanceGroup(uuid="g1", policy="anti-affinity")
    scheduler().place(request(instance_group=group, instance_uuid=FIRST), pool)
    before = pool.instance(FIRST)
    pool.refresh()
    assert pool.instance(FIRST) == before
    assert list(pool.members("g1")) == [FIRST]
    assert pool["cmp1"].num_io_ops == 1


def test_an_instance_that_another_client_resizes_has_the_new_amounts(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    scheduler().place(request(instance_uuid=FIRST), pool)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 10}})
    pool.refresh()
    assert pool.instance(FIRST).flavor == Flavor(4096, 2, 10)
    assert pool.instance(FIRST).project_id == "p"


# -- claiming ----------------------------------------------------------------------------------


def test_placing_allocates(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    scheduler().place(request(2048, 2, 20, instance_uuid=FIRST), pool)
    assert placement.allocations(FIRST) == {placement.uuid("cmp1"): {"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}}
    assert pool["cmp1"].free_ram_mb == 6144
    pool.refresh()
    assert pool["cmp1"].free_ram_mb == 6144


def test_the_allocation_has_the_project_the_user_and_swap(placement):
    placement.add("cmp1", SMALL)
    spec = RequestSpec(Flavor(512, 1, 1, 2, 1500), project_id="p1", user_id="u1", instance_uuid=FIRST)
    scheduler().place(spec, opened(placement))
    there = placement.ask("GET", f"/allocations/{FIRST}")
    assert (there["project_id"], there["user_id"], there["consumer_type"]) == ("p1", "u1", "INSTANCE")
    assert placement.usages("cmp1") == {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 5}


def test_extra_specs_override_sizes_as_in_nova(placement):
    placement.add("node1", {**SMALL, "CUSTOM_BAREMETAL": 1})
    pool = opened(placement)
    wishes = dict.fromkeys(("resources:VCPU", "resources:MEMORY_MB", "resources:DISK_GB"), "0")
    wishes["resources:CUSTOM_BAREMETAL"] = "1"
    scheduler().place(request(instance_uuid=FIRST, extra_specs=wishes), pool)
    assert placement.allocations(FIRST) == {placement.uuid("node1"): {"CUSTOM_BAREMETAL": 1}}


def test_a_numbered_group_is_allocated_of_the_part_that_it_fits_on(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp1_gpu0", {"VGPU": 1}, parent="cmp1")
    placement.add("cmp1_gpu1", {"VGPU": 4}, parent="cmp1")
    pool = opened(placement)
    spec = request(instance_uuid=FIRST, extra_specs={"resources1:VGPU": "2"})
    scheduler().place(spec, pool, filters=[*FILTERS, "ProvidersFilter"])
    assert placement.allocations(FIRST)[placement.uuid("cmp1_gpu1")] == {"VGPU": 2}
    pool.refresh()
    assert pool["cmp1"].providers["cmp1_gpu1"]["resources"] == {"VGPU": (4, 2)}


def test_a_class_without_a_group_is_allocated_of_the_first_part_with_room(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp1_gpu0", {"VGPU": 1}, parent="cmp1")
    placement.add("cmp1_gpu1", {"VGPU": 1}, parent="cmp1")
    pool = opened(placement)
    for key in (FIRST, SECOND):
        scheduler().place(request(instance_uuid=key, extra_specs={"resources:VGPU": "1"}), pool)
    assert placement.usages("cmp1_gpu0") == {"VGPU": 1}
    assert placement.usages("cmp1_gpu1") == {"VGPU": 1}


def test_figures_after_a_claim_are_those_of_placement(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    spec = RequestSpec(Flavor(1024, 4, 10, 0, 2048, extra_specs={"resources:VCPU": "1"}), project_id="p", user_id="u")
    scheduler().place(spec, pool)
    host = pool["cmp1"]
    assert placement.usages("cmp1") == {"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 12}
    assert (host.vcpus_used, host.free_ram_mb, host.free_disk_mb) == (1, 7168, 88 * 1024)


def test_all_instances_of_a_request_or_none(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp2": {"MEMORY_MB": 8000}})
    with pytest.raises(NoValidHost):
        scheduler().place(request(4096, num_instances=4), pool)
    assert placement.usages("cmp1") == {"VCPU": 0, "MEMORY_MB": 0, "DISK_GB": 0}
    assert pool["cmp1"].instances == {}


def test_a_host_that_is_full_meanwhile_is_left_for_the_next(placement):
    placement.add("cmp1", {**SMALL, "MEMORY_MB": 9000})
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp1": {"MEMORY_MB": 8500}})
    (chosen,) = scheduler().place(request(instance_uuid=SECOND), pool)
    assert chosen.host == "cmp2"
    assert list(placement.allocations(SECOND)) == [placement.uuid("cmp2")]
    assert pool["cmp1"].free_ram_mb == 500


def test_an_observer_is_told_how_claims_ended(placement):
    placement.add("cmp1", {**SMALL, "MEMORY_MB": 9000})
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    told: list[Any] = []
    pool.observer = Told(told)
    placement.allocate(FIRST, {"cmp1": {"MEMORY_MB": 9000}})
    for _ in range(2):
        scheduler().place(request(), pool)
    assert told == [("decided_anew", 1), ("held", 0)]


def test_a_full_class_that_no_filter_asks_about_is_left_for_the_next_too(placement):
    placement.add("cmp1", {**SMALL, "MEMORY_MB": 9000})
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 8}})
    (chosen,) = scheduler("RamFilter").place(request(), pool)
    assert chosen.host == "cmp2"


def test_a_host_that_vanishes_under_a_claim_is_left_for_the_next(placement):
    placement.add("cmp1", {**SMALL, "MEMORY_MB": 9000})
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.remove("cmp1")
    (chosen,) = scheduler().place(request(), pool)
    assert chosen.host == "cmp2"
    assert "cmp1" not in pool


def test_a_part_that_vanishes_under_a_claim_leaves_its_host(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp1_gpu", {"VGPU": 1}, parent="cmp1")
    pool = opened(placement)
    scheduler().place(request(instance_uuid=FIRST), pool)
    placement.remove("cmp1_gpu")
    with pytest.raises(NoValidHost, match="PlacementFilter"):
        scheduler().place(request(0, 0, 0, extra_specs={"resources:VGPU": "1"}), pool)
    assert pool.instance(FIRST).project_id == "p"
    assert pool["cmp1"].resources == {}


def test_smallest_largest_and_steps_of_amounts_are_asked_before_the_claim(placement):
    placement.add("cmp1", {**SMALL, "VCPU": {"total": 64, "max_unit": 8}, "MEMORY_MB": 90000})
    placement.add("cmp2", {**SMALL, "VCPU": {"total": 64, "step_size": 3}, "MEMORY_MB": 80000})
    placement.add("cmp3", {**SMALL, "VCPU": 64})
    pool = opened(placement, claim_attempts=1)
    (chosen,) = scheduler().place(request(vcpus=16), pool)
    assert chosen.host == "cmp3"
    why = scheduler().explain(request(vcpus=16), "cmp1", pool)
    assert why.refused_by[0].reason == "provider 'cmp1' gives out VCPU from 1 to 8 in steps of 1, asked 16"


def test_nobody_left_is_no_valid_host(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 8}})
    with pytest.raises(NoValidHost, match="1 refused by PlacementFilter") as refusal:
        scheduler("RamFilter").place(request(), pool)
    assert refusal.value.explanation.why("cmp1").refused_by[0].reason == "provider 'cmp1' has too little left of VCPU"


def test_tries_are_bounded(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement, claim_attempts=3)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 8}})
    with pytest.raises(CommitConflict) as conflict:
        scheduler("RamFilter").place(request(force_hosts=["cmp1"]), pool)
    assert conflict.value.hosts == ("cmp1",)
    assert conflict.value.__notes__ == ["Tried 3 times; refused were: cmp1."]
    assert pool["cmp1"].free_ram_mb == 8192


def test_commit_of_an_earlier_decision_conflicts_where_placement_refuses(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    chosen = scheduler().select_destinations(request(4096), pool)
    placement.allocate(FIRST, {"cmp1": {"MEMORY_MB": 8192}})
    with pytest.raises(CommitConflict) as conflict:
        pool.commit(chosen)
    assert conflict.value.hosts == ("cmp1",)
    assert conflict.value.selections == (chosen[0],)
    assert pool["cmp1"].free_ram_mb == 0


def test_several_requests_are_one_claim(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    specs = [request(instance_uuid=FIRST), request(2048, instance_uuid=SECOND)]
    scheduler().place_all(specs, pool)
    assert placement.usages("cmp1")["MEMORY_MB"] == 3072
    with pytest.raises(NoValidHost):
        scheduler().place_all([request(), request(8000)], pool)
    assert placement.usages("cmp1")["MEMORY_MB"] == 3072


def test_an_instance_that_placement_has_is_not_placed_again(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    placement.allocate(FIRST, {"cmp2": {"VCPU": 1}})
    with pytest.raises(InvalidRequest, match="has allocations in Placement already") as problem:
        scheduler().place(request(instance_uuid=FIRST), pool)
    assert problem.value.field == "instance_uuid"
    assert placement.allocations(FIRST) == {placement.uuid("cmp2"): {"VCPU": 1}}


def test_releasing_gives_the_allocations_back(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    (chosen,) = scheduler().place(request(instance_uuid=FIRST), pool)
    pool.release(chosen)
    assert placement.allocations(FIRST) == {}
    assert pool["cmp1"].free_ram_mb == 8192
    with pytest.raises(InvalidRequest):
        pool.release(chosen)


def test_an_instance_of_another_client_can_be_released(placement):
    placement.add("cmp1", SMALL)
    placement.allocate(FIRST, {"cmp1": {"VCPU": 2, "MEMORY_MB": 2048}})
    pool = opened(placement)
    pool.release(FIRST)
    assert placement.allocations(FIRST) == {}
    assert (pool["cmp1"].vcpus_used, pool["cmp1"].free_ram_mb, pool["cmp1"].instances) == (0, 8192, {})


def test_an_instance_whose_allocations_another_client_removed_cannot_be_released(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    scheduler().place(request(instance_uuid=FIRST), pool)
    placement.allocate(FIRST, {})
    with pytest.raises(InvalidRequest, match="has no allocations in Placement"):
        pool.release(FIRST)
    pool.refresh()
    assert pool["cmp1"].instances == {}
    assert pool["cmp1"].num_io_ops == 0


def test_moving_is_one_step(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", {**SMALL, "MEMORY_MB": 16384})
    pool = opened(placement)
    spec = request(instance_uuid=FIRST)
    scheduler().place(spec, pool)
    assert list(placement.allocations(FIRST)) == [placement.uuid("cmp2")]
    moved = request(instance_uuid=FIRST, ignore_hosts=["cmp2"])
    scheduler().place(moved, pool, move=True)
    assert placement.allocations(FIRST) == {placement.uuid("cmp1"): {"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 10}}
    assert placement.ask("GET", f"/allocations/{FIRST}")["consumer_generation"] == 2
    pool.refresh()
    assert (pool["cmp1"].free_ram_mb, pool["cmp2"].free_ram_mb) == (7168, 16384)


def test_a_move_that_placement_refuses_leaves_the_instance_where_it_is(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", {**SMALL, "MEMORY_MB": 16384})
    pool = opened(placement)
    scheduler().place(request(instance_uuid=FIRST), pool)
    placement.allocate(SECOND, {"cmp1": {"MEMORY_MB": 8192}})
    with pytest.raises(NoValidHost):
        scheduler().place(request(instance_uuid=FIRST, ignore_hosts=["cmp2"]), pool, move=True)
    assert list(placement.allocations(FIRST)) == [placement.uuid("cmp2")]
    assert pool.host_of(FIRST).host == "cmp2"


def test_a_transaction_that_fails_claims_nothing(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)

    def place_and_fail() -> None:
        scheduler().place(request(instance_uuid=FIRST), pool)
        raise InvalidRequest("changed my mind")

    with pytest.raises(InvalidRequest, match="changed my mind"):
        pool.transaction(place_and_fail)
    assert placement.allocations(FIRST) == {}
    assert pool["cmp1"].instances == {}


def test_a_refusal_at_the_end_of_a_transaction_undoes_all_of_it(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    placement.allocate(SECOND, {"cmp1": {"MEMORY_MB": 8192}})
    with pytest.raises(CommitConflict) as conflict:
        pool.transaction(lambda: [scheduler().place(request(), pool) for _ in range(2)])
    assert conflict.value.hosts == ("cmp1",)
    assert list(pool["cmp1"].instances) == [SECOND]
    assert placement.usages("cmp1")["MEMORY_MB"] == 8192


def test_a_transaction_is_not_interrupted_by_a_reading(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement, max_age_s=0.0)

    def place_and_read() -> None:
        scheduler().place(request(), pool)
        pool.refresh()

    with pytest.raises(InvalidRequest, match="transaction"):
        pool.transaction(place_and_read)
    assert placement.usages("cmp1")["VCPU"] == 0
    scheduler().place(request(), pool)
    assert placement.usages("cmp1")["VCPU"] == 1


def test_placed_and_released_in_one_transaction_claims_nothing(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)

    def place_and_release() -> None:
        (chosen,) = scheduler().place(request(instance_uuid=FIRST), pool)
        pool.release(chosen)
        scheduler().place(request(instance_uuid=SECOND), pool)

    pool.transaction(place_and_release)
    assert placement.allocations(FIRST) == {}
    assert list(placement.allocations(SECOND)) == [placement.uuid("cmp1")]


def test_group_rules_hold_against_the_servers_that_this_pool_placed(placement):
    placement.add("cmp1", SMALL)
    placement.add("cmp2", SMALL)
    pool = opened(placement)
    chooser = scheduler("RamFilter", "ServerGroupAntiAffinityFilter")
    group = InstanceGroup(uuid="g1", policy="anti-affinity")
    hosts = {chooser.place(request(instance_group=group), pool)[0].host for _ in range(2)}
    assert hosts == {"cmp1", "cmp2"}
    with pytest.raises(NoValidHost, match="ServerGroupAntiAffinityFilter"):
        chooser.place(request(instance_group=group), pool)


def test_a_claim_of_ours_is_not_lost_by_a_reading_that_began_before(placement):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    read = pool._reader.read

    def read_and_place(known: Any) -> Any:
        found = read(known)
        scheduler().place(request(instance_uuid=FIRST), pool)
        return found

    pool._reader.read = read_and_place  # type: ignore[method-assign]
    pool.refresh()
    assert list(pool["cmp1"].instances) == [FIRST]
    pool._reader.read = read  # type: ignore[method-assign]
    pool.refresh()
    assert list(pool["cmp1"].instances) == [FIRST]
    assert pool["cmp1"].free_ram_mb == 7168


# -- what it refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [request(instance_uuid="one"), request(instance_uuid=FIRST.upper())])
def test_an_instance_must_have_a_uuid(placement, spec):
    placement.add("cmp1", SMALL)
    with pytest.raises(InvalidRequest, match="by uuid") as problem:
        scheduler().place(spec, opened(placement))
    assert problem.value.field == "instance_uuid"


def test_a_flavor_must_take_something(placement):
    placement.add("cmp1", SMALL)
    with pytest.raises(InvalidRequest, match="takes nothing"):
        scheduler().place(request(0, 0, 0), opened(placement))


def test_a_flavor_must_have_whole_amounts(placement):
    placement.add("cmp1", SMALL)
    with pytest.raises(InvalidRequest, match=r"flavor\.vcpus must be a whole number") as problem:
        scheduler().place(request(vcpus=0.5), opened(placement))
    assert problem.value.field == "flavor.vcpus"


@pytest.mark.parametrize(
    "option", [{"claim_attempts": 0}, {"claim_attempts": True}, {"timeout_s": "1"}, {"max_age_s": -1.0}], ids=str
)
def test_an_option_that_makes_no_sense_is_named(placement, option):
    (name,) = option
    with pytest.raises(InvalidRequest, match=name) as problem:
        opened(placement, **option)
    assert problem.value.field == name


@pytest.mark.parametrize("figure", ["free_ram_mb", "vcpus_used", "traits", "num_instances"])
def test_what_placement_says_is_not_changed_here(placement, figure):
    placement.add("cmp1", SMALL)
    pool = opened(placement)
    with pytest.raises(InvalidHost) as reported:
        pool.report("cmp1", **{figure: 1})
    with pytest.raises(InvalidHost) as updated:
        pool.update("cmp1", **{figure: 1})
    with pytest.raises(InvalidHost) as assigned:
        setattr(pool["cmp1"], figure, 1)
    assert {one.value.attribute for one in (reported, updated, assigned)} == {figure}


def test_what_placement_does_not_say_is_reported_and_kept(placement):
    aggregate = str(uuid.uuid4())
    placement.add("cmp1", SMALL, aggregates=(aggregate,))
    placement.add("cmp2", SMALL, aggregates=(aggregate,))
    pool = opened(placement)
    named = {"name": "fast", "uuid": aggregate, "metadata": {"availability_zone": "north"}}
    pool.report("cmp1", aggregates=[named], metrics={"load": 0.5})
    placement.allocate(FIRST, {"cmp1": {"VCPU": 1}, "cmp2": {"VCPU": 1}})
    pool.refresh()
    assert [(one.name, one.value) for one in pool["cmp1"].metrics] == [("load", 0.5)]
    assert [one.availability_zone for host in pool for one in host.aggregates] == ["north", "north"]


@pytest.mark.parametrize(
    "call",
    [
        lambda pool: pool.add(copy.deepcopy(next(iter(pool)))),
        lambda pool: pool.remove("cmp1"),
        lambda pool: pool.adopt("cmp1", {}),
        lambda pool: pool.save("pool.jsonl"),
        lambda pool: scheduler().reserve(request(), pool, 1, name="r", owners={"project_id": "p"}),
        lambda pool: scheduler().place(request(), pool, confirm=False),
    ],
    ids=["add", "remove", "adopt", "save", "reserve", "confirm"],
)
def test_what_placement_does_not_keep_is_refused(placement, call):
    placement.add("cmp1", SMALL)
    with pytest.raises(InvalidRequest, match="Placement"):
        call(opened(placement))
    assert placement.usages("cmp1") == {"VCPU": 0, "MEMORY_MB": 0, "DISK_GB": 0}


def test_a_copy_is_a_pool_that_claims_nothing(placement):
    placement.add("cmp1", SMALL)
    twin = copy.copy(opened(placement))
    assert type(twin) is HostPool
    scheduler().place(request(), twin)
    assert placement.usages("cmp1") == {"VCPU": 0, "MEMORY_MB": 0, "DISK_GB": 0}
