"""Spread rules: the forms in which a request brings them, and what is wrong with bad ones."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, Flavor, HostState, InstanceGroup, InvalidRequest, RequestSpec, make_conf
from filtersched.requests.spread_rules import SpreadRule, spread_rules


def rules_of_hint(given):
    return spread_rules(RequestSpec(scheduler_hints={"filtersched:spread": given}))


def rules_of_group(rules):
    return spread_rules(RequestSpec(instance_group=InstanceGroup(uuid="web", rules=rules)))


def test_text_has_a_domain_and_limits_and_several_rules_behind_semicolons():
    first, second = rules_of_hint("rack max_per_domain=2 shares=r1:50,r2:30.5; aggregate:power max_skew=1")
    assert (first.domain, first.max_per_domain, first.max_skew) == ("rack", 2, None)
    assert first.shares == {"r1": 50.0, "r2": 30.5}
    assert (second.domain, second.max_skew, second.shares) == ("aggregate:power", 1, {})


@pytest.mark.parametrize(
    "given",
    [
        '{"spread": "rack", "max_skew": 1}',
        '[{"spread": "rack", "max_skew": "1"}]',
        {"spread": "rack", "max_skew": 1},
        [{"spread": "rack", "max_skew": 1}],
        ["rack max_skew=1"],
        "rack  max_skew=1 ;",
    ],
)
def test_text_json_mappings_and_lists_say_the_same(given):
    (rule,) = rules_of_hint(given)
    assert (rule.domain, rule.max_skew) == ("rack", 1)


def test_rules_of_a_group_may_be_a_list_of_mappings():
    given = [{"spread": "rack", "max_per_domain": 2}, {"spread": "zone"}, {"max_server_per_host": 3}]
    group = InstanceGroup(rules=given)
    assert group.rules["max_server_per_host"] == 3
    rules = spread_rules(RequestSpec(instance_group=group))
    assert [(one.domain, one.max_per_domain) for one in rules] == [("rack", 2), ("zone", None)]


def test_group_flavor_and_hint_add_up():
    spec = RequestSpec(
        Flavor(extra_specs={"filtersched:spread": "zone"}),
        instance_group=InstanceGroup(rules={"spread": "rack"}),
        scheduler_hints={"filtersched:spread": "row"},
    )
    assert [one.domain for one in spread_rules(spec)] == ["rack", "zone", "row"]


def test_request_without_rules_has_none():
    assert rules_of_group({"max_server_per_host": 2}) == ()
    assert spread_rules(RequestSpec()) == ()
    assert rules_of_hint("") == ()


def test_rule_only_refuses_if_it_has_a_limit():
    assert not SpreadRule("rack").has_limit
    assert all(one.has_limit for one in rules_of_hint("a max_skew=1; b max_per_domain=1; c shares=x:1"))


@pytest.mark.parametrize(
    ("rules", "field", "said"),
    [
        ({"spread": "rack", "max_per_doman": 1}, "max_per_doman", "Did you mean 'max_per_domain'"),
        ({"spread": "rack", "max_skew": "two"}, "max_skew", "must be a whole number of 1 or more, not 'two'"),
        ({"spread": "rack", "max_skew": -1}, "max_skew", "1 or more, not -1"),
        ({"spread": "rack", "max_per_domain": 0}, "max_per_domain", "1 or more, not 0"),
        ({"spread": "rack", "max_per_domain": True}, "max_per_domain", "1 or more, not True"),
        ({"spread": "rack", "max_per_domain": 1.5}, "max_per_domain", "1 or more, not 1.5"),
        ({"spread": "rack", "shares": {"r1": "half"}}, "shares.r1", "a number of per cent from 0 to 100, not 'half'"),
        ({"spread": "rack", "shares": {"r1": -5}}, "shares.r1", "from 0 to 100, not -5"),
        ({"spread": "rack", "shares": {"r1": 60, "r2": 50}}, "shares", "add up to 110 per cent"),
        ({"spread": "rack", "shares": "r1"}, "shares", "a mapping from domains to per cent"),
        ({"max_skew": 1}, "max_skew", "'max_skew' needs 'spread'"),
        ({"spread": "", "max_skew": 1}, "spread", "the name of a host attribute, 'aggregate:KEY' or 'zone'"),
        ({"spread": ["rack"], "max_skew": 1}, "max_skew", "stands beside a list of rules"),
    ],
)
def test_bad_rule_of_a_group_is_an_error_that_names_the_key(rules, field, said):
    with pytest.raises(InvalidRequest, match=r"instance_group\.rules") as caught:
        rules_of_group(rules)
    assert said in str(caught.value)
    assert caught.value.field == f"instance_group.rules.{field}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_skew=1", "must begin with what to spread over"),
        ("rack max_skew", "'max_skew' has no '='"),
        ("rack max_skew=1 max_skew=2", "'max_skew' is there twice"),
        ("rack shares=r1", "a list such as r1:50,r2:30"),
        ("rack skew=1", "Did you mean 'max_skew'"),
        ('{"spread"', "must be JSON"),
        ("rack max_skew=1 shares=:5", "a list such as r1:50,r2:30"),
        (7, "must be text such as"),
    ],
)
def test_bad_text_of_a_hint_is_an_error_that_shows_it(text, said):
    with pytest.raises(InvalidRequest, match=r"scheduler_hints\['filtersched:spread'\]") as caught:
        rules_of_hint(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["rak", "copy", "_owner", "topicc"])
def test_attribute_that_no_host_has_is_an_error_with_the_nearest(name):
    group = InstanceGroup(uuid="web", rules={"spread": name, "max_skew": 1})
    host = HostState("a")
    host.rack = "r1"
    with pytest.raises(InvalidRequest, match=f"hosts have no attribute {name!r} to spread over") as caught:
        FilterScheduler(make_conf()).select_destinations(RequestSpec(instance_group=group), [host])
    assert caught.value.field == "instance_group.rules.spread"
    if name == "topicc":
        assert "Did you mean 'topic'" in str(caught.value)
