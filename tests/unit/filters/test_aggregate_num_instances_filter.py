"""AggregateNumInstancesFilter: NumInstancesFilter with the limit of the host's aggregates."""

import pytest

from filtersched.filters.aggregate_num_instances_filter import AggregateNumInstancesFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec()


def host(num_instances, *texts, **more):
    aggregates = [Aggregate(f"agg{n}", {"max_instances_per_host": text}) for n, text in enumerate(texts)]
    return HostState("cmp1", num_instances=num_instances, aggregates=[*aggregates, Aggregate("plain")], **more)


@pytest.mark.parametrize(
    ("texts", "num_instances", "passes"),
    [
        (["60"], 59, True),
        (["60"], 60, False),
        (["60", "3"], 2, True),
        (["60", "3"], 3, False),
        ([" 3 "], 3, False),
        ([], 49, True),
        ([], 50, False),
        (["60", "many"], 49, True),
        (["60", "many"], 50, False),
        (["6.5"], 50, False),
        # Commas separate nothing here: this is no number.
        (["60,70"], 49, True),
        (["60,70"], 50, False),
    ],
)
def test_the_lowest_whole_number_of_the_aggregates_counts_and_one_that_is_none_spoils_all(texts, num_instances, passes):
    assert bool(AggregateNumInstancesFilter().host_passes(host(num_instances, *texts), ASKED)) is passes


def test_a_refusal_names_the_limit_of_the_aggregate():
    assert AggregateNumInstancesFilter().rejection_reason(host(3, "3"), ASKED).endswith(", 3 is full")
