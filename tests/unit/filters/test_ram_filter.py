"""RamFilter: exactly enough passes, one MiB less does not, and never more than a host has."""

import pytest

from filtersched.filters.ram_filter import RamFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


def host(total, free, ratio=None):
    return HostState("cmp1", total_usable_ram_mb=total, free_ram_mb=free, ram_allocation_ratio=ratio)


def asking(memory_mb):
    return RequestSpec({"memory_mb": memory_mb})


@pytest.mark.parametrize(
    ("total", "free", "ratio", "asked", "passes"),
    [
        (4096, 4096, 1.0, 4095, True),
        (4096, 4096, 1.0, 4096, True),
        (4096, 4096, 1.0, 4097, False),
        (4096, 512, 1.0, 512, True),
        (4096, 511, 1.0, 512, False),
        (4096, 0, 1.5, 2048, True),
        (4096, 0, 1.5, 2049, False),
        (4096, -1024, 1.5, 1024, True),
        (4096, -1025, 1.5, 1024, False),
        (4096, -2048, 1.5, 0, True),
        (4096, -2049, 1.5, 0, False),
        (4096, 1024, 0.75, 1, False),
        (0, 0, 1.5, 0, True),
        (0, 0, 1.5, 1, False),
    ],
)
def test_total_times_ratio_less_used_must_cover_what_is_asked(total, free, ratio, asked, passes):
    assert RamFilter().host_passes(host(total, free, ratio), asking(asked)) is passes


def test_an_instance_never_gets_more_than_the_host_has_however_high_the_ratio():
    assert RamFilter().host_passes(host(4096, 4096, 16.0), asking(4096)) is True
    assert RamFilter().host_passes(host(4096, 4096, 16.0), asking(4097)) is False


def test_a_host_without_a_ratio_of_its_own_has_the_configured_one():
    ram_filter = RamFilter()
    ram_filter.bind({"ram_allocation_ratio": 2.0})
    assert ram_filter.host_passes(host(4096, 0), asking(4096)) is True
    assert ram_filter.host_passes(host(4096, -1), asking(4096)) is False
    assert ram_filter.host_passes(host(4096, 0, ratio=1.0), asking(1)) is False


def test_the_ratio_is_one_and_a_half_unless_configured():
    assert RamFilter().host_passes(host(4096, 0), asking(2048)) is True
    assert RamFilter().host_passes(host(4096, 0), asking(2049)) is False


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_a_ratio_of_zero_on_the_host_is_not_set(zero):
    assert host(4096, 4096, ratio=zero).ram_allocation_ratio is None
    ram_filter = RamFilter()
    ram_filter.bind({"ram_allocation_ratio": 2.0})
    assert ram_filter.host_passes(host(4096, 0, ratio=zero), asking(4096)) is True
    assert ram_filter.host_passes(host(4096, -1, ratio=zero), asking(4096)) is False


def test_a_configured_ratio_of_zero_is_the_default():
    ram_filter = RamFilter()
    ram_filter.bind({"ram_allocation_ratio": 0.0})
    assert ram_filter.host_passes(host(4096, 0), asking(2048)) is True
    assert ram_filter.host_passes(host(4096, 0), asking(2049)) is False


def test_the_limit_is_all_that_may_be_given_out():
    assert RamFilter().limits(host(4096, 100, 1.5), asking(512)) == {"memory_mb": 6144.0}


def test_a_refusal_says_how_much_is_left_to_give_out():
    reason = RamFilter().rejection_reason(host(4096, 1024, 1.5), asking(4000))
    assert reason == Shortage("RAM", need=4000, have=3072, unit="MB")
    assert str(reason) == "lacks 928 MB of RAM (free 3072, asked 4000)"


def test_a_refusal_of_an_idle_host_says_what_it_has():
    assert RamFilter().rejection_reason(host(4096, 4096, 16.0), asking(5000)).have == 4096


def test_it_is_asked_for_every_instance_and_not_on_a_rebuild():
    ram_filter = RamFilter()
    assert ram_filter.run_filter_for_index(1) is True
    rebuild = RequestSpec({"memory_mb": 8192}, scheduler_hints={"_nova_check_type": ["rebuild"]})
    assert list(ram_filter.filter_all([host(4096, 0, 1.0)], rebuild)) != []
