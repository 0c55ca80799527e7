"""AggregateCoreFilter: CoreFilter with the ratio of the host's aggregates."""

import pytest

from filtersched.filters.aggregate_core_filter import AggregateCoreFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec({"vcpus": 2})


def host(used, *texts, **more):
    aggregates = [Aggregate(f"agg{n}", {"cpu_allocation_ratio": text}) for n, text in enumerate(texts)]
    return HostState("cmp1", vcpus_total=4, vcpus_used=used, aggregates=[*aggregates, Aggregate("plain")], **more)


@pytest.mark.parametrize(
    ("texts", "used", "passes"),
    [
        # A ratio of 2 makes 8 of 4, the configured one of 16 makes 64.
        (["2.0"], 6, True),
        (["2.0"], 7, False),
        (["2.0", "1.0"], 2, True),
        (["2.0", "1.0"], 3, False),
        ([], 62, True),
        ([], 63, False),
        (["2.0", "lots"], 62, True),
        (["2.0", "lots"], 63, False),
    ],
)
def test_the_lowest_ratio_of_the_aggregates_counts_and_one_that_is_no_number_spoils_all(texts, used, passes):
    assert bool(AggregateCoreFilter().host_passes(host(used, *texts), ASKED)) is passes


def test_a_host_whose_cpus_could_not_be_counted_passes():
    aggregate = Aggregate("one", {"cpu_allocation_ratio": "1"})
    uncounted = HostState("cmp1", vcpus_total=None, vcpus_used=9, aggregates=[aggregate])
    assert AggregateCoreFilter().host_passes(uncounted, ASKED)


def test_the_limit_goes_by_the_ratio_of_the_aggregate():
    assert AggregateCoreFilter().limits(host(0, "2.0"), ASKED) == {"vcpu": 8.0}
