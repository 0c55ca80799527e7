import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.retry_filter import RetryFilter

NODE_2 = HostState("cmp1", "node2")


def passes(hosts):
    return RetryFilter().host_passes(NODE_2, RequestSpec(retry={"num_attempts": 2, "hosts": hosts}))


def test_request_that_was_not_tried_yet_passes():
    assert RetryFilter().host_passes(NODE_2, RequestSpec())
    assert passes([])


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([["cmp1", "node2"]], False),
        ([["cmp1", "node1"]], True),
        ([["cmp2", "node2"]], True),
        ([["cmp2", "node2"], ["cmp1", "node2"]], False),
        ([["CMP1", "node2"]], True),
    ],
)
def test_pair_of_host_and_node_that_was_tried_is_refused(hosts, expected):
    assert passes(hosts) is expected


def test_record_of_a_host_alone_refuses_all_its_nodes():
    assert not passes(["cmp1"])
    assert passes(["cmp2"])


@pytest.mark.parametrize(("hosts", "expected"), [(["cmp1"], False), (["cmp2"], True), ([["cmp1", "node1"]], True)])
def test_retry_record_of_old_filter_properties(hosts, expected):
    spec = RequestSpec.from_filter_properties({"retry": {"num_attempts": 1, "hosts": hosts}})
    assert RetryFilter().host_passes(NODE_2, spec) is expected


def test_reads_nothing_of_a_host_before_the_first_failure():
    assert RetryFilter().host_reads(RequestSpec()) == ()
    assert RetryFilter().host_reads(RequestSpec(retry={"hosts": []})) == ()
    assert RetryFilter().host_reads(RequestSpec(retry={"hosts": ["cmp1"]})) == ("host", "nodename")


def test_is_asked_for_every_instance():
    assert RetryFilter().run_filter_for_index(1)


def test_reason_says_which_attempt_it_is():
    rule = RetryFilter()
    spec = RequestSpec(retry={"num_attempts": 2, "hosts": ["cmp1"]})
    assert rule.rejection_reason(NODE_2, spec) == "was tried before; attempt 2 is for a host that was not"
    assert rule.rejection_reason(HostState("cmp3"), spec) is None
    assert rule.rejection_reason(NODE_2, RequestSpec()) is None
