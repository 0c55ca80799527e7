"""CoreFilter: exactly enough passes, one less does not; what is not known is not held against a host."""

import pytest

from filtersched.filters.core_filter import CoreFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


def host(total, used, ratio=None, **more):
    return HostState("cmp1", vcpus_total=total, vcpus_used=used, cpu_allocation_ratio=ratio, **more)


def asking(vcpus):
    return RequestSpec({"vcpus": vcpus})


@pytest.mark.parametrize(
    ("total", "used", "ratio", "asked", "passes"),
    [
        (4, 7, 2.0, 1, True),
        (4, 8, 2.0, 1, False),
        (4, 4, 2.0, 4, True),
        (4, 5, 2.0, 4, False),
        (4, 0, 1.0, 4, True),
        (4, 0, 0.5, 2, True),
        (4, 0, 0.5, 3, False),
        (4, 9, 2.0, 0, False),
    ],
)
def test_total_times_ratio_less_used_must_cover_what_is_asked(total, used, ratio, asked, passes):
    assert CoreFilter().host_passes(host(total, used, ratio), asking(asked)) is passes


def test_an_instance_never_gets_more_cpus_than_the_host_has():
    assert CoreFilter().host_passes(host(4, 0, 2.0), asking(4)) is True
    assert CoreFilter().host_passes(host(4, 0, 2.0), asking(5)) is False


@pytest.mark.parametrize("total", [0, None])
def test_a_host_whose_cpus_could_not_be_counted_passes(total):
    assert CoreFilter().host_passes(host(total, 99), asking(8)) is True


def test_a_host_of_another_topic_passes():
    assert CoreFilter().host_passes(host(1, 99, topic="volume"), asking(8)) is True


def test_the_ratio_is_sixteen_unless_configured():
    assert CoreFilter().host_passes(host(1, 15), asking(1)) is True
    assert CoreFilter().host_passes(host(1, 16), asking(1)) is False
    core_filter = CoreFilter()
    core_filter.bind({"cpu_allocation_ratio": 1.0})
    assert core_filter.host_passes(host(1, 1), asking(1)) is False


def test_the_limit_is_left_out_where_there_is_none():
    assert CoreFilter().limits(host(4, 0, 2.0), asking(1)) == {"vcpu": 8.0}
    assert CoreFilter().limits(host(None, 0), asking(1)) == {}
    assert CoreFilter().limits(host(0, 0, 2.0), asking(1)) == {}


def test_a_ratio_of_zero_is_not_set():
    core_filter = CoreFilter()
    core_filter.bind({"cpu_allocation_ratio": 0.0})
    assert core_filter.limits(host(4, 0, 0.0), asking(1)) == {"vcpu": 64.0}


def test_a_refusal_says_how_many_are_left_to_give_out():
    assert CoreFilter().rejection_reason(host(4, 6, 2.0), asking(3)) == Shortage("vCPUs", need=3, have=2.0)
