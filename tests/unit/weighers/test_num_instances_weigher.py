import pytest

from filtersched.hosts.host_state import HostState
from filtersched.weighers.num_instances_weigher import NumInstancesWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def hosts(*counts):
    return [HostState(f"h{place}", num_instances=count) for place, count in enumerate(counts)]


@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_raw_weight_is_the_number_of_instances(count):
    assert raw(NumInstancesWeigher(), hosts(count)[0]) == count


def test_it_has_no_say_by_default():
    assert weights(NumInstancesWeigher(), hosts(1, 2, 8)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("multiplier", "expected"), [(1.0, [0.0, 0.25, 1.0]), (-1.0, [0.0, -0.25, -1.0])])
def test_the_multiplier_says_whether_full_hosts_are_liked(multiplier, expected):
    weigher = bound(NumInstancesWeigher, num_instances_weight_multiplier=multiplier)
    assert weights(weigher, hosts(2, 4, 10)) == expected


def test_equally_full_hosts_get_nothing_since_the_scale_begins_at_the_least():
    assert weights(bound(NumInstancesWeigher, num_instances_weight_multiplier=1.0), hosts(3, 3)) == [0.0, 0.0]
