import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.server_group_affinity_filter import ServerGroupAffinityFilter


def passes(group, host="cmp1", node=None):
    return ServerGroupAffinityFilter().host_passes(HostState(host, node), RequestSpec(instance_group=group))


def test_request_without_a_group_passes():
    assert passes(None)


@pytest.mark.parametrize("policy", [None, "anti-affinity", "soft-affinity", "soft-anti-affinity", "Affinity"])
def test_group_of_another_policy_passes(policy):
    assert passes({"policy": policy, "hosts": ["cmp2"]})


def test_group_that_is_nowhere_yet_may_go_anywhere():
    assert passes({"policy": "affinity", "hosts": []})


@pytest.mark.parametrize(("hosts", "expected"), [(["cmp1"], True), (["cmp2"], False), (["cmp2", "cmp1"], True)])
def test_host_must_be_one_of_the_groups_hosts(hosts, expected):
    assert passes({"policy": "affinity", "hosts": hosts}) is expected


def test_hosts_are_compared_by_name_of_the_host_not_of_the_node():
    assert passes({"policy": "affinity", "hosts": ["cmp1"]}, "cmp1", "node2")
    assert not passes({"policy": "affinity", "hosts": ["node2"]}, "cmp1", "node2")


def test_is_asked_for_every_instance_since_the_hosts_of_the_group_grow():
    assert ServerGroupAffinityFilter().run_filter_for_index(1)


def test_reason_names_the_hosts_of_the_group():
    rule = ServerGroupAffinityFilter()
    spec = RequestSpec(instance_group={"policy": "affinity", "hosts": ["cmp3", "cmp2", "cmp3"]})
    assert rule.rejection_reason(HostState("cmp1"), spec) == "the group is on cmp2, cmp3"
    assert rule.rejection_reason(HostState("cmp2"), spec) is None
    assert rule.rejection_reason(HostState("cmp1"), RequestSpec()) is None
