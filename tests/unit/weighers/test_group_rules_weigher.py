"""GroupRulesWeigher, on both paths: the soft rules of several groups."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, Flavor, HostState, InstanceGroup, RequestSpec, make_conf


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def host(name, rack, ram, group=None):
    instances = {f"{group}-{name}": {"groups": [group]}} if group else {}
    return RackHost(name, rack=rack, total_usable_ram_mb=ram, free_ram_mb=ram, instances=instances)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def place(request):
    def chosen(group=None, groups=(), count=1, multiplier=5.0):
        conf = make_conf(
            enabled_filters="RamFilter,GroupRulesFilter",
            weight_classes="RAMWeigher,GroupRulesWeigher",
            group_rules_weight_multiplier=multiplier,
        )
        spec = RequestSpec(Flavor(memory_mb=1), num_instances=count, instance_group=group, instance_groups=groups)
        hosts = [host("a", "r1", 9000, "db"), host("b", "r1", 8000), host("c", "r2", 7000, "cache")]
        hosts.append(host("d", "", 6000))
        placed = FilterScheduler(conf, use_engine=request.param).select_destinations(spec, hosts)
        return "".join(one.host for one in placed)

    return chosen


@pytest.mark.parametrize(
    ("policy", "rules", "count", "expected"),
    [
        (None, {"apart_from": {"group": "db", "soft": True}}, 1, "b"),
        (None, {"apart_from": {"group": "db", "soft": True, "domain": "rack"}}, 1, "c"),
        (None, {"together_with": {"group": "cache", "soft": True}}, 1, "c"),
        (None, {"together_with": [{"group": "db", "soft": True, "domain": "rack"}], "apart_from": "db"}, 1, "b"),
        ("soft-anti-affinity", {}, 5, "abcda"),
        ("soft-affinity", {}, 3, "aaa"),
    ],
)
def test_soft_rules_are_preferred(place, policy, rules, count, expected):
    assert place(InstanceGroup(uuid="web", policy=policy, rules=rules), count=count) == expected


def test_soft_rules_of_all_groups_add_up(place):
    groups = [{"uuid": "x", "rules": {"apart_from": {"group": "db", "soft": True}}}]
    web = InstanceGroup(uuid="web", rules={"apart_from": {"group": "cache", "soft": True}})
    assert place(web, groups) == "b"


def test_multiplier_of_zero_changes_nothing(place):
    web = InstanceGroup(uuid="web", rules={"apart_from": {"group": "db", "soft": True}})
    assert place(web, multiplier=0.0) == "a"


def test_default_configuration_does_not_weigh_soft_rules():
    hosts = [host("a", "r1", 9000, "db"), host("b", "r1", 8000)]
    web = InstanceGroup(uuid="web", rules={"apart_from": {"group": "db", "soft": True}})
    spec = RequestSpec(Flavor(memory_mb=1), instance_group=web)
    assert FilterScheduler(make_conf(enabled_filters="RamFilter")).select_destinations(spec, hosts)[0].host == "a"
