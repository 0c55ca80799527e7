"""AllHostsFilter: every host, whatever its state."""

from filtersched.filters.all_hosts_filter import AllHostsFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def test_every_host_passes():
    hosts = [HostState("full"), HostState("disabled", service={"disabled": True})]
    assert list(AllHostsFilter().filter_all(hosts, RequestSpec({"memory_mb": 1 << 40}))) == hosts


def test_it_is_asked_once_a_request():
    assert AllHostsFilter().run_filter_for_index(0) is True
    assert AllHostsFilter().run_filter_for_index(1) is False
