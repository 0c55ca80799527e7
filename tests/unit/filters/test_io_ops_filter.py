"""IoOpsFilter: as many as allowed is too busy."""

import pytest

from filtersched.filters.io_ops_filter import IoOpsFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def host(num_io_ops):
    return HostState("cmp1", num_io_ops=num_io_ops)


@pytest.mark.parametrize(("most", "there", "passes"), [(8, 7, True), (8, 8, False), (8, 9, False), (1, 0, True)])
def test_a_host_with_as_many_operations_as_allowed_is_too_busy(most, there, passes):
    io_filter = IoOpsFilter()
    io_filter.bind({"max_io_ops_per_host": most})
    assert io_filter.host_passes(host(there), RequestSpec()) is passes


def test_a_limit_of_zero_refuses_idle_hosts_too():
    io_filter = IoOpsFilter()
    io_filter.bind({"max_io_ops_per_host": 0})
    assert io_filter.host_passes(host(0), RequestSpec()) is False


def test_eight_operations_are_too_many_unless_configured():
    assert IoOpsFilter().host_passes(host(7), RequestSpec()) is True
    assert IoOpsFilter().host_passes(host(8), RequestSpec()) is False


def test_a_refusal_says_how_many_there_are():
    assert IoOpsFilter().rejection_reason(host(9), RequestSpec()) == "has 9 I/O operations running, 8 is full"
