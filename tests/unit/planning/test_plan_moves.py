"""plan_moves: drained and evened hosts, what stays, and what cannot be planned."""

from __future__ import annotations

import pytest

from filtersched import (
    BaseHostFilter,
    ChanceScheduler,
    FilterScheduler,
    HostPool,
    InvalidRequest,
    RequestSpec,
    make_conf,
)
from filtersched.planning import audit, plan_moves
from tests.unit.planning.running import host, instance

FILTERS = "RamFilter,CoreFilter"
APART = {"uuid": "apart", "policy": "anti-affinity"}


def told(plan):
    return [(move.instance_uuid, move.source, move.target) for move in plan.moves]


@pytest.fixture(scope="module")
def scheduler():
    return FilterScheduler(make_conf(enabled_filters=FILTERS))


def test_drained_host_loses_every_instance(scheduler):
    pool = HostPool([host("a", instance("i1"), instance("i2", 2048)), host("b", ram=2048), host("c", ram=1024)])
    plan = plan_moves(scheduler, pool, drain=["a"])
    assert told(plan) == [("i2", "a", "b"), ("i1", "a", "c")]
    assert (plan.measure_before, plan.measure_after, plan.reached, plan.gain) == (2, 0, True, 2)


def test_planning_changes_nothing_in_the_pool(scheduler):
    pool = HostPool([host("a", instance("i1"), instance("i2", 2048)), host("b")])
    before = [one.to_dict() for one in pool]
    plan_moves(scheduler, pool, drain=["a"])
    plan_moves(scheduler, pool)
    assert [one.to_dict() for one in pool] == before


def test_instance_that_fits_nowhere_is_left_with_the_reason(scheduler):
    pool = HostPool([host("a", instance("i1", 4096)), host("b", ram=2048)])
    plan = plan_moves(scheduler, pool, drain=["a"])
    assert (plan.moves, plan.reached) == ((), False)
    (left,) = plan.left
    assert (left.instance_uuid, left.host) == ("i1", "a")
    assert "2048 MB" in left.reason


def test_another_instance_makes_way_where_a_drained_one_fits_nowhere_else(scheduler):
    pool = HostPool(
        [
            host("a", instance("big", 4096)),
            host("b", instance("small", 1024), ram=4096),
            host("c", ram=1024),
        ]
    )
    plan = plan_moves(scheduler, pool, drain=["a"])
    assert told(plan) == [("small", "b", "c"), ("big", "a", "b")]
    assert [move.gain for move in plan.moves] == [0, 1]


def test_group_keeps_its_members_apart_though_no_filter_of_the_configuration_does(scheduler):
    pool = HostPool(
        [host("a", instance("i1", groups=["apart"])), host("b", instance("i2", groups=["apart"])), host("c", ram=1024)]
    )
    assert told(plan_moves(scheduler, pool, drain=["a"], groups=[APART])) == [("i1", "a", "c")]


def test_rebalance_takes_the_move_with_the_largest_gain_first(scheduler):
    pool = HostPool([host("a", instance("i1", 4096, 4), instance("i2", 2048, 2)), host("b")])
    plan = plan_moves(scheduler, pool)
    assert told(plan) == [("i1", "a", "b")]
    # Shares of memory and CPUs 0.75 and 0, then 0.25 and 0.5: deviations of 0.375 and of 0.125 each.
    assert (plan.measure_before, plan.measure_after) == (pytest.approx(0.75), pytest.approx(0.25))
    assert plan.moves[0].gain == pytest.approx(0.5)


def test_no_move_that_brings_less_than_min_gain_is_planned(scheduler):
    pool = HostPool([host("a", instance("i1", 4096, 4), instance("i2", 2048, 2)), host("b")])
    assert plan_moves(scheduler, pool, min_gain=0.51).moves == ()
    assert len(plan_moves(scheduler, pool, min_gain=0.49).moves) == 1


def test_plan_has_no_more_moves_than_asked(scheduler):
    pool = HostPool([host("a", *(instance(f"i{at}") for at in range(6))), host("b"), host("c")])
    assert len(plan_moves(scheduler, pool, moves=2).moves) == 2
    assert len(plan_moves(scheduler, pool, moves=2, drain=["a"]).moves) == 2
    assert plan_moves(scheduler, pool, moves=0).moves == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"uuid": "i"}, "its flavor is unknown"),
        (instance("i", forced=True), "its request forced it to the host"),
        (
            instance("i", consumed={"numa_topology": [{"id": 0, "memory": 1024, "cpus": 0, "pinned_cpus": [1]}]}),
            "it has CPUs or devices of its host to itself",
        ),
        (
            {"uuid": "i", "flavor": {"memory_mb": 1, "vcpus": 1, "extra_specs": {"pci_passthrough:alias": "gpu:1"}}},
            "it has CPUs or devices of its host to itself",
        ),
    ],
    ids=["flavor", "forced", "pinned", "device"],
)
def test_instance_that_cannot_move_stays_and_is_counted(scheduler, record, reason):
    pool = HostPool([host("a", record, instance("i2")), host("b")])
    plan = plan_moves(scheduler, pool, drain=["a"])
    assert told(plan) == [("i2", "a", "b")]
    assert plan.staying_because == {reason: 1}
    assert ([one.instance_uuid for one in plan.left], plan.reached) == (["i"], False)


def test_reserved_place_stays(scheduler):

    pool = HostPool([host("a", instance("i2")), host("b")])
    spec = RequestSpec(flavor={"memory_mb": 1024, "vcpus": 1}, ignore_hosts=["b"])
    scheduler.reserve(spec, pool, 1, name="later", owners={"project_id": "p"})
    assert plan_moves(scheduler, pool, drain=["a"]).staying_because == {"it is a reserved place": 1}


def test_node_is_drained_alone(scheduler):
    pool = HostPool([host("a", instance("i1"), nodename="n1"), host("a", nodename="n2"), host("b", ram=512)])
    plan = plan_moves(scheduler, pool, drain=["n1"])
    assert told(plan) == [("i1", "a/n1", "a/n2")]
    assert (plan.moves[0].source_node, plan.moves[0].target_node) == ("n1", "n2")


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        ({"drain": ["aa"]}, "drain", "no host 'aa'"),
        ({"goal": "evne"}, "goal", "'even'"),
        ({"goal": "even", "drain": ["a"]}, "goal", "drain names hosts"),
        ({"goal": "drain"}, "drain", "which hosts"),
        ({"moves": -1}, "moves", "zero or more"),
        ({"moves": True}, "moves", "whole number"),
        ({"min_gain": float("nan")}, "min_gain", "zero or more"),
        ({"groups": [{"policy": "affinity"}]}, "groups", "uuid"),
        ({"groups": [APART, APART]}, "groups", "twice"),
        ({"groups": "apart"}, "groups", "list of groups"),
    ],
)
def test_what_cannot_be_planned_is_named(scheduler, given, field, word):
    pool = HostPool([host("a", instance("i1")), host("b")])
    with pytest.raises(InvalidRequest) as raised:
        plan_moves(scheduler, pool, **given)
    assert raised.value.field == field
    assert word in str(raised.value)


def test_group_whose_rules_nobody_gives_is_named_with_its_instance(scheduler):
    pool = HostPool([host("a", instance("i1", groups=["apart"])), host("b")])
    with pytest.raises(InvalidRequest, match="'apart' of instance i1"):
        plan_moves(scheduler, pool)


def test_pool_without_instances_is_an_error(scheduler):
    with pytest.raises(InvalidRequest, match="no instances"):
        plan_moves(scheduler, HostPool([host("a")]))


def test_scheduler_without_filters_is_an_error():
    with pytest.raises(InvalidRequest, match="FilterScheduler"):
        plan_moves(ChanceScheduler(), HostPool([host("a", instance("i1"))]))


def test_large_pool_is_evened_out_and_every_move_brings_something(scheduler):
    pool = HostPool(
        [host("full", *(instance(f"i{at}", 512) for at in range(8)), ram=65536, vcpus=64)]
        + [host(f"h{at}", instance(f"x{at}"), ram=65536, vcpus=64) for at in range(60)]
    )
    plan = plan_moves(scheduler, pool)
    assert {move.source for move in plan.moves} == {"full"}
    assert all(move.gain > 0 for move in plan.moves)
    assert plan.measure_after < plan.measure_before / 2


def test_plan_as_data_tells_each_move_with_its_number(scheduler):
    pool = HostPool([host("a", instance("i1", 4096, 4), instance("i2", 2048, 2)), host("b")])
    data = plan_moves(scheduler, pool).to_dict()
    assert [(one["number"], one["instance_uuid"], one["target"]) for one in data["moves"]] == [(1, "i1", "b")]
    assert (data["goal"], data["gain"], data["after"]["hosts_in_use"]) == ("even", pytest.approx(0.5), 2)


def test_emptied_hosts_are_named_to_be_switched_off(scheduler):
    pool = HostPool([host("a", instance("i1")), host("b", instance("i2"), instance("i3")), host("c", instance("i4"))])
    plan = plan_moves(scheduler, pool, goal="empty")
    assert (plan.switch_off, plan.after.hosts_in_use, len(plan.moves)) == (("a", "c"), 1, 2)


def test_hosts_that_take_instances_keep_a_share_free(scheduler):
    pool = HostPool([host("a", instance("i1", 2048)), host("b", instance("i2", 4096))])
    assert plan_moves(scheduler, pool, goal="empty", keep_free=0.25).switch_off == ("a",)
    assert plan_moves(scheduler, pool, goal="empty", keep_free=0.26).moves == ()


def test_large_pool_is_emptied_host_by_host(scheduler):
    pool = HostPool([host(f"h{at}", instance(f"i{at}"), instance(f"j{at}")) for at in range(40)])
    plan = plan_moves(scheduler, pool, goal="empty")
    # 80 instances of one CPU, on hosts of eight.
    assert (plan.after.hosts_in_use, len(plan.switch_off)) == (10, 30)


def test_fewest_moves_mend_what_is_broken(scheduler):
    pool = HostPool(
        [
            host("a", instance("i1", groups=["apart"]), instance("i2", groups=["apart"])),
            # One instance too many for the memory: all of them are refused their host.
            host("b", *(instance(f"b{at}", 3072) for at in range(3))),
            host("c"),
        ]
    )
    plan = plan_moves(scheduler, pool, goal="rules", groups=[APART])
    assert [(move.source, move.target, move.gain) for move in plan.moves] == [("b", "c", 3), ("a", "c", 2)]
    assert (plan.measure_before, plan.measure_after, plan.reached) == (5, 0, True)


def test_what_cannot_be_mended_is_left_with_the_reason(scheduler):
    pool = HostPool([host("a", instance("i1", groups=["apart"]), instance("i2", groups=["apart"]))])
    plan = plan_moves(scheduler, pool, goal="rules", groups=[APART])
    assert [one.instance_uuid for one in plan.left] == ["i1", "i2"]
    assert "GroupRulesFilter" in plan.left[0].reason


def test_audit_tells_which_filter_refuses_an_instance_its_own_host(scheduler):
    pool = HostPool(
        [host("a", instance("i1", groups=["apart"]), instance("i2", groups=["apart"]), {"uuid": "x"}), host("b")]
    )
    found = audit(scheduler, pool, groups=[APART])
    assert [(one.instance_uuid, one.host) for one in found.broken] == [("i1", "a"), ("i2", "a")]
    assert (found.asked, found.not_asked, found.by_filter) == (2, 1, {"GroupRulesFilter": 2})
    assert [one["refused_by"][0]["filter"] for one in found.to_dict()["broken"]] == ["GroupRulesFilter"] * 2


def test_audit_of_a_pool_in_order_finds_nothing(scheduler):
    full = HostPool([host("a", *(instance(f"i{at}", 1024) for at in range(8)))])
    assert audit(scheduler, full).broken == ()


def test_one_move_makes_room_for_a_request(scheduler):
    pool = HostPool([host("a", instance("i1", 1024), instance("i2", 4096)), host("b", instance("i3", 3072), ram=4096)])
    spec = RequestSpec(flavor={"memory_mb": 4096, "vcpus": 1})
    plan = plan_moves(scheduler, pool, make_room_for=spec)
    assert told(plan) == [("i1", "a", "b")]
    assert (plan.goal, plan.reached, plan.measure_before, plan.measure_after) == ("room", True, 1, 0)


def test_room_is_made_for_every_instance_of_a_request(scheduler):
    pool = HostPool(
        [host("a", instance("i1", 2048)), host("b", instance("i2", 2048)), host("c", ram=2048), host("d", ram=2048)]
    )
    plan = plan_moves(scheduler, pool, make_room_for=RequestSpec(flavor={"memory_mb": 8192}, num_instances=2))
    assert (len(plan.moves), plan.reached) == (2, True)


def test_request_that_fits_needs_no_move(scheduler):
    pool = HostPool([host("a", instance("i1"))])
    plan = plan_moves(scheduler, pool, make_room_for=RequestSpec(flavor={"memory_mb": 1024}))
    assert (plan.moves, plan.reached) == ((), True)


def test_request_for_which_no_moves_make_room_is_told_to_be_refused(scheduler):
    pool = HostPool([host("a", instance("i1"))])
    plan = plan_moves(scheduler, pool, make_room_for=RequestSpec(flavor={"memory_mb": 8192}))
    assert (plan.moves, plan.reached, plan.measure_after) == ((), False, 1)


def test_others_make_way_for_an_instance_that_makes_way(scheduler):
    pool = HostPool(
        [
            host("a", instance("i1", 4096), instance("i2", 4096)),
            host("b", instance("i3", 1024), ram=4096),
            host("c", instance("i4", 1024), ram=2048),
        ]
    )
    plan = plan_moves(scheduler, pool, make_room_for=RequestSpec(flavor={"memory_mb": 4096}))
    assert told(plan) == [("i3", "b", "c")]
    pool.update("c", free_ram_mb=512)
    pool.update("b", free_ram_mb=512)
    assert plan_moves(scheduler, pool, make_room_for=RequestSpec(flavor={"memory_mb": 4096})).reached is False


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"keep_free": 0.1}, "for the goal 'empty'"),
        ({"goal": "empty", "keep_free": 1}, "below 1"),
        ({"goal": "room"}, "RequestSpec"),
        ({"make_room_for": "web"}, "RequestSpec"),
        ({"make_room_for": RequestSpec(), "goal": "even"}, "plan one of them"),
        ({"make_room_for": RequestSpec(), "drain": ["a"]}, "plan one of them"),
        ({"make_room_for": RequestSpec(num_instances=101)}, "at most 100"),
    ],
)
def test_goals_that_contradict_each_other_are_named(scheduler, given, word):
    with pytest.raises(InvalidRequest, match=word):
        plan_moves(scheduler, HostPool([host("a", instance("i1"))]), **given)


class RaisingFilter(BaseHostFilter):
    """Cannot answer."""

    def host_passes(self, host_state, spec):
        raise ZeroDivisionError("no answer")


@pytest.mark.parametrize("how", [{}, {"drain": ["a"]}, {"goal": "rules"}, {"goal": "empty"}])
def test_exception_of_a_filter_ends_the_plan_and_leaves_the_pool_as_it_is(scheduler, how):
    pool = HostPool([host("a", instance("i1"), instance("i2")), host("b", instance("i3"))])
    before = [one.to_dict() for one in pool]
    with pytest.raises(ZeroDivisionError):
        plan_moves(scheduler, pool, filters=[RaisingFilter()], **how)
    assert [one.to_dict() for one in pool] == before


class AnotherNumberFilter(BaseHostFilter):
    """Refuse hosts with exactly one instance: with more of them a host may pass again."""

    def host_passes(self, host_state, spec):
        return len(host_state.instances) != 1


def test_plan_keeps_a_rule_that_no_earlier_answer_tells(scheduler):
    pool = HostPool([host("a", *(instance(f"i{at}") for at in range(4))), host("b", instance("j")), host("c")])
    plan = plan_moves(scheduler, pool, filters=[AnotherNumberFilter()])
    counts = {"a": 4, "b": 1, "c": 0}
    for move in plan.moves:
        assert counts[move.target] != 1
        counts[move.source] -= 1
        counts[move.target] += 1
    assert plan.measure_after < plan.measure_before
