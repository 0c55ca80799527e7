"""AvailabilityZoneFilter: aggregates first, then the service, then the default."""

import pytest

from filtersched.filters.availability_zone_filter import AvailabilityZoneFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec


def host(*zones_of_aggregates, service=None):
    aggregates = [Aggregate(f"agg{n}", {"availability_zone": zone}) for n, zone in enumerate(zones_of_aggregates)]
    return HostState("cmp1", aggregates=[*aggregates, Aggregate("plain", {"ssd": "true"})], service=service)


def passes(host_state, zone):
    return AvailabilityZoneFilter().host_passes(host_state, RequestSpec(availability_zone=zone))


@pytest.mark.parametrize("zone", [None, ""])
def test_a_request_without_a_zone_may_go_anywhere(zone):
    assert passes(host("az1"), zone) is True
    assert passes(host(), zone) is True


def test_the_zone_of_an_aggregate_must_be_the_one_asked():
    assert passes(host("az1"), "az1") is True
    assert passes(host("az1"), "az2") is False
    assert passes(host("az1"), "AZ1") is False
    assert passes(host("az1"), "az") is False


def test_a_host_is_in_the_zones_of_all_its_aggregates():
    assert passes(host("az1", "az2"), "az2") is True
    assert passes(host("az1", "az2"), "az3") is False


def test_zones_in_one_aggregate_are_separated_by_commas():
    assert passes(host("az1, az2"), "az2") is True
    assert passes(host("az1, az2"), "az1, az2") is False


def test_an_aggregate_outranks_the_service():
    both = host("az1", service={"availability_zone": "az2"})
    assert passes(both, "az1") is True
    assert passes(both, "az2") is False


def test_an_aggregate_with_an_empty_zone_outranks_the_service():
    assert passes(host("", service={"availability_zone": "az2"}), "az2") is False


def test_the_zone_of_the_service_counts_where_no_aggregate_has_one():
    assert passes(host(service={"availability_zone": "az2"}), "az2") is True
    assert passes(host(service={"availability_zone": "az2"}), "nova") is False


@pytest.mark.parametrize("service", [None, {}, {"availability_zone": None}])
def test_a_host_without_a_zone_is_in_the_default_one(service):
    assert passes(host(service=service), "nova") is True
    assert passes(host(service=service), "az1") is False


def test_the_default_zone_can_be_configured():
    zone_filter = AvailabilityZoneFilter()
    zone_filter.bind({"default_availability_zone": "hall1"})
    assert zone_filter.host_passes(host(), RequestSpec(availability_zone="hall1")) is True
    assert zone_filter.host_passes(host(), RequestSpec(availability_zone="nova")) is False


def test_the_zone_of_an_old_request_is_read_from_its_instance():
    properties = {"request_spec": {"instance_properties": {"availability_zone": "az1"}}}
    spec = RequestSpec.from_filter_properties(properties)
    assert AvailabilityZoneFilter().host_passes(host("az1"), spec) is True
    assert AvailabilityZoneFilter().host_passes(host("az2"), spec) is False


def test_a_refusal_names_both_zones():
    reason = AvailabilityZoneFilter().rejection_reason(host("az1,az2"), RequestSpec(availability_zone="az3"))
    assert reason == "is in zone 'az1' and 'az2', asked 'az3'"


def test_it_is_asked_once_a_request():
    assert AvailabilityZoneFilter().run_filter_for_index(1) is False
