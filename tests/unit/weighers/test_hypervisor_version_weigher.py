import pytest

from filtersched.hosts.host_state import HostState
from filtersched.weighers.hypervisor_version_weigher import HypervisorVersionWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def hosts(*versions):
    return [HostState(f"h{place}", hypervisor_version=version) for place, version in enumerate(versions)]


@pytest.mark.parametrize(("version", "expected"), [(6002000, 6002000), (0, 0), (None, 0)])
def test_the_raw_weight_is_the_version_and_an_unknown_one_counts_as_the_oldest(version, expected):
    assert raw(HypervisorVersionWeigher(), hosts(version)[0]) == expected


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [(1.0, [0.5, 0.0, 1.0]), (-1.0, [-0.5, 0.0, -1.0]), (0.0, [0.0, 0.0, 0.0]), (2.0, [1.0, 0.0, 2.0])],
)
def test_the_multiplier_says_whether_new_hypervisors_are_liked(multiplier, expected):
    weigher = bound(HypervisorVersionWeigher, hypervisor_version_weight_multiplier=multiplier)
    assert weights(weigher, hosts(6000000, 5000000, 7000000)) == expected


def test_newer_ones_win_by_default():
    assert HypervisorVersionWeigher().weight_multiplier(HostState("a")) == 1.0


def test_equal_versions_get_nothing():
    assert weights(HypervisorVersionWeigher(), hosts(6000000, 6000000)) == [0.0, 0.0]
