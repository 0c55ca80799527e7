"""GroupRulesFilter, on both paths: several groups, and rules between groups."""

from __future__ import annotations

import pytest

from filtersched import (
    CommitConflict,
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

FLAVOR = Flavor(memory_mb=100)
CONF = {"enabled_filters": "RamFilter,GroupRulesFilter", "weight_classes": "RAMWeigher"}


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def host(name: str, rack: str = "", ram: int = 10000, **attributes) -> RackHost:
    return RackHost(name, rack=rack, total_usable_ram_mb=ram, free_ram_mb=ram, **attributes)


def members(*uuids: str, group: str):
    return {uuid: {"groups": [group]} for uuid in uuids}


def web(policy=None, rules=None) -> InstanceGroup:
    return InstanceGroup(uuid="web", policy=policy, rules=rules)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def make(request):
    def scheduler(**options) -> FilterScheduler:
        return FilterScheduler(make_conf(**CONF, **options), use_engine=request.param)

    return scheduler


@pytest.fixture(params=[HostPool, list], ids=["pool", "list"])
def hosts(request):
    return request.param(
        [
            host("a", "r1", 10000, instances=members("d1", group="db")),
            host("b", "r1", 9000),
            host("c", "r2", 8000, instances=members("k1", "k2", group="cache")),
            host("d", "r2", 7000),
            host("e", "", 6000),
        ]
    )


def chosen(scheduler, hosts, group=None, groups=(), count=1, **attributes):
    spec = RequestSpec(FLAVOR, num_instances=count, instance_group=group, instance_groups=groups, **attributes)
    return "".join(one.host for one in scheduler.select_destinations(spec, hosts))


def refused(scheduler, hosts, group=None, groups=(), count=1):
    with pytest.raises(NoValidHost) as refusal:
        chosen(scheduler, hosts, group, groups, count)
    return refusal.value


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, "a"),
        ({"apart_from": "db"}, "b"),
        ({"apart_from": ["db", "cache"]}, "b"),
        ({"apart_from": "db", "domain": "rack"}, "c"),
        ({"apart_from": [{"group": "db", "domain": "rack"}, "cache"]}, "d"),
        ({"together_with": "cache"}, "c"),
        ({"together_with": "cache", "apart_from": {"group": "db", "domain": "rack"}}, "c"),
        ({"together_with": {"group": "db", "domain": "rack"}, "apart_from": "db"}, "b"),
        ({"together_with": "nobody"}, "a"),
        ({"apart_from": "nobody"}, "a"),
        ({"apart_from": "nobody", "domain": "rack"}, "a"),
    ],
)
def test_group_is_kept_with_and_apart_from_others(make, hosts, rules, expected):
    assert chosen(make(), hosts, web(rules=rules)) == expected


@pytest.mark.parametrize(
    ("policy", "rules", "count", "expected"),
    [
        ("anti-affinity", {}, 3, "abc"),
        ("anti-affinity", {"max_server_per_host": 2}, 12, None),
        ("anti-affinity", {"max_server_per_host": 2}, 3, "aab"),
        ("anti-affinity", {"max_server_per_host": 0}, 1, None),
        ("affinity", {}, 3, "aaa"),
        (None, {"together": "rack"}, 3, "aaa"),
        (None, {"together": "rack", "apart_from": "db"}, 3, "bbb"),
        ("anti-affinity", {"together": "rack"}, 2, "ab"),
        ("anti-affinity", {"together": "rack"}, 3, None),
    ],
)
def test_policies_and_together_hold_for_the_instances_of_a_request(make, hosts, policy, rules, count, expected):
    if expected is None:
        assert refused(make(), hosts, web(policy, rules), count=count).explanation.steps[-1].after == 0
    else:
        assert chosen(make(), hosts, web(policy, rules), count=count) == expected


def test_all_groups_of_a_request_hold(make, hosts):
    groups = [
        InstanceGroup(uuid="tenants", policy="anti-affinity"),
        InstanceGroup(uuid="site", rules={"apart_from": {"group": "cache", "domain": "rack"}}),
    ]
    assert chosen(make(), hosts, web(rules={"together": "rack"}), groups, count=2) == "ab"
    assert refused(make(), hosts, web(), groups, count=3).index == 2


def test_instances_are_members_of_all_their_groups(make):
    pool = HostPool([host("a"), host("b")])
    spec = RequestSpec(FLAVOR, instance_group=web(), instance_groups=[{"uuid": "site"}])
    make().place(spec, pool, ["u1"])
    assert pool.instance("u1").groups == ("web", "site")
    assert chosen(make(), pool, InstanceGroup(uuid="other", rules={"apart_from": "site"})) == "b"


def test_instance_of_a_further_group_is_on_its_host_from_then_on(make):
    spec = RequestSpec(FLAVOR, num_instances=2, instance_groups=[{"uuid": "site"}])
    chosen_hosts = make().select_destinations(spec, [host("a")], ["u1", "u2"])
    assert sorted(chosen_hosts[1].host_state.instances) == ["u1", "u2"]


def test_rule_may_name_another_group_of_the_same_request(make, hosts):
    groups = [InstanceGroup(uuid="site", rules={"together_with": {"group": "web", "domain": "rack"}})]
    assert chosen(make(), hosts, web("anti-affinity"), groups, count=2) == "ab"
    assert refused(make(), hosts, web("anti-affinity"), groups, count=3).index == 2


def test_host_in_no_domain_is_refused_or_its_own_domain(make, hosts):
    rules = {"apart_from": ["db", "cache"], "domain": "rack"}
    assert refused(make(), hosts, web(rules=rules)).index == 0
    assert chosen(make(group_rules_missing_domain="own"), hosts, web(rules=rules)) == "e"
    lonely = HostPool([host("a", instances=members("d1", group="db")), host("b")])
    assert chosen(make(group_rules_missing_domain="own"), lonely, web(rules=rules)) == "b"


def test_group_without_instances_is_refused_where_an_option_says_so(make, hosts):
    scheduler = make(group_rules_unknown_group="refuse")
    said = str(refused(scheduler, hosts, web(rules={"together_with": "nobody"})))
    assert "group 'nobody' has no instance on a host" in said
    assert "instance_group.rules.together_with" in said


def test_refusal_names_the_rules_and_who_is_in_the_way(make):
    pool = HostPool([host("a", "r1", instances=members("d1", group="db"))])
    groups = [InstanceGroup(uuid="site", rules={"together_with": "cache"})]
    pool.add(host("k", "r9", 0, instances=members("k1", group="cache")))
    refusal = refused(make(), pool, web(rules={"apart_from": "db", "domain": "rack"}), groups)
    verdict = refusal.explanation.why("a")
    said = str(verdict)
    assert "rack 'r1' has 1 of group 'db': d1 on a; at most 0 may be there (instance_group.rules.apart_from)" in said
    assert "host 'a' has none of group 'cache', which is in k (instance_groups[0].rules.together_with)" in said


def test_refusal_counts_the_instance_itself_among_its_own_group(make):
    pool = HostPool([host("a", instances=members("w1", "w2", group="web"))])
    refusal = refused(make(), pool, web("anti-affinity", {"max_server_per_host": 2}))
    said = str(refusal.explanation.why("a"))
    assert "host 'a' has 2 of group 'web': w1 on a, w2 on a; at most 2 may be there (instance_group.policy)" in said


def test_instance_that_moves_does_not_count_where_it_is(make):
    pool = HostPool([host("a", "r1"), host("b", "r1", 5000)])
    scheduler = make()
    spec = RequestSpec(FLAVOR, instance_group=web("anti-affinity"), instance_groups=[{"uuid": "site"}])
    scheduler.place(spec, pool, ["u1"])
    (moved,) = scheduler.place(spec, pool, ["u1"], move=True)
    assert moved.host == "a"


def test_decision_conflicts_when_a_group_that_it_must_be_apart_from_has_moved(make):
    pool = HostPool([host("a", ram=9000), host("b", ram=8000)])
    scheduler = make()
    late = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=web(rules={"apart_from": "db"})), pool)
    scheduler.place(RequestSpec(FLAVOR, instance_group=InstanceGroup(uuid="db"), force_hosts=["b"]), pool)
    with pytest.raises(CommitConflict) as conflict:
        pool.commit(late)
    assert conflict.value.groups == ("db",)
    scheduler.commit(late, pool)
    assert pool.host_of(late[0].instance_uuid).host == "a"


@pytest.mark.parametrize(
    ("rules", "field", "word"),
    [
        ({"apart_from": 3}, "instance_group.rules.apart_from", "uuid of a group"),
        ({"apart_from": {"grp": "db"}}, "instance_group.rules.apart_from.grp", "Did you mean 'group'"),
        ({"apart_form": "db", "together": "host"}, "instance_group.rules.apart_form", "apart_from"),
        ({"together": ""}, "instance_group.rules.together", "host attribute"),
        ({"together": "rak"}, "instance_group.rules.together", "'rack'"),
        ({"apart_from": {"group": "db", "soft": 1}}, "instance_group.rules.apart_from.soft", "true or false"),
        ({"together": "callable_"}, "instance_group.rules.together", "no attribute"),
    ],
)
def test_rule_that_makes_no_sense_is_refused_by_its_field(make, hosts, rules, field, word):
    with pytest.raises(InvalidRequest, match=word) as problem:
        chosen(make(), hosts, web(rules=rules))
    assert problem.value.field == field


@pytest.mark.parametrize(
    ("groups", "field"),
    [
        ("web", "instance_groups"),
        ([{}], "instance_groups[0].uuid"),
        ([{"uuid": "a"}, {"uuid": "a"}], "instance_groups[1].uuid"),
        ([{"uuid": "a", "rules": {"spread": "rack"}}], "instance_groups[0].rules.spread"),
        ([{"uuid": "a", "colour": "red"}], "instance_groups[0].colour"),
    ],
)
def test_group_that_makes_no_sense_is_refused_by_its_field(make, hosts, groups, field):
    with pytest.raises(InvalidRequest) as problem:
        chosen(make(), hosts, groups=groups)
    assert problem.value.field == field


def test_request_with_several_groups_is_written_and_read():
    spec = RequestSpec(FLAVOR, instance_groups=[{"uuid": "a", "rules": {"apart_from": ["b"]}}, {"uuid": "b"}])
    again = RequestSpec.from_dict(spec.to_dict())
    assert again.instance_groups == spec.instance_groups


def test_thousand_instances_keep_two_rules_at_once():
    pool = HostPool(host(f"h{at}", f"r{at % 5}", 100000 - at) for at in range(1500))
    pool.adopt("h0", [{"uuid": "d1", "groups": ["db"]}])
    group = web("anti-affinity", {"apart_from": {"group": "db", "domain": "rack"}})
    spec = RequestSpec(FLAVOR, num_instances=1000, instance_group=group)
    placed = FilterScheduler(make_conf(**CONF)).select_destinations(spec, pool)
    assert [one.host for one in placed] == [f"h{at}" for at in range(1500) if at % 5][:1000]
