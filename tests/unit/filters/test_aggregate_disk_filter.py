"""AggregateDiskFilter: DiskFilter with the ratio of the host's aggregates."""

import pytest

from filtersched.filters.aggregate_disk_filter import AggregateDiskFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec({"root_gb": 1})


def host(free, *texts, **more):
    aggregates = [Aggregate(f"agg{n}", {"disk_allocation_ratio": text}) for n, text in enumerate(texts)]
    return HostState(
        "cmp1", total_usable_disk_gb=10, free_disk_mb=free, aggregates=[*aggregates, Aggregate("plain")], **more
    )


@pytest.mark.parametrize(
    ("texts", "free", "passes"),
    [
        # A ratio of 1.5 gives out 5120 MiB more than there is, the configured one of 1 gives no more.
        (["1.5"], -4096, True),
        (["1.5"], -4097, False),
        (["1.5", "2.0"], -4097, False),
        ([], 1024, True),
        ([], 1023, False),
        (["1.5", "lots"], 1024, True),
        (["1.5", "lots"], 1023, False),
    ],
)
def test_the_lowest_ratio_of_the_aggregates_counts_and_one_that_is_no_number_spoils_all(texts, free, passes):
    assert bool(AggregateDiskFilter().host_passes(host(free, *texts), ASKED)) is passes


def test_the_limit_goes_by_the_ratio_of_the_aggregate():
    assert AggregateDiskFilter().limits(host(0, "1.5"), ASKED) == {"disk_gb": 15.0}
