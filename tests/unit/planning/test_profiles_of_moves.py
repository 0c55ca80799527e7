"""Moves of instances whose flavor or project chooses a profile."""

from __future__ import annotations

from filtersched import FilterScheduler, HostPool, make_conf
from filtersched.planning import audit, plan_moves
from tests.unit.planning.running import host, instance

SCHEDULER = FilterScheduler(
    make_conf(
        enabled_filters="RamFilter,CoreFilter",
        ram_allocation_ratio=1.0,
        cpu_allocation_ratio=1.0,
        profiles={"loose": {"enabled_filters": "RamFilter", "projects": "p"}},
    )
)


def pool(**more):
    return HostPool([host("a", instance("i1", vcpus=4, **more)), host("b", vcpus=2)])


def test_a_move_is_asked_of_the_filters_of_its_profile():
    assert plan_moves(SCHEDULER, pool(), drain=["a"]).moves == ()
    (move,) = plan_moves(SCHEDULER, pool(project_id="p"), drain=["a"]).moves
    assert (move.instance_uuid, move.target) == ("i1", "b")


def test_an_audit_asks_the_filters_of_the_profile():
    crowded = HostPool([host("a", instance("i1", vcpus=4), instance("i2", vcpus=4, project_id="p"), vcpus=6)])
    assert [one.instance_uuid for one in audit(SCHEDULER, crowded).broken] == ["i1"]
