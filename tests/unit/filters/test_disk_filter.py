"""DiskFilter: root, ephemeral and swap disks together; exactly enough passes."""

import pytest

from filtersched.filters.disk_filter import DiskFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


def host(total_gb, free_mb, ratio=None):
    return HostState("cmp1", total_usable_disk_gb=total_gb, free_disk_mb=free_mb, disk_allocation_ratio=ratio)


def asking(root_gb=0, ephemeral_gb=0, swap=0):
    return RequestSpec({"root_gb": root_gb, "ephemeral_gb": ephemeral_gb, "swap": swap})


@pytest.mark.parametrize(
    ("total_gb", "free_mb", "ratio", "asked", "passes"),
    [
        (13, 11 * 1024, 1.0, (10, 1, 0), True),
        (13, 11 * 1024 - 1, 1.0, (10, 1, 0), False),
        (13, 11 * 1024 + 512, 1.0, (10, 1, 512), True),
        (13, 11 * 1024 + 511, 1.0, (10, 1, 512), False),
        (20, 0, 1.5, (10, 0, 0), True),
        (20, -1, 1.5, (10, 0, 0), False),
        (0, 0, 1.0, (0, 0, 0), True),
        (0, 0, 1.0, (0, 0, 1), False),
    ],
)
def test_total_times_ratio_less_used_must_cover_root_ephemeral_and_swap(total_gb, free_mb, ratio, asked, passes):
    assert DiskFilter().host_passes(host(total_gb, free_mb, ratio), asking(*asked)) is passes


def test_an_instance_never_gets_more_disk_than_the_host_has():
    assert DiskFilter().host_passes(host(20, 20 * 1024, 2.0), asking(20)) is True
    assert DiskFilter().host_passes(host(20, 20 * 1024, 2.0), asking(20, 0, 1)) is False


def test_there_is_no_oversubscription_unless_configured():
    assert DiskFilter().host_passes(host(20, 1024), asking(1)) is True
    assert DiskFilter().host_passes(host(20, 1023), asking(1)) is False
    disk_filter = DiskFilter()
    disk_filter.bind({"disk_allocation_ratio": 1.5})
    assert disk_filter.host_passes(host(20, 0), asking(10)) is True


def test_a_ratio_of_zero_is_not_set():
    disk_filter = DiskFilter()
    disk_filter.bind({"disk_allocation_ratio": 0.0})
    assert disk_filter.limits(host(20, 0, 0.0), asking(1)) == {"disk_gb": 20.0}


def test_the_limit_is_in_gib_and_includes_the_ratio():
    assert DiskFilter().limits(host(20, 0, 1.5), asking(1)) == {"disk_gb": 30.0}


def test_a_refusal_says_how_much_is_left_to_give_out():
    reason = DiskFilter().rejection_reason(host(20, 512, 1.0), asking(1))
    assert reason == Shortage("disk", need=1024, have=512.0, unit="MB")
