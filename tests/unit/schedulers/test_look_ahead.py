"""Look-ahead: only domains that can take all instances of a request are candidates."""

from __future__ import annotations

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


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def host(name, rack, ram, room, **attributes):
    """A host with free memory, and CPUs for so many instances."""
    return RackHost(
        name, rack=rack, total_usable_ram_mb=ram, free_ram_mb=ram, vcpus_total=room, vcpus_used=0, **attributes
    )


@pytest.fixture
def pool():
    return HostPool([host("a", "r1", 9000, 1), host("b", "r2", 8000, 3), host("c", "r1", 7000, 1)])


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def scheduler(request):
    conf = make_conf(
        enabled_filters="RamFilter,CoreFilter,GroupRulesFilter", weight_classes="RAMWeigher", cpu_allocation_ratio=1.0
    )
    return FilterScheduler(conf, use_engine=request.param)


def spec(count, policy=None, **rules):
    group = InstanceGroup(uuid="web", policy=policy, rules=rules)
    return RequestSpec(Flavor(memory_mb=100, vcpus=1), num_instances=count, instance_group=group)


def chosen(scheduler, pool, request):
    return "".join(one.host for one in scheduler.select_destinations(request, pool))


@pytest.mark.parametrize(
    ("count", "rules", "expected"),
    [
        (1, {"together": "host", "lookahead": True}, "a"),
        (3, {"together": "host", "lookahead": True}, "bbb"),
        (2, {"together": "rack", "lookahead": True}, "ac"),
        (3, {"together": "rack", "lookahead": True}, "bbb"),
        (2, {"together": "host", "lookahead": True, "apart_from": "db"}, "bb"),
    ],
)
def test_instances_go_where_all_of_them_fit(scheduler, pool, count, rules, expected):
    assert chosen(scheduler, pool, spec(count, **rules)) == expected


def test_without_look_ahead_the_first_host_is_taken_and_the_request_fails(scheduler, pool):
    with pytest.raises(NoValidHost) as refusal:
        chosen(scheduler, pool, spec(3, together="host"))
    assert refusal.value.index == 1


def test_refusal_says_how_many_instances_a_domain_can_take(scheduler, pool):
    with pytest.raises(NoValidHost) as refusal:
        chosen(scheduler, pool, spec(4, together="rack", lookahead=True))
    said = str(refusal.value.explanation.why("a"))
    assert "rack 'r1' can take 2 of the 4 instances, and must take all (instance_group.rules.together)" in said
    assert refusal.value.index == 0


def test_members_that_are_there_decide_the_domain(scheduler, pool):
    pool.adopt("b", [{"uuid": "w1", "groups": ["web"]}])
    assert chosen(scheduler, pool, spec(2, together="rack", lookahead=True)) == "bb"
    pool.adopt("a", [{"uuid": "w2", "groups": ["web"]}])
    assert chosen(scheduler, pool, spec(3, together="rack", lookahead=True)) == "bbb"


def test_members_kept_apart_leave_room_for_fewer(scheduler, pool):
    assert chosen(scheduler, pool, spec(2, "anti-affinity", together="rack", lookahead=True)) == "ac"


def test_nodes_of_one_host_have_room_for_one_member_together(scheduler):
    nodes = [host("a", "r1", 9000, 4, nodename=node) for node in ("n1", "n2")]
    pool = HostPool([*nodes, host("b", "r2", 8000, 4), host("c", "r2", 7000, 4)])
    assert chosen(scheduler, pool, spec(2, "anti-affinity", together="rack", lookahead=True)) == "bc"


def test_one_host_is_explained_for_the_whole_request(scheduler, pool):
    verdicts = scheduler.explain(spec(3, together="host", lookahead=True), "a", pool)
    assert "host 'a' can take 1 of the 3 instances" in str(verdicts)


def test_decision_that_looked_ahead_is_committed_late(scheduler, pool):
    selections = scheduler.select_destinations(spec(3, together="host", lookahead=True), pool)
    pool.update("b", free_ram_mb=7000)
    scheduler.commit(selections, pool)
    assert sorted(pool["b"].instances) == sorted(one.instance_uuid for one in selections)


@pytest.mark.parametrize(
    ("rules", "word"),
    [({"lookahead": True}, "needs 'together'"), ({"together": "rack", "lookahead": 1}, "true or false")],
)
def test_look_ahead_that_makes_no_sense_is_refused_by_its_field(scheduler, pool, rules, word):
    with pytest.raises(InvalidRequest, match=word) as problem:
        chosen(scheduler, pool, spec(1, **rules))
    assert problem.value.field == "instance_group.rules.lookahead"
