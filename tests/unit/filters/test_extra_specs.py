"""Each operator just below, at and above its operand; and what is misread most often."""

import pytest

from filtersched.engine.views import spec_view
from filtersched.errors import InvalidRequest
from filtersched.filters.aggregate_instance_extra_specs_filter import AggregateInstanceExtraSpecsFilter
from filtersched.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from filtersched.filters.compute_filter import ComputeFilter
from filtersched.filters.extra_specs import match
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


@pytest.mark.parametrize(
    ("value", "req", "expected"),
    [
        ("3", "= 4", False),
        ("4", "= 4", True),
        ("5", "= 4", True),
        ("4.5", "== 4", False),
        ("4", "== 4", True),
        ("4.0", "== 4", True),
        ("4", "!= 4", False),
        ("5", "!= 4", True),
        ("3", ">= 4", False),
        ("4", ">= 4", True),
        ("12", ">= 4", True),
        ("5", "<= 4", False),
        ("4", "<= 4", True),
        ("-1", "<= 4", True),
        (4, ">= 4", True),
        (3.5, "<= 3.5", True),
    ],
)
def test_numeric_operators_compare_as_numbers(value, req, expected):
    assert match(value, req) is expected


def test_a_single_equals_sign_means_at_least():
    assert match("16", "= 8") is True
    assert match("4", "= 8") is False


@pytest.mark.parametrize(
    ("value", "req", "expected"),
    [
        ("kvm", "s== kvm", True),
        ("KVM", "s== kvm", False),
        ("kvm", "s!= kvm", False),
        ("xen", "s!= kvm", True),
        ("2", "s< 12", False),
        ("12", "s< 2", True),
        ("abc", "s< abc", False),
        ("abc", "s<= abc", True),
        ("abd", "s<= abc", False),
        ("abd", "s> abc", True),
        ("abc", "s> abc", False),
        ("abc", "s>= abc", True),
        ("abb", "s>= abc", False),
    ],
)
def test_text_operators_compare_in_the_order_of_text(value, req, expected):
    assert match(value, req) is expected


@pytest.mark.parametrize(
    ("value", "req", "expected"),
    [
        ("aes mmx avx", "<in> mmx", True),
        ("aes mmx avx", "<in> mm", True),
        ("aes avx", "<in> mmx", False),
        (["aes", "mmx"], "<in> mmx", True),
        (("aes", "mmx"), "<in> mm", False),
        ("aes mmx avx", "<all-in> aes avx", True),
        ("aes mmx", "<all-in> aes avx", False),
        (("aes", "mmx", "avx"), "<all-in> avx aes", True),
        (("aes", "mmx"), "<all-in> aes mm", False),
    ],
)
def test_in_is_a_part_of_a_text_or_an_item_of_a_list(value, req, expected):
    assert match(value, req) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("kvm", True), ("xen", True), ("vmware", False), ("<or>", False), ("", False)]
)
def test_or_takes_one_of_its_words(value, expected):
    assert match(value, "<or> kvm <or> xen") is expected


def test_or_may_end_with_another_or():
    assert match("kvm", "<or> kvm <or>") is True
    assert match("xen", "<or> kvm <or>") is False


def test_or_reads_every_second_word_whatever_stands_between():
    assert match("c", "<or> a b c") is True
    assert match("b", "<or> a b c") is False


@pytest.mark.parametrize(
    ("value", "req", "expected"),
    [
        ("4", "4", True),
        ("8", "4", False),
        ("", "", True),
        ("x", "", False),
        ("Intel Xeon", "Intel Xeon", True),
        ("Intel", "Intel Xeon", False),
        ("4", " 4", False),
    ],
)
def test_without_an_operator_the_whole_text_must_be_equal(value, req, expected):
    assert match(value, req) is expected


@pytest.mark.parametrize("req", ["> 2", "< 4", ">2", ">=2", "in x", "or x"])
def test_what_only_looks_like_an_operator_equals_itself_and_nothing_else(req):
    assert match("3", req) is False
    assert match(req, req) is True


@pytest.mark.parametrize("op", ["=", "==", "!=", ">=", "<=", "s==", "s!=", "s<", "s>=", "<in>", "<or>", "<all-in>"])
def test_an_operator_without_operand_is_never_satisfied(op):
    assert match("1", op) is False
    assert match(op, op) is False


@pytest.mark.parametrize("req", ["= 1", "!= 1", "s!= a", "<in> a", "<or> a", "<all-in> a", "kvm"])
def test_an_unknown_value_satisfies_nothing(req):
    assert match(None, req) is False


def test_further_words_are_ignored_but_for_or_and_all_in():
    assert match("4", ">= 4 apples") is True
    assert match("kvm", "s== kvm xen") is True


def test_blanks_around_operator_and_operand_do_not_matter():
    assert match("4", "  >=\t 4  ") is True


@pytest.mark.parametrize(("value", "req"), [("many", ">= 4"), ("4", ">= many"), ("4", "== 0x10"), ((4,), "= 4")])
def test_what_is_no_number_cannot_be_compared_as_one(value, req):
    with pytest.raises(InvalidRequest, match="compared") as caught:
        match(value, req)
    assert isinstance(caught.value, ValueError)
    assert caught.value.value == req


def test_a_number_has_no_order_among_texts_and_no_parts():
    for req in ("s< 4", "<in> 4"):
        with pytest.raises(InvalidRequest):
            match(4, req)


def test_a_requirement_that_is_no_text_is_read_as_its_text():
    assert match("4", 4) is True
    assert match("True", True) is True
    assert match("5", 4) is False


# -- bounds -----------------------------------------------------------------------------------

HOST = HostState("cmp1", capabilities={"x": "a"}, aggregates=[{"name": "g", "metadata": {"x": "a"}}])
FILTERS = [ComputeFilter, ComputeCapabilitiesFilter, AggregateInstanceExtraSpecsFilter]


def asked(filter_, key, requirement):
    return filter_.host_passes(HOST, RequestSpec({"extra_specs": {f"{filter_.scope}:{key}": requirement}}))


@pytest.mark.parametrize("filter_class", FILTERS)
def test_alternatives_of_more_words_than_allowed_are_an_invalid_request(filter_class):
    some = " ".join("<or> x" for _ in range(499)) + " <or> a"
    key = "x" if filter_class is not ComputeCapabilitiesFilter else "capabilities:x"
    assert asked(filter_class(), key, some)
    with pytest.raises(InvalidRequest, match="has 1002 words, at most 1000 are allowed") as caught:
        asked(filter_class(), key, f"{some} <or> b")
    assert caught.value.field == "flavor.extra_specs"
    assert "[filter_scheduler] extra_spec_max_words" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("filter_class", [ComputeFilter, ComputeCapabilitiesFilter])
def test_a_path_of_more_steps_than_allowed_is_an_invalid_request(filter_class):
    assert not asked(filter_class(), ":".join("x" * 20), "a")
    with pytest.raises(InvalidRequest, match="has 21 steps, at most 20 are allowed") as caught:
        asked(filter_class(), ":".join("x" * 21), "a")
    assert "[filter_scheduler] extra_spec_max_steps" in str(caught.value)


def test_a_key_of_aggregates_is_no_path():
    assert not asked(AggregateInstanceExtraSpecsFilter(), ":".join("x" * 21), "a")


@pytest.mark.parametrize("filter_class", FILTERS)
def test_extra_specs_of_another_scope_may_be_of_any_length(filter_class):
    spec = RequestSpec({"extra_specs": {f"other:{':'.join('x' * 5000)}": "x " * 5000}})
    assert filter_class().host_passes(HOST, spec)


@pytest.mark.parametrize("filter_class", FILTERS)
def test_bounds_can_be_configured_anew(filter_class):
    filter_ = filter_class()
    spec = RequestSpec({"extra_specs": {f"{filter_.scope}:x": "<or> a <or> b"}})
    filter_.host_passes(HOST, spec)
    filter_.bind({"service_down_time": 60, "extra_spec_max_steps": 20, "extra_spec_max_words": 3})
    with pytest.raises(InvalidRequest, match="has 4 words"):
        filter_.host_passes(HOST, spec)


def test_extra_specs_are_read_once_for_a_request_and_the_view_of_it():
    asked, spec = ComputeCapabilitiesFilter(), RequestSpec(flavor={"extra_specs": {"a": "1", "x:b": "2"}})
    assert asked.wishes(spec) is asked.wishes(spec_view("a filter", asked.spec_reads)(spec))
