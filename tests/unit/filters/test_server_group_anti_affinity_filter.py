import pytest

from filtersched import HostState, InvalidRequest, RequestSpec
from filtersched.filters.server_group_anti_affinity_filter import ServerGroupAntiAffinityFilter


def group(*members, policy="anti-affinity", **others):
    return {"policy": policy, "members": members, **others}


def passes(instances, instance_group, instance_uuid="new"):
    spec = RequestSpec(instance_group=instance_group, instance_uuid=instance_uuid)
    return ServerGroupAntiAffinityFilter().host_passes(HostState("cmp1", instances=list(instances)), spec)


def test_request_without_a_group_passes():
    assert passes("a", None)


@pytest.mark.parametrize("policy", [None, "affinity", "soft-affinity", "soft-anti-affinity"])
def test_group_of_another_policy_passes(policy):
    assert passes("a", group("a", policy=policy))


@pytest.mark.parametrize(
    ("instances", "members", "expected"),
    [("", "", True), ("", "ab", True), ("x", "ab", True), ("a", "ab", False), ("ax", "ab", False), ("a", "", True)],
)
def test_one_member_on_a_host_is_the_most_without_a_rule(instances, members, expected):
    assert passes(instances, group(*members)) is expected


@pytest.mark.parametrize(
    ("instances", "rule", "expected"),
    [("", 2, True), ("a", 2, True), ("ab", 2, False), ("abc", 2, False), ("ab", 3, True), ("ab", "3", True)],
)
def test_members_on_a_host_must_be_below_max_server_per_host(instances, rule, expected):
    assert passes(instances, group(*"abc", rules={"max_server_per_host": rule})) is expected


def test_rule_of_zero_refuses_every_host():
    assert not passes("", group("a", rules={"max_server_per_host": 0}))


@pytest.mark.parametrize("rules", [None, {}, {"other": 5}, {"max_server_per_host": None}])
def test_group_without_the_rule_allows_one_member(rules):
    assert passes("", group("a", rules=rules))
    assert not passes("a", group("a", rules=rules))


@pytest.mark.parametrize("rule", ["two", "2.5", [], float("inf")], ids=repr)
def test_rule_that_is_no_whole_number_is_an_invalid_request(rule):
    with pytest.raises(InvalidRequest, match="max_server_per_host"):
        passes("a", group("a", rules={"max_server_per_host": rule}))


def test_instances_that_are_no_members_do_not_count():
    assert passes("xyz", group("a", rules={"max_server_per_host": 1}))


def test_member_named_twice_counts_once():
    assert passes("a", group("a", "a", rules={"max_server_per_host": 2}))


def test_this_very_instance_may_stay_where_it_is():
    assert passes("ab", group("a", "b"), instance_uuid="a")
    assert not passes("ab", group("a", "b"), instance_uuid="c")


def test_hosts_of_the_group_are_not_looked_at():
    assert passes("", group("a", hosts=["cmp1"]))


def test_request_whose_instance_has_no_name_is_judged_by_members():
    assert not passes("a", group("a"), instance_uuid=None)
    assert passes("", group("a"), instance_uuid=None)


def test_is_asked_for_every_instance_since_members_are_placed():
    assert ServerGroupAntiAffinityFilter().run_filter_for_index(1)


def test_reason_says_how_many_are_here_and_may_be():
    rule = ServerGroupAntiAffinityFilter()
    host = HostState("cmp1", instances=["a", "b"])
    full = RequestSpec(instance_group=group("a", "b", rules={"max_server_per_host": 2}))
    assert rule.rejection_reason(host, full) == "holds 2 members of the group, 2 may be on one host"
    assert rule.rejection_reason(HostState("cmp2"), full) is None
    assert rule.rejection_reason(host, RequestSpec()) is None
