"""AggregateRamFilter: RamFilter with the ratio of the host's aggregates."""

import pytest

from filtersched.filters.aggregate_ram_filter import AggregateRamFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec({"memory_mb": 1024})


def host(free, *texts, **more):
    aggregates = [Aggregate(f"agg{n}", {"ram_allocation_ratio": text}) for n, text in enumerate(texts)]
    return HostState(
        "cmp1", total_usable_ram_mb=4096, free_ram_mb=free, aggregates=[*aggregates, Aggregate("plain")], **more
    )


@pytest.mark.parametrize(
    ("texts", "free", "passes"),
    [
        # A ratio of 2 gives out 4096 more than there is, the configured one of 1.5 gives 2048 more.
        (["2.0"], -3072, True),
        (["2.0"], -3073, False),
        (["2.0", "1.0"], 1024, True),
        (["2.0", "1.0"], 1023, False),
        ([], -1024, True),
        ([], -1025, False),
        (["2.0", "lots"], -1024, True),
        (["2.0", "lots"], -1025, False),
        (["2.0,3.0"], -1025, False),
        (["nan"], -1024, True),
        (["nan"], -1025, False),
        ([""], -1025, False),
    ],
)
def test_the_lowest_ratio_of_the_aggregates_counts_and_one_that_is_no_number_spoils_all(texts, free, passes):
    assert bool(AggregateRamFilter().host_passes(host(free, *texts), ASKED)) is passes


def test_an_aggregate_overrides_the_ratio_of_the_host_itself():
    ram_filter = AggregateRamFilter()
    assert ram_filter.host_passes(host(0, "1.0", ram_allocation_ratio=9.0), ASKED) is False
    assert ram_filter.host_passes(host(0, "much", ram_allocation_ratio=9.0), ASKED) is True


def test_an_instance_never_gets_more_than_the_host_has():
    assert AggregateRamFilter().host_passes(host(4096, "9.0"), RequestSpec({"memory_mb": 4097})) is False


def test_limit_and_reason_go_by_the_ratio_of_the_aggregate():
    ram_filter = AggregateRamFilter()
    assert ram_filter.limits(host(0, "2.0"), ASKED) == {"memory_mb": 8192.0}
    assert ram_filter.rejection_reason(host(0, "1.0"), ASKED).missing == 1024


def test_a_ratio_of_zero_in_an_aggregate_is_a_ratio():
    assert AggregateRamFilter().host_passes(host(4096, "0.0"), ASKED) is False
    assert AggregateRamFilter().host_passes(host(4096, "1.0"), ASKED) is True
