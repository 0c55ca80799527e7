import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.group_anti_affinity_filter import GroupAntiAffinityFilter

CMP1 = HostState("cmp1", "node1", instances=["a"])


def passes(spec, host=CMP1):
    return bool(GroupAntiAffinityFilter().host_passes(host, spec))


@pytest.mark.parametrize("policy", [None, "affinity", "anti-affinity", "soft-affinity"])
@pytest.mark.parametrize(("hosts", "expected"), [([], True), (["cmp1"], False), (["cmp2"], True), (["node1"], True)])
def test_hosts_of_the_group_decide_whatever_its_policy(policy, hosts, expected):
    spec = RequestSpec(instance_group={"policy": policy, "hosts": hosts})
    assert passes(spec) is expected


def test_request_without_a_group_passes():
    assert passes(RequestSpec())


def test_members_and_rules_of_the_group_are_not_looked_at():
    rules = {"max_server_per_host": 5}
    member = RequestSpec(instance_group={"hosts": [], "members": ["a"]})
    roomy = RequestSpec(instance_group={"hosts": ["cmp1"], "rules": rules})
    assert passes(member)
    assert not passes(roomy)


@pytest.mark.parametrize(("uuid", "expected"), [("a", True), ("b", False)])
def test_this_very_instance_may_stay_where_it_is(uuid, expected):
    spec = RequestSpec(instance_group={"hosts": ["cmp1"]}, instance_uuid=uuid)
    assert passes(spec) is expected


@pytest.mark.parametrize(("hosts", "expected"), [([], True), (["cmp1"], False), (["cmp2"], True)])
def test_group_hosts_of_old_filter_properties(hosts, expected):
    spec = RequestSpec.from_filter_properties({"group_hosts": hosts})
    assert passes(spec) is expected


def test_reason_says_that_the_group_is_here():
    spec = RequestSpec(instance_group={"hosts": ["cmp1"]})
    assert GroupAntiAffinityFilter().rejection_reason(CMP1, spec) == "is one of the group's hosts"
    assert GroupAntiAffinityFilter().rejection_reason(HostState("cmp2"), spec) is None
