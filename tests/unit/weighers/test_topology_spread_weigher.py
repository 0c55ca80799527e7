"""TopologySpreadWeigher, on both paths: the soft form of a spread."""

from __future__ import annotations

from collections import Counter

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, InstanceGroup, RequestSpec, make_conf


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def host(name, rack, ram=10000, **attributes):
    return RackHost(name, rack=rack, total_usable_ram_mb=ram, free_ram_mb=ram, **attributes)


def scheduler_of(use_engine, multiplier=2.0):
    conf = make_conf(
        enabled_filters="RamFilter",
        weight_classes="RAMWeigher,TopologySpreadWeigher",
        topology_spread_weight_multiplier=multiplier,
    )
    return FilterScheduler(conf, use_engine=use_engine)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def spec(rules, count=1):
    group = InstanceGroup(uuid="web", rules=rules)
    return RequestSpec(Flavor(memory_mb=100), num_instances=count, instance_group=group)


def racks(selections):
    return dict(Counter(one.host_state.rack for one in selections))


POOL = [("a", "r1", 10000), ("b", "r2", 5000), ("c", "r3", 2000)]


def test_instances_are_spread_evenly_over_racks(use_engine):
    hosts = [host(*one) for one in POOL]
    assert racks(scheduler_of(use_engine).select_destinations(spec({"spread": "rack"}, 6), hosts)) == {
        "r1": 2,
        "r2": 2,
        "r3": 2,
    }


def test_instances_follow_the_shares(use_engine):
    hosts = [host(*one) for one in POOL]
    rules = {"spread": "rack", "shares": {"r1": 20, "r2": 20}}
    placed = scheduler_of(use_engine, 100.0).select_destinations(spec(rules, 10), hosts)
    assert racks(placed) == {"r1": 2, "r2": 2, "r3": 6}


def test_members_from_before_count(use_engine):
    hosts = [host(*one) for one in POOL]
    hosts[1].instances = {"m1": {"groups": ["web"]}}
    hosts[2].instances = {"m2": {"groups": ["web"]}}
    placed = scheduler_of(use_engine).select_destinations(spec({"spread": "rack"}), HostPool(hosts))
    assert placed[0].host == "a"


def test_host_without_a_rack_comes_last(use_engine):
    hosts = [host("a", "", 90000), host("b", "r1", 1000)]
    assert scheduler_of(use_engine).select_destinations(spec({"spread": "rack"}), hosts)[0].host == "b"


def test_default_multiplier_of_zero_changes_nothing(use_engine):
    conf = make_conf(enabled_filters="RamFilter")
    hosts = [host(*one) for one in POOL]
    scheduler = FilterScheduler(conf, use_engine=use_engine)
    spread = scheduler.select_destinations(spec({"spread": "rack"}, 3), hosts)
    others = scheduler.select_destinations(spec({}, 3), hosts)
    assert [(one.host, one.weight) for one in spread] == [(one.host, one.weight) for one in others]


def test_request_without_rules_is_indifferent(use_engine):
    hosts = [host(*one) for one in POOL]
    assert racks(scheduler_of(use_engine).select_destinations(spec({}, 3), hosts)) == {"r1": 3}


def test_negative_multiplier_packs(use_engine):
    hosts = [host("a", "r1", 1000), host("b", "r2", 1000), host("c", "r2", 500)]
    hosts[2].instances = {"m1": {"groups": ["web"]}}
    placed = scheduler_of(use_engine, -5.0).select_destinations(spec({"spread": "rack"}, 3), HostPool(hosts))
    assert racks(placed) == {"r2": 3}
