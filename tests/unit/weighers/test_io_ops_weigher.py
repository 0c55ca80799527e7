import pytest

from filtersched.hosts.host_state import HostState
from filtersched.weighers.io_ops_weigher import IoOpsWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def hosts(*counts):
    return [HostState(f"h{place}", num_io_ops=count) for place, count in enumerate(counts)]


@pytest.mark.parametrize("count", [0, 1, 8, 10**6])
def test_the_raw_weight_is_the_number_of_operations(count):
    assert raw(IoOpsWeigher(), hosts(count)[0]) == count


def test_idle_hosts_win_by_default():
    assert weights(IoOpsWeigher(), hosts(1, 2, 8, 0)) == [-0.125, -0.25, -1.0, 0.0]


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(2.0, [0.25, 0.5, 2.0]), (0.0, [0.0, 0.0, 0.0]), (-2.0, [-0.25, -0.5, -2.0])]
)
def test_the_multiplier_says_whether_busy_hosts_are_liked(multiplier, expected):
    assert weights(bound(IoOpsWeigher, io_ops_weight_multiplier=multiplier), hosts(1, 2, 8)) == expected


def test_equally_busy_hosts_get_the_full_weight():
    assert weights(IoOpsWeigher(), hosts(3, 3)) == [-1.0, -1.0]
