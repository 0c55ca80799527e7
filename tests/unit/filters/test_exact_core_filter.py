"""ExactCoreFilter: neither less nor more, and only where it is known."""

import pytest

from filtersched.filters.exact_core_filter import ExactCoreFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec({"vcpus": 3})


@pytest.mark.parametrize(
    ("total", "used", "passes"), [(4, 2, False), (4, 1, True), (4, 0, False), (3, 0, True), (2, 0, False)]
)
def test_free_cpus_must_be_exactly_what_is_asked(total, used, passes):
    host = HostState("cmp1", vcpus_total=total, vcpus_used=used)
    assert ExactCoreFilter().host_passes(host, ASKED) is passes


@pytest.mark.parametrize("total", [0, None])
def test_a_host_whose_cpus_are_not_known_is_refused_whatever_is_asked(total):
    host = HostState("cmp1", vcpus_total=total)
    assert ExactCoreFilter().host_passes(host, RequestSpec({"vcpus": 0})) is False
    assert ExactCoreFilter().rejection_reason(host, ASKED) == "its vCPUs are not known"


def test_the_limit_is_all_the_host_has():
    assert ExactCoreFilter().limits(HostState("cmp1", vcpus_total=4, vcpus_used=1), ASKED) == {"vcpu": 4}


def test_a_refusal_names_what_is_asked():
    host = HostState("cmp1", vcpus_total=8)
    assert ExactCoreFilter().rejection_reason(host, ASKED) == "has 8 vCPUs free, asked exactly 3"
