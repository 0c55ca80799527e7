"""TraitsFilter: required means there, forbidden means not there."""

import pytest

from filtersched.errors import InvalidRequest
from filtersched.filters.traits_filter import TraitsFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

HOST = HostState("cmp1", traits=["HW_CPU_X86_AVX2", "CUSTOM_GOLD"])


def asking(**extra_specs):
    return RequestSpec({"extra_specs": {key.replace("__", ":"): value for key, value in extra_specs.items()}})


@pytest.mark.parametrize(
    ("trait", "wish", "expected"),
    [
        ("CUSTOM_GOLD", "required", True),
        ("CUSTOM_SLOW", "required", False),
        ("CUSTOM_GOLD", "forbidden", False),
        ("CUSTOM_SLOW", "forbidden", True),
        ("custom_gold", "required", False),
    ],
)
def test_required_traits_must_be_there_and_forbidden_ones_not(trait, wish, expected):
    assert TraitsFilter().host_passes(HOST, asking(**{f"trait__{trait}": wish})) is expected


def test_one_wish_that_is_not_met_is_enough_to_refuse():
    both = asking(trait__CUSTOM_GOLD="required", trait__HW_CPU_X86_AVX2="required")
    assert TraitsFilter().host_passes(HOST, both) is True
    mixed = asking(trait__CUSTOM_GOLD="required", trait__HW_CPU_X86_AVX2="forbidden")
    assert TraitsFilter().host_passes(HOST, mixed) is False


@pytest.mark.parametrize("key", ["trait1:CUSTOM_SLOW", "trait_NET:CUSTOM_SLOW"])
def test_traits_of_a_numbered_group_are_asked_of_the_host_too(key):
    assert TraitsFilter().host_passes(HOST, RequestSpec({"extra_specs": {key: "required"}})) is False


@pytest.mark.parametrize("key", ["trait:", "trait", "mytrait:X", "hw:trait:X"])
def test_other_keys_are_not_traits(key):
    assert TraitsFilter().host_passes(HOST, RequestSpec({"extra_specs": {key: "yes"}})) is True


@pytest.mark.parametrize("value", ["yes", "Required", "", "true"])
def test_another_value_is_an_invalid_request(value):
    with pytest.raises(InvalidRequest, match="'required' or 'forbidden'") as caught:
        TraitsFilter().host_passes(HOST, asking(trait__CUSTOM_GOLD=value))
    assert (caught.value.field, caught.value.value) == ("trait:CUSTOM_GOLD", value)


def test_without_such_extra_specs_every_host_passes():
    assert TraitsFilter().host_passes(HostState("cmp1"), RequestSpec()) is True


def test_it_reads_nothing_of_the_host_where_no_trait_is_asked():
    assert TraitsFilter().host_reads(asking(hw__cpu_policy="shared")) == ()
    assert TraitsFilter().host_reads(asking(trait1__X="required")) == ("traits",)


def test_a_refusal_names_the_trait():
    reason = TraitsFilter().rejection_reason
    assert reason(HOST, asking(trait__CUSTOM_SLOW="required")) == "lacks the trait CUSTOM_SLOW"
    assert reason(HOST, asking(trait__CUSTOM_GOLD="forbidden")) == "has the trait CUSTOM_GOLD, which is forbidden"


def test_it_is_asked_once_a_request():
    assert TraitsFilter().run_filter_for_index(1) is False
