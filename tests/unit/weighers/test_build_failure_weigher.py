import pytest

from filtersched.hosts.host_state import HostState
from filtersched.weighers.build_failure_weigher import BuildFailureWeigher
from tests.unit.weighers.ranked import bound, raw, weights

KEY = "build_failure_weight_multiplier"


def hosts(*counts):
    return [HostState(f"h{place}", failed_builds=count) for place, count in enumerate(counts)]


def in_aggregates(*texts):
    return HostState("a", aggregates=[{"name": text, "metadata": {KEY: text}} for text in texts])


def test_the_raw_weight_is_the_number_of_failed_builds():
    assert raw(BuildFailureWeigher(), hosts(3)[0]) == 3


def test_failures_count_against_a_host_by_a_million_by_default():
    assert weights(BuildFailureWeigher(), hosts(0, 1, 4)) == [0.0, -250_000.0, -1_000_000.0]


def test_failures_count_in_proportion():
    weigher = bound(BuildFailureWeigher, build_failure_weight_multiplier=1000.0)
    assert weights(weigher, hosts(0, 1, 10, 100)) == [0.0, -10.0, -100.0, -1000.0]


@pytest.mark.parametrize(("multiplier", "expected"), [(0.0, [0.0, 0.0]), (-10.0, [0.0, 10.0])])
def test_other_multipliers_forgive_failures_or_like_them(multiplier, expected):
    assert weights(bound(BuildFailureWeigher, build_failure_weight_multiplier=multiplier), hosts(0, 5)) == expected


def test_hosts_that_fail_alike_get_nothing():
    assert weights(BuildFailureWeigher(), hosts(5, 5)) == [0.0, 0.0]


@pytest.mark.parametrize(("texts", "expected"), [(["5"], -5.0), (["5", "3"], -3.0), (["-2", "3"], 2.0), (["x"], -1e6)])
def test_the_least_number_of_the_aggregates_is_taken_and_then_negated(texts, expected):
    assert BuildFailureWeigher().weight_multiplier(in_aggregates(*texts)) == expected
