"""plan_moves: drained and evened hosts, what stays, and what cannot be planned."""

from __future__ import annotations

import pytest

from filtersched import ChanceScheduler, FilterScheduler, HostPool, HostState, InvalidRequest, RequestSpec, make_conf
from filtersched.planning import plan_moves

FILTERS = "RamFilter,CoreFilter"
APART = {"uuid": "apart", "policy": "anti-affinity"}


def instance(uuid, ram=1024, vcpus=1, **more):
    return {"uuid": uuid, "flavor": {"memory_mb": ram, "vcpus": vcpus}, **more}


def host(name, *instances, ram=8192, vcpus=8, **more):
    taken = [one.get("flavor", {"memory_mb": 0, "vcpus": 0}) for one in instances]
    return HostState(
        name,
        total_usable_ram_mb=ram,
        free_ram_mb=ram - sum(one["memory_mb"] for one in taken),
        vcpus_total=vcpus,
        vcpus_used=sum(one["vcpus"] for one in taken),
        ram_allocation_ratio=1.0,
        cpu_allocation_ratio=1.0,
        num_instances=len(instances),
        instances=list(instances),
        **more,
    )


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
