"""Scheduler.commit, place(move=True), and groups that hosts know."""

from __future__ import annotations

import json

import pytest

from filtersched import (
    ChanceScheduler,
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InstanceGroup,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Selection,
    make_conf,
)

FLAVOR = Flavor(memory_mb=100, vcpus=1)
WEB = InstanceGroup(uuid="web", policy="anti-affinity")
TOGETHER = InstanceGroup(uuid="web", policy="affinity")
CONF = {
    "enabled_filters": "RamFilter,ServerGroupAffinityFilter,ServerGroupAntiAffinityFilter",
    "weight_classes": "RAMWeigher",
    "ram_allocation_ratio": 1.0,
}


def host(name: str, free_ram_mb: int = 1000, **attributes) -> HostState:
    return HostState(name, total_usable_ram_mb=1000, free_ram_mb=free_ram_mb, vcpus_total=8, **attributes)


@pytest.fixture
def pool() -> HostPool:
    return HostPool([host("a"), host("b", 900), host("c", 800)])


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def scheduler(request) -> FilterScheduler:
    return FilterScheduler(make_conf(**CONF), use_engine=request.param)


def decide(scheduler, hosts, uuid, **attributes):
    return scheduler.select_destinations(RequestSpec(FLAVOR, **attributes), hosts, [uuid])


# -- late commits ------------------------------------------------------------------------------


def test_host_that_changed_and_can_take_it_still_is_committed_to(pool, scheduler):
    selections = decide(scheduler, pool, "i1")
    pool["a"].free_ram_mb = 500
    with pytest.raises(CommitConflict):
        pool.commit(selections)
    scheduler.commit(selections, pool)
    assert (pool.host_of("i1").host, pool["a"].free_ram_mb) == ("a", 400)


def test_host_that_cannot_take_it_any_more_is_a_conflict_that_names_filter_and_shortage(pool, scheduler):
    selections = decide(scheduler, pool, "i1")
    pool["a"].free_ram_mb = 40
    with pytest.raises(CommitConflict, match=r"a changed .* instance i1 now: RamFilter: lacks 60 MB of RAM") as caught:
        scheduler.commit(selections, pool)
    conflict = caught.value
    assert (conflict.hosts, conflict.verdict.filter, conflict.verdict.reason.have) == (("a",), "RamFilter", 40)
    assert not pool["a"].instances


def test_what_was_chosen_on_one_host_together_must_fit_together(pool, scheduler):
    spec = RequestSpec(FLAVOR, num_instances=3, force_hosts=["a"])
    selections = scheduler.select_destinations(spec, pool, list("xyz"))
    unforced = [
        Selection.from_dict({**one.to_dict(), "spec": RequestSpec(FLAVOR, instance_uuid=one.instance_uuid).to_dict()})
        for one in selections
    ]
    pool["a"].free_ram_mb = 250
    with pytest.raises(CommitConflict, match="instance z now: RamFilter"):
        scheduler.commit(unforced, pool)
    assert not pool["a"].instances
    pool["a"].free_ram_mb = 300
    scheduler.commit(unforced, pool)
    assert pool["a"].free_ram_mb == 0


def test_host_that_was_removed_is_a_conflict(pool, scheduler):
    selections = decide(scheduler, pool, "i1")
    pool.remove("a")
    with pytest.raises(CommitConflict, match="a was removed"):
        scheduler.commit(selections, pool)


def test_selection_of_another_pool_is_a_conflict(pool, scheduler):
    selections = decide(scheduler, HostPool([host("a")]), "i1")
    with pytest.raises(CommitConflict, match="not decided on in this pool"):
        scheduler.commit(selections, pool)


def test_two_late_decisions_of_an_affinity_group_do_not_land_on_two_hosts(pool, scheduler):
    first = decide(scheduler, pool, "i1", instance_group=TOGETHER)
    second = decide(scheduler, pool, "i2", instance_group=TOGETHER, force_hosts=["b"])
    other = decide(scheduler, pool, "i3", instance_group=TOGETHER, ignore_hosts=["a"])
    same = decide(scheduler, pool, "i4", instance_group=TOGETHER)
    scheduler.commit(first, pool)
    with pytest.raises(CommitConflict, match="group 'web' changed"):
        pool.commit(second)
    with pytest.raises(CommitConflict, match="ServerGroupAffinityFilter: the group is on a"):
        scheduler.commit(other, pool)
    scheduler.commit(same, pool)
    assert pool.host_of("i4").host == "a"


def test_late_decision_of_an_anti_affinity_group_is_asked_again(pool, scheduler):
    late = decide(scheduler, pool, "i1", instance_group=WEB)
    scheduler.place(RequestSpec(FLAVOR, instance_group=WEB), pool, ["i2"])
    with pytest.raises(CommitConflict, match="ServerGroupAntiAffinityFilter"):
        scheduler.commit(late, pool)


def test_decision_of_a_whole_group_is_committed_after_a_change_elsewhere(pool, scheduler):
    spec = RequestSpec(FLAVOR, instance_group=WEB, num_instances=3)
    selections = scheduler.select_destinations(spec, pool, ["i1", "i2", "i3"])
    pool["b"].num_io_ops = 3
    scheduler.commit([Selection.from_dict(json.loads(json.dumps(one.to_dict()))) for one in selections], pool)
    assert [list(one.instances) for one in pool] == [["i1"], ["i2"], ["i3"]]


def test_driver_without_filters_commits_to_a_host_that_changed(pool):
    scheduler = ChanceScheduler()
    selections = decide(scheduler, pool, "i1")
    pool[selections[0].host].free_ram_mb = 5
    scheduler.commit(selections, pool)
    assert pool.host_of("i1").host == selections[0].host


def test_reports_between_decision_and_commit_are_no_conflict(pool, scheduler):
    for number in range(20):
        selections = decide(scheduler, pool, f"i{number}")
        for name in ("a", "b", "c"):
            pool.report(name, failed_builds=number, instances=list(pool[name].instances))
        scheduler.commit(selections, pool)
    assert sum(len(one.instances) for one in pool) == 20


# -- moves -------------------------------------------------------------------------------------


def test_instance_is_weighed_against_its_own_host_without_itself(scheduler):
    pool = HostPool([host("a"), host("b", 950)])
    scheduler.place(RequestSpec(FLAVOR), pool, ["i1"])
    assert scheduler.place(RequestSpec(FLAVOR), pool, ["i1"], move=True)[0].host == "a"
    assert (pool["a"].free_ram_mb, pool["a"].num_instances) == (900, 1)


def test_move_is_not_answered_by_what_was_decided_for_the_same_request(scheduler):
    pool = HostPool([host("a"), host("b", 950)])
    spec = RequestSpec(FLAVOR)
    scheduler.place(spec, pool, ["i1"])
    for _time in range(3):
        assert scheduler.select_destinations(spec, pool)[0].host == "b"
    assert scheduler.place(spec, pool, ["i1"], move=True)[0].host == "a"


def test_instance_goes_where_it_is_better_now(pool, scheduler):
    scheduler.place(RequestSpec(FLAVOR), pool, ["i1"])
    pool["a"].free_ram_mb = 100
    selection = scheduler.place(RequestSpec(Flavor(memory_mb=300)), pool, ["i1"], move=True)[0]
    assert (selection.host, pool.host_of("i1").host) == ("b", "b")
    assert (pool["a"].free_ram_mb, pool["b"].free_ram_mb, dict(pool["a"].instances)) == (200, 600, {})


def test_resize_fits_where_only_its_own_room_makes_it_fit(scheduler):
    pool = HostPool([host("a", 300)])
    scheduler.place(RequestSpec(Flavor(memory_mb=300)), pool, ["i1"])
    scheduler.place(RequestSpec(Flavor(memory_mb=250)), pool, ["i1"], move=True)
    assert pool["a"].free_ram_mb == 50


def test_refused_move_leaves_everything_as_it_was(pool, scheduler):
    scheduler.place(RequestSpec(FLAVOR), pool, ["i1"])
    before = [one.to_dict() for one in pool]
    with pytest.raises(NoValidHost) as caught:
        scheduler.place(RequestSpec(Flavor(memory_mb=1001)), pool, ["i1"], move=True)
    assert "a lacks 1 MB of RAM (free 1000, asked 1001)" in str(caught.value)
    assert [one.to_dict() for one in pool] == before


@pytest.mark.parametrize("group", [WEB, TOGETHER], ids=["apart", "together"])
def test_group_lets_its_only_member_stay_and_go(pool, scheduler, group):
    scheduler.place(RequestSpec(FLAVOR, instance_group=group), pool, ["i1"])
    assert scheduler.place(RequestSpec(FLAVOR, instance_group=group), pool, ["i1"], move=True)[0].host == "a"
    pool["a"].free_ram_mb = 0
    assert scheduler.place(RequestSpec(FLAVOR, instance_group=group), pool, ["i1"], move=True)[0].host == "b"


def test_several_instances_move_together(pool, scheduler):
    scheduler.place(RequestSpec(FLAVOR, num_instances=2), pool, ["i1", "i2"])
    spec = RequestSpec(FLAVOR, num_instances=2, ignore_hosts=["a"])
    scheduler.place(spec, pool, ["i1", "i2"], move=True)
    assert not pool["a"].instances
    assert sum(one.num_instances for one in pool) == 2


def test_instance_that_is_nowhere_cannot_move(pool, scheduler):
    with pytest.raises(InvalidRequest, match="i1 is not on a host of this pool"):
        scheduler.place(RequestSpec(FLAVOR), pool, ["i1"], move=True)


# -- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_list", [False, True], ids=["pool", "list"])
def test_group_needs_only_its_name_and_policy(pool, scheduler, as_list):
    for uuid in ("i1", "i2", "i3"):
        chosen = decide(scheduler, list(pool) if as_list else pool, uuid, instance_group=WEB)[0].host
        pool.adopt(chosen, [Instance(uuid, groups=["web"])])
    assert [list(one.instances) for one in pool] == [["i1"], ["i2"], ["i3"]]
    with pytest.raises(NoValidHost):
        decide(scheduler, list(pool) if as_list else pool, "i4", instance_group=WEB)


def test_what_the_request_says_of_its_group_is_added(pool, scheduler):
    pool["b"].instances = ["other"]
    pool.adopt("a", [Instance("i1", groups=["web"])])
    group = InstanceGroup(uuid="web", policy="anti-affinity", members=["other"], hosts=["b"])
    selection = decide(scheduler, pool, "i2", instance_group=group)[0]
    assert selection.host == "c"
    assert (selection.spec.instance_group.members, selection.spec.instance_group.hosts) == (
        ("other", "i1", "i2"),
        ("b", "a"),
    )


def test_two_decisions_for_one_host_are_not_committed_to_the_pool_together(scheduler):
    pool = HostPool([host("a")])
    first, second = (decide(scheduler, pool, uuid) for uuid in ("i1", "i2"))
    with pytest.raises(CommitConflict, match="a: several decisions of this call draw on it") as caught:
        pool.commit([*first, *second])
    assert (caught.value.hosts, caught.value.selections) == (("a",), tuple(second))
    assert pool["a"].instances == {}


def test_scheduler_commits_decisions_for_one_host_one_after_another_or_none_of_them(scheduler):
    pool = HostPool([host("a")])
    wanted = [one for uuid in ("i1", "i2", "i3") for one in decide(scheduler, pool, uuid)]
    memory = wanted[0].spec.memory_mb
    pool.update("a", free_ram_mb=3 * memory)
    again = [one for uuid in ("i1", "i2", "i3") for one in decide(scheduler, pool, uuid)]
    scheduler.commit(again, pool)
    assert (pool["a"].free_ram_mb, sorted(pool["a"].instances)) == (0, ["i1", "i2", "i3"])
    pool.release(["i1", "i2", "i3"])
    pool.update("a", free_ram_mb=3 * memory - 1)
    again = [one for uuid in ("i1", "i2", "i3") for one in decide(scheduler, pool, uuid)]
    with pytest.raises(CommitConflict, match="instance i3 now: RamFilter"):
        scheduler.commit(again, pool)
    assert (pool["a"].free_ram_mb, pool["a"].instances) == (3 * memory - 1, {})


def test_two_decisions_of_one_group_are_not_committed_to_the_pool_together(scheduler):
    pool = HostPool([host("a"), host("b", 900)])
    group = {"uuid": "g", "policy": "anti-affinity"}
    first = decide(scheduler, pool, "i1", instance_group=group)
    second = decide(scheduler, pool, "i2", instance_group=group, ignore_hosts=["a"])
    with pytest.raises(CommitConflict, match="group 'g': several decisions") as caught:
        pool.commit([*first, *second])
    assert caught.value.groups == ("g",)
    scheduler.commit([*first, *second], pool)
    assert sorted(pool.members("g")) == ["i1", "i2"]


def test_decisions_that_share_nothing_and_selections_of_one_are_committed_together(scheduler):
    pool = HostPool([host("a"), host("b", 900)])
    first = scheduler.select_destinations(RequestSpec(FLAVOR), pool, ["i1"], seed=1)
    second = scheduler.select_destinations(RequestSpec(FLAVOR, ignore_hosts=["a"]), pool, ["i2"], seed=1)
    pool.commit([*first, *second])
    assert [sorted(one.instances) for one in pool] == [["i1"], ["i2"]]
    pool.release(["i1", "i2"])
    memory = first[0].spec.memory_mb
    pool.update("a", free_ram_mb=2 * memory)
    spec = RequestSpec({"memory_mb": memory}, num_instances=2, ignore_hosts=["b"])
    pool.commit(reversed(scheduler.select_destinations(spec, pool)))
    assert len(pool["a"].instances) == 2
