"""NumInstancesFilter: as many as allowed is full."""

import pytest

from filtersched.filters.num_instances_filter import NumInstancesFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def host(num_instances):
    return HostState("cmp1", num_instances=num_instances)


@pytest.mark.parametrize(("most", "there", "passes"), [(5, 4, True), (5, 5, False), (5, 6, False), (1, 0, True)])
def test_a_host_with_as_many_instances_as_allowed_is_full(most, there, passes):
    num_filter = NumInstancesFilter()
    num_filter.bind({"max_instances_per_host": most})
    assert num_filter.host_passes(host(there), RequestSpec()) is passes


def test_fifty_instances_are_full_unless_configured():
    assert NumInstancesFilter().host_passes(host(49), RequestSpec()) is True
    assert NumInstancesFilter().host_passes(host(50), RequestSpec()) is False


def test_a_refusal_says_how_many_there_are():
    assert NumInstancesFilter().rejection_reason(host(50), RequestSpec()) == "has 50 instances, 50 is full"
