import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.group_affinity_filter import GroupAffinityFilter

CMP1 = HostState("cmp1", "node1")


@pytest.mark.parametrize("policy", [None, "affinity", "anti-affinity", "soft-affinity"])
@pytest.mark.parametrize(("hosts", "expected"), [([], True), (["cmp1"], True), (["cmp2"], False), (["node1"], False)])
def test_hosts_of_the_group_decide_whatever_its_policy(policy, hosts, expected):
    spec = RequestSpec(instance_group={"policy": policy, "hosts": hosts})
    assert GroupAffinityFilter().host_passes(CMP1, spec) is expected


def test_request_without_a_group_passes():
    assert GroupAffinityFilter().host_passes(CMP1, RequestSpec())


@pytest.mark.parametrize(("hosts", "expected"), [([], True), (["cmp1"], True), (["cmp2"], False)])
def test_group_hosts_of_old_filter_properties(hosts, expected):
    spec = RequestSpec.from_filter_properties({"group_hosts": hosts})
    assert GroupAffinityFilter().host_passes(CMP1, spec) is expected


def test_reason_names_the_hosts_of_the_group():
    spec = RequestSpec(instance_group={"hosts": ["cmp2"]})
    assert GroupAffinityFilter().rejection_reason(CMP1, spec) == "the group is on cmp2"
    assert GroupAffinityFilter().rejection_reason(HostState("cmp2"), spec) is None
