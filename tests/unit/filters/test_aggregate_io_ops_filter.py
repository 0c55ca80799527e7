"""AggregateIoOpsFilter: IoOpsFilter with the limit of the host's aggregates."""

import pytest

from filtersched.filters.aggregate_io_ops_filter import AggregateIoOpsFilter
from filtersched.hosts.host_state import Aggregate, HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec()


def host(num_io_ops, *texts, **more):
    aggregates = [Aggregate(f"agg{n}", {"max_io_ops_per_host": text}) for n, text in enumerate(texts)]
    return HostState("cmp1", num_io_ops=num_io_ops, aggregates=[*aggregates, Aggregate("plain")], **more)


@pytest.mark.parametrize(
    ("texts", "num_io_ops", "passes"),
    [
        (["60"], 59, True),
        (["60"], 60, False),
        (["60", "3"], 2, True),
        (["60", "3"], 3, False),
        ([" 3 "], 3, False),
        ([], 7, True),
        ([], 8, False),
        (["60", "many"], 7, True),
        (["60", "many"], 8, False),
        (["6.5"], 8, False),
        # Commas separate nothing here: this is no number.
        (["60,70"], 7, True),
        (["60,70"], 8, False),
    ],
)
def test_the_lowest_whole_number_of_the_aggregates_counts_and_one_that_is_none_spoils_all(texts, num_io_ops, passes):
    assert bool(AggregateIoOpsFilter().host_passes(host(num_io_ops, *texts), ASKED)) is passes


def test_a_refusal_names_the_limit_of_the_aggregate():
    assert AggregateIoOpsFilter().rejection_reason(host(3, "3"), ASKED).endswith(", 3 is full")
