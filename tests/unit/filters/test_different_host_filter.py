"""DifferentHostFilter: one of the named instances is one too many."""

import pytest

from filtersched.filters.different_host_filter import DifferentHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

HOST = HostState("cmp1", instances=["a", "b"])


def spec(hint):
    return RequestSpec(scheduler_hints={"different_host": hint})


@pytest.mark.parametrize(
    ("hint", "expected"),
    [("a", False), (["a"], False), (["x", "b"], False), ("x", True), (["x", "y"], True), ("ab", True)],
)
def test_a_host_with_any_of_the_instances_is_refused(hint, expected):
    assert DifferentHostFilter().host_passes(HOST, spec(hint)) is expected


@pytest.mark.parametrize("hint", ["", [], None, [None]])
def test_an_empty_hint_refuses_nothing(hint):
    assert DifferentHostFilter().host_passes(HOST, spec(hint)) is True


def test_without_the_hint_every_host_passes():
    assert DifferentHostFilter().host_passes(HOST, RequestSpec()) is True


@pytest.mark.parametrize("hints", [None, {}, {"different_host": []}])
def test_an_old_request_may_have_no_hints_at_all(hints):
    old = RequestSpec.from_filter_properties({"scheduler_hints": hints})
    assert DifferentHostFilter().host_passes(HOST, old) is True


def test_text_in_an_old_request_is_one_uuid():
    old = RequestSpec.from_filter_properties({"scheduler_hints": {"different_host": "a"}})
    assert DifferentHostFilter().host_passes(HOST, old) is False


def test_an_empty_host_passes():
    assert DifferentHostFilter().host_passes(HostState("cmp2"), spec("a")) is True


def test_a_refusal_names_the_instances():
    reason = DifferentHostFilter().rejection_reason(HOST, spec(["a", "x", "b"]))
    assert reason == "runs a, b, asked for a different host"


def test_it_is_asked_once_a_request_and_not_on_a_rebuild():
    assert DifferentHostFilter().run_filter_for_index(1) is False
    rebuild = RequestSpec(scheduler_hints={"different_host": "a", "_nova_check_type": ["rebuild"]})
    assert list(DifferentHostFilter().filter_all([HOST], rebuild)) == [HOST]
