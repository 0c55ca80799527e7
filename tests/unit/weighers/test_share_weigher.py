"""ShareWeigher, on both paths, against the rule as a plain loop."""

from __future__ import annotations

import random

import pytest

from filtersched import ConfigurationError, FilterScheduler, HostState, RequestSpec, make_conf


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine, weighers="ShareWeigher", **options):
    given = {"ram_allocation_ratio": 1.0, "cpu_allocation_ratio": 1.0, **options}
    conf = make_conf(enabled_filters="RamFilter", weight_classes=weighers, **given)
    return FilterScheduler(conf, use_engine=use_engine)


def host(name, ram, free, vcpus=16, used=0, **facts):
    return HostState(name, total_usable_ram_mb=ram, free_ram_mb=free, vcpus_total=vcpus, vcpus_used=used, **facts)


LARGE = host("large", 1000, 290)
SMALL = host("small", 100, 100)


def test_an_empty_small_host_is_before_a_large_one_that_is_71_per_cent_full(use_engine):
    spec = RequestSpec({"memory_mb": 10})
    assert scheduler(use_engine, "RAMWeigher").select_destinations(spec, [LARGE, SMALL])[0].host == "large"
    spread = scheduler(use_engine, share_weight_multiplier=1.0)
    assert spread.select_destinations(spec, [LARGE, SMALL])[0].host == "small"


def test_a_negative_multiplier_packs(use_engine):
    pack = scheduler(use_engine, share_weight_multiplier=-1.0)
    assert pack.select_destinations(RequestSpec({"memory_mb": 10}), [SMALL, LARGE])[0].host == "large"


def test_the_instance_itself_counts(use_engine):
    # 10 of 100 leave 0.9 of the small host, and 10 of 1000 leave 0.91 of one that has 920 free.
    spread = scheduler(use_engine, share_weight_multiplier=1.0, share_weight_resources="ram")
    hosts = [host("small", 100, 100), host("large", 1000, 920)]
    assert spread.select_destinations(RequestSpec({"memory_mb": 10}), hosts)[0].host == "large"


def test_a_disabled_weigher_changes_nothing(use_engine):
    assert scheduler(use_engine, "all_weighers").select_destinations(RequestSpec(), [LARGE, SMALL])[0].host == "large"


def test_a_host_without_a_resource_has_no_share_of_it(use_engine):
    spread = scheduler(use_engine, share_weight_multiplier=1.0)
    hosts = [host("none", 100, 100, vcpus=None), host("full", 100, 40, vcpus=16, used=0)]
    assert spread.select_destinations(RequestSpec(), hosts)[0].host == "full"


def test_an_unknown_resource_is_an_error_with_the_known_ones(use_engine):
    with pytest.raises(ConfigurationError, match="share_weight_resources") as caught:
        scheduler(use_engine, share_weight_resources="memory")
    assert "ram" in str(caught.value)


def literally(one, flavor, ratios, resources):
    """The mean share that stays free, as one plain loop."""
    amounts = {
        "ram": (one.total_usable_ram_mb, one.total_usable_ram_mb - one.free_ram_mb, flavor["memory_mb"], ratios[0]),
        "vcpus": (one.vcpus_total or 0, one.vcpus_used, flavor["vcpus"], one.cpu_allocation_ratio or ratios[1]),
        "disk": (one.total_usable_disk_gb * 1024, one.total_usable_disk_gb * 1024 - one.free_disk_mb,
                 1024 * flavor["root_gb"], ratios[2]),
    }
    weight = 0.0
    for name in resources:
        total, used, asked, ratio = amounts[name]
        capacity = total * ratio
        weight += max(0.0, capacity - used - asked) / max(capacity, 1)
    return min(1.0, weight / max(len(resources), 1))


@pytest.mark.parametrize("resources", [("ram",), ("ram", "vcpus"), ("disk", "ram", "vcpus"), ()])
def test_random_hosts_are_weighed_as_the_plain_rule_says(use_engine, resources):
    chance = random.Random(f"{resources}")
    ratios = (1.5, 4.0, 1.0)
    conf = make_conf(
        enabled_filters="AllHostsFilter",
        weight_classes="ShareWeigher",
        share_weight_multiplier=1.0,
        share_weight_resources=list(resources),
        ram_allocation_ratio=ratios[0],
        cpu_allocation_ratio=ratios[1],
        disk_allocation_ratio=ratios[2],
    )
    weighing = FilterScheduler(conf, use_engine=use_engine)
    for _round in range(30):
        hosts = [
            host(
                f"h{nr}",
                chance.choice((0, 100, 1000, 999.5)),
                chance.choice((-50, 0, 40, 100, 700)),
                chance.choice((None, 0, 8, 64)),
                chance.choice((0, 3, 9)),
                cpu_allocation_ratio=chance.choice((None, 1.0, 16.0)),
                total_usable_disk_gb=chance.choice((0, 100)),
                free_disk_mb=chance.choice((0, 20480, 102400)),
            )
            for nr in range(8)
        ]
        sizes = {"memory_mb": (0, 10, 512), "vcpus": (0, 2), "root_gb": (0, 5)}
        flavor = {name: chance.choice(values) for name, values in sizes.items()}
        (selection,) = weighing.select_destinations(RequestSpec(flavor), hosts, explain="full")
        expected = [literally(one, flavor, ratios, resources) for one in hosts]
        assert selection.weight == max(expected)
        assert selection.host == hosts[expected.index(max(expected))].host
