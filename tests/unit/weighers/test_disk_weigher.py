import pytest

from filtersched.hosts.host_state import HostState
from filtersched.weighers.disk_weigher import DiskWeigher
from tests.unit.weighers.ranked import bound, raw, weights


@pytest.mark.parametrize("free", [-1024, 0, 1, 4194304])
def test_the_raw_weight_is_the_free_disk(free):
    assert raw(DiskWeigher(), HostState("a", free_disk_mb=free)) == free


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [
        (1.0, [0.25, 0.5, 1.0, 0.0]),
        (-1.0, [-0.25, -0.5, -1.0, 0.0]),
        (100.0, [25.0, 50.0, 100.0, 0.0]),
        (0.0, [0.0] * 4),
    ],
)
def test_the_multiplier_says_whether_free_disk_is_liked(multiplier, expected):
    hosts = [HostState(f"h{place}", free_disk_mb=free) for place, free in enumerate((5120, 10240, 20480, -4096))]
    assert weights(bound(DiskWeigher, disk_weight_multiplier=multiplier), hosts) == expected


def test_hosts_with_equal_free_disk_get_the_full_weight():
    assert weights(DiskWeigher(), [HostState(name, free_disk_mb=5) for name in "ab"]) == [1.0, 1.0]
