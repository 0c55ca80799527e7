import pytest

from filtersched import FilterScheduler, Flavor, HostState, InvalidRequest, RequestSpec, Shortage, make_conf
from filtersched.errors import ConfigurationError
from filtersched.filters.pci_passthrough_filter import PciPassthroughFilter
from filtersched.testing import check_filter, make_spec, sample_hosts, sample_specs

ALIAS = '{"name": "gpu", "vendor_id": "10de", "product_id": "1eb8", "device_type": "type-PCI"}'


def pool(count=2, **tags):
    return {"vendor_id": "10de", "product_id": "1eb8", "numa_node": 0, "count": count, "tags": tags}


def verdict(pools, *requests):
    spec = RequestSpec(pci_requests=[{"count": 1, "spec": [{}], **one} for one in requests])
    host, rule = HostState("a", pci_stats=pools), PciPassthroughFilter()
    return rule.host_passes(host, spec), rule.rejection_reason(host, spec)


def test_request_without_devices_passes_any_host():
    assert verdict(None) == (True, None)
    assert verdict([pool()]) == (True, None)
    assert PciPassthroughFilter().host_reads(RequestSpec()) == ()


def test_host_that_tells_no_devices_is_refused():
    assert verdict(None, {"count": 1}) == (False, "tells of no PCI devices")
    assert not verdict([], {"count": 1})[0]


@pytest.mark.parametrize(("asked", "passes"), [(1, True), (2, True), (3, False)])
def test_devices_of_all_matching_pools_count(asked, passes):
    assert verdict([pool(1, address="1"), pool(1, address="2")], {"count": asked})[0] is passes


def test_what_is_lacking_is_told_in_numbers():
    short = Shortage("PCI devices vendor_id=10de", need=3, have=2)
    assert verdict([pool()], {"count": 3, "spec": [{"vendor_id": "10de"}]}) == (False, short)
    assert verdict([pool()], {"count": 3, "alias_name": "gpu"})[1] == Shortage("PCI devices of alias 'gpu'", 3, 2)


def test_requests_are_met_one_after_the_other():
    said = "has too few PCI devices for all that is asked for together"
    assert verdict([pool()], {"count": 1}, {"count": 2}) == (False, said)
    assert verdict([pool()], {"count": 1}, {"count": 1}) == (True, None)


@pytest.mark.parametrize(
    ("tags", "spec", "passes"),
    [
        ({}, {"vendor_id": "10DE"}, True),
        ({}, {"vendor_id": "8086"}, False),
        ({"physical_network": "Net1"}, {"physical_network": "net1"}, True),
        ({}, {"physical_network": "net1"}, False),
        ({}, {"traits": "CUSTOM_FAST", "resource_class": "X"}, True),
        ({"dev_type": "type-PF"}, {}, False),
        ({"dev_type": "type-PF"}, {"dev_type": "type-PF"}, True),
        ({"dev_type": "vdpa"}, {}, False),
        ({"dev_type": "vdpa"}, {"dev_type": "vdpa"}, True),
        ({"remote_managed": "True"}, {}, False),
        ({"remote_managed": "true"}, {"remote_managed": "TRUE"}, True),
        ({}, {"live_migratable": "true"}, False),
        ({"live_migratable": "true"}, {"live_migratable": "true"}, True),
        ({"live_migratable": "true"}, {"live_migratable": "false"}, False),
    ],
)
def test_devices_match_by_their_tags_and_special_ones_must_be_asked_for(tags, spec, passes):
    assert verdict([pool(**tags)], {"spec": [spec]})[0] is passes


def test_one_of_several_specs_is_enough():
    assert verdict([pool()], {"spec": [{"vendor_id": "8086"}, {"vendor_id": "10de"}]})[0]


def scheduler(*aliases, filters=("PciPassthroughFilter",)):
    return FilterScheduler(make_conf(enabled_filters=list(filters), pci_alias=list(aliases)))


def test_flavor_asks_for_devices_by_an_alias_of_the_configuration():
    spec = RequestSpec(Flavor(extra_specs={"pci_passthrough:alias": "gpu:2"}))
    hosts = [HostState("a", pci_stats=[pool(1)]), HostState("b", pci_stats=[pool(2, dev_type="type-PCI")])]
    (selection,) = scheduler(ALIAS).select_destinations(spec, hosts)
    assert selection.host == "b"
    assert selection.host_state.pci_stats.free_devices == 0


def test_alias_that_is_not_defined_ends_the_request_only_where_a_filter_reads_it():
    spec = RequestSpec(Flavor(extra_specs={"pci_passthrough:alias": "gpu:1"}))
    with pytest.raises(InvalidRequest, match=r"'gpu', which \[pci\] alias does not define"):
        scheduler().select_destinations(spec, [HostState("a")])
    assert scheduler(filters=()).select_destinations(spec, [HostState("a")])[0].host == "a"


def test_alias_that_is_none_is_an_error_of_the_configuration():
    with pytest.raises(ConfigurationError, match=r"\[pci\] alias: .*needs a name"):
        scheduler("{}")


def test_it_keeps_what_it_declares():
    wanted = [{"count": 1, "spec": [{"vendor_id": "8086"}]}]
    check_filter(
        PciPassthroughFilter, hosts=sample_hosts(20), specs=[make_spec(pci_requests=wanted), *sample_specs(10)]
    )
