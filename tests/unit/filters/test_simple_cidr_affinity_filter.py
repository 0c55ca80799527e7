"""SimpleCIDRAffinityFilter: in the network or not; bad hints and bad hosts told apart."""

import pytest

from filtersched.errors import InvalidRequest
from filtersched.filters.simple_cidr_affinity_filter import SimpleCIDRAffinityFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def passes(address, near, cidr=None, **more):
    hints = {"build_near_host_ip": near} | ({} if cidr is None else {"cidr": cidr})
    host = HostState("cmp1", host_ip=address, **more)
    return SimpleCIDRAffinityFilter().host_passes(host, RequestSpec(scheduler_hints=hints))


@pytest.mark.parametrize(
    ("address", "cidr", "expected"),
    [
        ("192.168.1.1", "/24", True),
        ("192.168.1.1", "/32", False),
        ("192.168.1.100", "/32", True),
        ("192.168.1.255", "/24", True),
        ("192.168.2.0", "/24", False),
        ("192.168.2.0", "/22", True),
        ("192.168.1.96", "/29", True),
        ("192.168.1.95", "/29", False),
        ("10.0.0.1", "/0", True),
    ],
)
def test_the_address_of_the_host_must_be_in_the_network(address, cidr, expected):
    assert passes(address, "192.168.1.100", cidr) is expected


def test_the_network_is_a_slash_24_unless_said():
    assert passes("192.168.1.1", "192.168.1.100") is True
    assert passes("192.168.0.255", "192.168.1.100") is False


def test_an_empty_cidr_is_the_address_alone():
    assert passes("192.168.1.100", "192.168.1.100", "") is True
    assert passes("192.168.1.101", "192.168.1.100", "") is False


@pytest.mark.parametrize("near", ["", None, []])
def test_without_an_address_to_be_near_every_host_passes(near):
    assert passes(None, near) is True


def test_without_hints_every_host_passes():
    assert SimpleCIDRAffinityFilter().host_passes(HostState("cmp1"), RequestSpec()) is True


def test_a_host_without_an_address_is_refused():
    assert passes(None, "192.168.1.100") is False


def test_an_address_that_is_announced_counts_where_the_host_has_none():
    assert passes(None, "192.168.1.100", capabilities={"host_ip": "192.168.1.7"}) is True
    assert passes(None, "192.168.1.100", capabilities={"host_ip": "192.168.2.7"}) is False
    assert passes("192.168.2.7", "192.168.1.100", capabilities={"host_ip": "192.168.1.7"}) is False


def test_addresses_of_version_6_work_and_do_not_mix_with_version_4():
    assert passes("2001:db8::7", "2001:db8::1", "/64") is True
    assert passes("2001:db8:1::7", "2001:db8::1", "/64") is False
    assert passes("2001:db8::7", "192.168.1.1", "/0") is False


@pytest.mark.parametrize(
    ("near", "cidr"),
    [
        ("near", "/24"),
        ("192.168.1", "/24"),
        ("192.168.1.1", "/33"),
        ("192.168.1.1", "24"),
        ("192.168.1.1", 24),
        ("192.168.1.1", "/255.0"),
        (["192.168.1.1", "192.168.1.2"], "/24"),
        ("192.168.1.1", ["/24", "/16"]),
    ],
)
def test_hints_that_make_no_network_are_an_invalid_request(near, cidr):
    with pytest.raises(InvalidRequest) as caught:
        passes("192.168.1.1", near, cidr)
    assert caught.value.field == "scheduler_hints"


@pytest.mark.parametrize("announced", ["somewhere", "1" * 5000, 3232235876, ["192.168.1.100"]], ids=type)
def test_a_host_whose_address_is_none_is_refused_and_the_request_goes_on(announced):
    host = HostState("cmp1", capabilities={"host_ip": announced})
    spec = RequestSpec(scheduler_hints={"build_near_host_ip": "192.168.1.100"})
    assert SimpleCIDRAffinityFilter().host_passes(host, spec) is False
    assert SimpleCIDRAffinityFilter().rejection_reason(host, spec) == "its address is not known"


def test_a_refusal_names_address_and_network():
    spec = RequestSpec(scheduler_hints={"build_near_host_ip": "192.168.1.100"})
    reason = SimpleCIDRAffinityFilter().rejection_reason
    assert reason(HostState("cmp1", host_ip="10.0.0.1"), spec) == "its address 10.0.0.1 is outside 192.168.1.0/24"
    assert reason(HostState("cmp1"), spec) == "its address is not known"


def test_it_is_asked_once_a_request():
    assert SimpleCIDRAffinityFilter().run_filter_for_index(1) is False
