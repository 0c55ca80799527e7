"""SameHostFilter: one of the named instances is enough."""

import pytest

from filtersched.filters.same_host_filter import SameHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

HOST = HostState("cmp1", instances=["a", "b"])


def spec(hint):
    return RequestSpec(scheduler_hints={"same_host": hint})


@pytest.mark.parametrize(
    ("hint", "expected"),
    [("a", True), (["a"], True), (["x", "b"], True), ("x", False), (["x", "y"], False), ("ab", False)],
)
def test_a_host_with_none_of_the_instances_is_refused(hint, expected):
    assert SameHostFilter().host_passes(HOST, spec(hint)) is expected


@pytest.mark.parametrize("hint", ["", [], None, [None]])
def test_an_empty_hint_refuses_nothing(hint):
    assert SameHostFilter().host_passes(HOST, spec(hint)) is True


def test_without_the_hint_every_host_passes():
    assert SameHostFilter().host_passes(HOST, RequestSpec()) is True


def test_an_unknown_instance_is_on_no_host():
    assert SameHostFilter().host_passes(HostState("cmp2"), spec("a")) is False


def test_text_in_an_old_request_is_one_uuid():
    old = RequestSpec.from_filter_properties({"scheduler_hints": {"same_host": "a"}})
    assert SameHostFilter().host_passes(HOST, old) is True
    assert SameHostFilter().host_passes(HostState("cmp2"), old) is False


def test_a_refusal_names_the_instances():
    assert SameHostFilter().rejection_reason(HOST, spec(["x", "y"])) == "runs none of x, y, asked for the same host"


def test_it_is_asked_once_a_request():
    assert SameHostFilter().run_filter_for_index(1) is False
