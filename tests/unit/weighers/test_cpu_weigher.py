import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.cpu_weigher import CPUWeigher
from tests.unit.weighers.ranked import bound, raw, weights


@pytest.mark.parametrize(
    ("total", "used", "ratio", "expected"),
    [
        (8, 0, 1.0, 8.0),
        (8, 8, 1.0, 0.0),
        (8, 9, 1.0, -1.0),
        (8, 4, 2.0, 12.0),
        (8, 4, 0.0, 124.0),
        (8, 0, 1.5, 12.0),
        (0, 0, 16.0, 0.0),
        (8, 28, None, 100.0),
    ],
)
def test_the_raw_weight_is_what_is_free_with_oversubscription(total, used, ratio, expected):
    host = HostState("a", vcpus_total=total, vcpus_used=used, cpu_allocation_ratio=ratio)
    assert raw(CPUWeigher(), host) == expected


def test_a_host_without_a_ratio_has_the_configured_one():
    weigher = bound(CPUWeigher, cpu_allocation_ratio=3.0)
    assert raw(weigher, HostState("a", vcpus_total=4, vcpus_used=2)) == 10.0


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [(1.0, [1.0, 0.5, 0.0, 0.0]), (-1.0, [-1.0, -0.5, 0.0, 0.0]), (2.0, [2.0, 1.0, 0.0, 0.0]), (0.0, [0.0] * 4)],
)
def test_the_multiplier_says_whether_free_cpus_are_liked(multiplier, expected):
    hosts = [HostState(f"h{used}", vcpus_total=4, vcpus_used=used, cpu_allocation_ratio=1.0) for used in (0, 2, 4, 9)]
    assert weights(bound(CPUWeigher, cpu_weight_multiplier=multiplier), hosts) == expected


def test_hosts_with_equally_many_free_cpus_get_the_full_weight():
    hosts = [HostState(name, vcpus_total=4, vcpus_used=2) for name in "ab"]
    assert weights(CPUWeigher(), hosts) == [1.0, 1.0]


def test_an_unknown_number_of_cpus_counts_as_none():
    hosts = [HostState("cmp1", vcpus_total=None), HostState("cmp2", vcpus_total=4)]
    assert weights(CPUWeigher(), hosts, RequestSpec()) == [0.0, 1.0]
