import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.aggregate_instance_extra_specs_filter import AggregateInstanceExtraSpecsFilter

SCOPE = "aggregate_instance_extra_specs"


def passes(metadata, extra_specs):
    host = HostState("cmp1", aggregates=[{"metadata": one} for one in metadata])
    return AggregateInstanceExtraSpecsFilter().host_passes(host, RequestSpec(flavor={"extra_specs": extra_specs}))


@pytest.mark.parametrize("metadata", [[], [{"opt1": "1"}]])
def test_flavor_without_extra_specs_passes(metadata):
    assert passes(metadata, {})


@pytest.mark.parametrize(
    ("metadata", "extra_specs", "expected"),
    [
        ([{"opt1": "1", "opt2": "2"}], {"opt1": "1", "opt2": "2"}, True),
        ([{"opt1": "1", "opt2": "2"}], {"opt1": "1", "opt2": "222"}, False),
        ([{"opt1": "1"}], {f"{SCOPE}:opt1": "1"}, True),
        ([{"opt1": "1"}], {f"{SCOPE}:opt1": "2"}, False),
        ([{"opt1": "9"}], {"opt1": ">= 10"}, False),
        ([{"opt1": "10"}], {"opt1": ">= 10"}, True),
        ([{"opt1": "11"}], {"opt1": ">= 10"}, True),
    ],
)
def test_every_extra_spec_must_match(metadata, extra_specs, expected):
    assert passes(metadata, extra_specs) is expected


@pytest.mark.parametrize("key", ["opt1", f"{SCOPE}:opt1"])
@pytest.mark.parametrize("metadata", [[], [{}], [{"opt2": "1"}]])
def test_key_that_no_aggregate_has_refuses(key, metadata):
    assert not passes(metadata, {key: "1"})


def test_bare_key_that_no_aggregate_has_refuses_even_if_it_is_about_something_else():
    assert not passes([], {"free_ram_mb": ">= 1"})


@pytest.mark.parametrize("key", ["capabilities:opt1", "hw:opt1", "trait:opt1", ":opt1"])
def test_other_scopes_are_ignored(key):
    assert passes([{"opt1": "1"}], {key: "nothing has this"})


def test_key_is_split_at_the_first_colon_only():
    assert passes([{"a:b": "1"}], {f"{SCOPE}:a:b": "1"})
    assert not passes([{"b": "1"}], {f"{SCOPE}:a:b": "1"})


def test_bare_key_named_as_the_scope_is_a_key():
    assert passes([{SCOPE: "1"}], {SCOPE: "1"})
    assert not passes([{"opt1": "1"}], {SCOPE: "1"})


@pytest.mark.parametrize(("req", "expected"), [("1", True), ("3", True), ("6", True), ("7", True), ("6,7", False)])
def test_values_are_split_at_commas_and_united_over_the_aggregates(req, expected):
    metadata = [{"k1": "1"}, {"k1": "3"}, {"k1": "6, 7"}]
    assert passes(metadata, {"k1": req}) is expected


def test_empty_value_is_a_value():
    assert passes([{"opt1": ""}], {"opt1": ""})
    assert not passes([{"opt1": ""}], {"opt1": "1"})


def test_value_that_is_no_number_is_an_invalid_request_for_a_numeric_operator():
    with pytest.raises(ValueError, match=">= 10"):
        passes([{"opt1": "many"}], {"opt1": ">= 10"})


def test_reads_aggregates_only_if_an_extra_spec_is_about_them():
    rule = AggregateInstanceExtraSpecsFilter()
    assert rule.host_reads(RequestSpec(flavor={"extra_specs": {"hw:numa": "1"}})) == ()
    assert rule.host_reads(RequestSpec(flavor={"extra_specs": {"opt1": "1"}})) == ("aggregates",)


def test_is_asked_for_the_first_instance_only_and_not_on_a_rebuild():
    rule = AggregateInstanceExtraSpecsFilter()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert not rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"opt1": "1,3"}, "the flavor asks opt1 '2' of aggregates, the host's have '1' or '3'"),
        ({}, "the flavor asks opt1 '2' of aggregates, the host's do not set it"),
        ({"opt1": "2"}, None),
    ],
)
def test_reason_says_what_is_asked_and_what_there_is(metadata, said):
    host = HostState("cmp1", aggregates=[{"metadata": metadata}])
    spec = RequestSpec(flavor={"extra_specs": {"opt1": "2"}})
    assert AggregateInstanceExtraSpecsFilter().rejection_reason(host, spec) == said
