import pytest

from filtersched import FilterScheduler, HostState, RequestSpec, make_conf
from filtersched.weighers.pci_weigher import PCIWeigher


def a_host(name, *counts):
    pools = [{"vendor_id": "8086", "product_id": "1", "count": count, "tags": {"nr": str(count)}} for count in counts]
    return HostState(name, pci_stats=pools or None)


@pytest.mark.parametrize(("counts", "weight"), [((), 100), ((0,), 100), ((1,), 99), ((30, 20), 50), ((200,), 1)])
def test_weight_is_a_hundred_less_one_for_each_free_device_and_at_least_one(counts, weight):
    assert PCIWeigher()._weigh_object(a_host("a", *counts), RequestSpec()) == weight


@pytest.mark.parametrize("wanted", [None, [{"count": 1, "spec": [{}]}]])
def test_hosts_with_few_devices_are_filled_first_whatever_is_asked_for(wanted):
    conf = make_conf(enabled_filters=["PciPassthroughFilter"], weight_classes=["PCIWeigher"])
    hosts = [a_host("many", 8), a_host("few", 2)]
    (selection,) = FilterScheduler(conf).select_destinations(RequestSpec(pci_requests=wanted), hosts)
    assert selection.host == "few"


def test_hosts_without_devices_are_decided_as_without_the_weigher():
    hosts = [HostState(name, total_usable_ram_mb=ram, free_ram_mb=ram) for name, ram in (("a", 10), ("b", 20))]
    weights = []
    for option in ({}, {"pci_weight_multiplier": 0.0}):
        scheduler = FilterScheduler(make_conf(enabled_filters=[], **option))
        (selection,) = scheduler.select_destinations(RequestSpec(), hosts)
        weights.append((selection.host, selection.weight))
    assert weights[0] == weights[1] == ("b", 1.0)
