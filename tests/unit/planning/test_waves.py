"""plan_waves: hosts emptied a few at a time."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, HostPool, InvalidRequest, make_conf
from filtersched.planning import plan_waves
from tests.unit.planning.running import host, instance

A1 = [{"name": "a1", "metadata": {}}]
APART = {"uuid": "apart", "policy": "anti-affinity"}


@pytest.fixture(scope="module")
def scheduler():
    return FilterScheduler(make_conf(enabled_filters="RamFilter,CoreFilter", weight_classes="RAMWeigher"))


def pool_of(*counts, spare=8192, **more):
    """Hosts of aggregate a1 with so many instances of 1 GiB each, and a spare one outside of it."""
    return HostPool(
        [
            *(
                host(f"h{row}", *(instance(f"i{row}-{at}", **more) for at in range(count)), aggregates=A1)
                for row, count in enumerate(counts)
            ),
            host("spare", ram=spare),
        ]
    )


def test_hosts_with_the_fewest_instances_are_emptied_first(scheduler):
    plan = plan_waves(scheduler, pool_of(2, 0, 1), aggregate="a1", at_once=2)
    assert [wave.hosts for wave in plan.waves] == [("h1", "h2"), ("h0",)]
    assert (plan.moves, plan.left) == (3, ())


def test_instances_avoid_hosts_whose_turn_is_to_come(scheduler):
    plan = plan_waves(scheduler, pool_of(1, 2), aggregate="a1")
    assert {move.target for move in plan.waves[0].rounds[0]} == {"spare"}
    assert {move.target for turn in plan.waves[1].rounds for move in turn} <= {"spare", "h0"}


def test_host_whose_turn_is_to_come_is_better_than_none(scheduler):
    plan = plan_waves(scheduler, pool_of(1, 1, spare=0), aggregate="a1")
    targets = [[move.target for turn in wave.rounds for move in turn] for wave in plan.waves]
    assert targets == [["h1"], ["h0", "h0"]]


def test_no_more_of_a_group_are_under_way_than_may_be_unavailable(scheduler):
    pool = HostPool(
        [host(f"h{row}", instance(f"i{row}", groups=["apart"]), aggregates=A1) for row in range(3)]
        + [host(f"s{row}") for row in range(3)]
    )
    one = plan_waves(scheduler, pool, aggregate="a1", at_once=3, groups=[APART])
    assert [[len(turn) for turn in wave.rounds] for wave in one.waves] == [[1, 1, 1]]
    two = plan_waves(scheduler, pool, aggregate="a1", at_once=3, groups=[APART], max_unavailable=2)
    assert [[len(turn) for turn in wave.rounds] for wave in two.waves] == [[2, 1]]
    own = {**APART, "rules": {"max_unavailable": 3}}
    assert len(plan_waves(scheduler, pool, aggregate="a1", at_once=3, groups=[own]).waves[0].rounds) == 1


def test_host_that_cannot_be_emptied_is_left_with_the_reason(scheduler):
    pool = HostPool([host("h0", {"uuid": "x"}, aggregates=A1), host("h1", instance("big", 8192), aggregates=A1)])
    plan = plan_waves(scheduler, pool, aggregate="a1")
    assert [wave.hosts for wave in plan.waves] == [("h1",)]
    assert plan.left == (("h0", "instance x stays: its flavor is unknown"),)


def test_host_whose_instance_fits_nowhere_else_is_left(scheduler):
    pool = HostPool([host("h0", instance("big", 8192), aggregates=A1), host("s", ram=4096)])
    plan = plan_waves(scheduler, pool, aggregate="a1")
    assert (plan.waves, plan.left[0][0]) == ((), "h0")
    assert plan.left[0][1].startswith("instance big finds no host: No valid host was found.")


def test_planning_changes_nothing_in_the_pool(scheduler):
    pool = pool_of(2, 1)
    before = [one.to_dict() for one in pool]
    assert plan_waves(scheduler, pool, hosts=["h0"]).waves[0].hosts == ("h0",)
    assert [one.to_dict() for one in pool] == before


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"aggregate": "a2"}, "Known: a1"),
        ({"hosts": ["h9"]}, "no host 'h9'"),
        ({}, "either an aggregate, or hosts"),
        ({"aggregate": "a1", "hosts": ["h0"]}, "either an aggregate, or hosts"),
        ({"aggregate": "a1", "at_once": 0}, "above 0"),
        ({"aggregate": "a1", "max_unavailable": 0}, "above 0"),
        ({"aggregate": "a1", "groups": [{**APART, "rules": {"max_unavailable": 0}}]}, "max_unavailable"),
    ],
)
def test_what_cannot_be_planned_is_named(scheduler, given, word):
    with pytest.raises(InvalidRequest, match=word):
        plan_waves(scheduler, pool_of(1), **given)
