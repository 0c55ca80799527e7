"""JsonFilter: every operator, every kind of argument, and queries that are none."""

import json
import sys

import pytest

from filtersched.errors import InvalidRequest
from filtersched.filters.json_filter import MAX_DEPTH, JsonFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

HOST = HostState(
    "cmp1",
    free_ram_mb=1024,
    free_disk_mb=200 * 1024,
    vcpus_total=8,
    capabilities={"enabled": True, "gpu": {"model": "A100", "count": 4}, "zero": 0, "nothing": None},
    service={"disabled": False},
)


def passes(query, host=HOST):
    text = query if isinstance(query, str) else json.dumps(query)
    return JsonFilter().host_passes(host, RequestSpec(scheduler_hints={"query": text}))


@pytest.mark.parametrize("hints", [None, {}, {"query": None}, {"query": ""}, {"query": []}])
def test_without_a_query_every_host_passes(hints):
    assert JsonFilter().host_passes(HOST, RequestSpec(scheduler_hints=hints)) is True


def test_the_query_of_an_old_request_stands_beside_the_hints():
    old = RequestSpec.from_filter_properties({"query": '[">=", "$free_ram_mb", 1025]', "scheduler_hints": {}})
    assert JsonFilter().host_passes(HOST, old) is False


@pytest.mark.parametrize("query", ["[]", "{}", " [ ] "])
def test_an_empty_query_is_true(query):
    assert passes(query) is True


def test_an_empty_list_inside_a_query_is_true_and_an_empty_object_is_itself():
    assert passes(["and", []]) is True
    assert passes(["not", []]) is False
    assert passes(["and", {}]) is False


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        ("=", False, True, False),
        ("<", False, False, True),
        (">", True, False, False),
        ("<=", False, True, True),
        (">=", True, True, False),
    ],
)
def test_a_comparison_holds_between_the_attribute_and_a_number(op, below, at, above):
    assert [passes([op, "$free_ram_mb", number]) for number in (1023, 1024, 1025)] == [below, at, above]


def test_the_first_argument_is_compared_with_each_of_the_others():
    assert passes(["<", 1, 2, 3]) is True
    assert passes(["<", 1, 3, 2]) is True
    assert passes(["<", 1, 3, 1]) is False
    assert passes(["=", 1, 1, 1]) is True
    assert passes(["=", 1, 1, 2]) is False


@pytest.mark.parametrize("op", ["=", "<", ">", "<=", ">=", "in"])
def test_a_comparison_of_fewer_than_two_is_false(op):
    assert passes([op]) is False
    assert passes([op, 1]) is False


def test_in_is_true_if_the_first_is_one_of_the_others():
    assert passes(["in", "$host", "cmp0", "cmp1"]) is True
    assert passes(["in", "$host", "cmp0", "cmp2"]) is False
    assert passes(["in", "$host", "cmp"]) is False


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (["and", True, 1, "x"], True),
        (["and", True, 0], False),
        (["and"], True),
        (["or", False, 0, "x"], True),
        (["or", False, 0], False),
        (["or"], False),
    ],
)
def test_and_and_or_go_by_truth_value_and_of_nothing_is_true(query, expected):
    assert passes(query) is expected


def test_arguments_that_are_lists_are_queries():
    assert passes(["and", [">=", "$free_ram_mb", 1024], [">=", "$free_disk_mb", 200 * 1024]]) is True
    assert passes(["and", [">=", "$free_ram_mb", 1024], [">=", "$free_disk_mb", 200 * 1024 + 1]]) is False
    assert passes(["or", [">=", "$free_ram_mb", 2048], [">=", "$vcpus_total", 8]]) is True
    assert passes(["=", True, ["<", 1, 2]]) is True


def test_a_variable_follows_its_path():
    assert passes(["=", "$capabilities.gpu.model", "A100"]) is True
    assert passes(["=", "$capabilities.gpu.model", "H100"]) is False
    assert passes([">=", "$capabilities.gpu.count", 5]) is False


@pytest.mark.parametrize(
    "name", ["$foo", "$capabilities.foo", "$capabilities.foo.bar", "$capabilities.nothing", "$", "$.x", "$host_ip"]
)
def test_a_variable_that_is_not_known_vanishes(name):
    assert passes(["=", name, 2, 2]) is True
    assert passes(["=", name, 2]) is False
    assert passes(["and", name]) is True


def test_a_capability_that_is_not_announced_does_not_refuse():
    query = ["and", "$capabilities.enabled", [">=", "$free_ram_mb", 1024]]
    silent = HostState("cmp2", free_ram_mb=1024)
    assert passes(query, silent) is True
    assert passes(query, HostState("cmp3", free_ram_mb=1024, capabilities={"enabled": False})) is False


@pytest.mark.parametrize("dropped", ["", None])
def test_empty_text_and_null_vanish(dropped):
    assert passes(["=", dropped, 2, 2]) is True
    assert passes(["and", dropped]) is True


def test_zero_and_false_do_not_vanish():
    assert passes(["=", "$capabilities.zero", 0]) is True
    assert passes(["and", "$capabilities.zero"]) is False
    assert passes(["=", "$service.disabled", False]) is True


def test_text_without_a_dollar_is_itself():
    assert passes(["=", "$host", "cmp1"]) is True
    assert passes(["=", "host", "cmp1"]) is False


def test_what_is_private_to_a_host_is_not_known():
    assert passes(["or", "$__class__", "$_owner", "$__dict__", "$copy", "$limits"]) is False


def test_the_outermost_not_is_true_if_one_argument_is_false():
    assert passes(["not", True, False]) is True
    assert passes(["not", True, True]) is False
    assert passes(["not", False]) is True
    assert passes(["not"]) is False


def test_a_not_inside_is_a_list_and_true_unless_it_is_empty():
    assert passes(["and", ["not", True]]) is True
    assert passes(["not", ["not", True]]) is False
    assert passes(["and", ["not", "$foo"]]) is False


def test_not_of_an_unknown_variable_refuses():
    assert passes(["not", "$service.disabled"], HostState("cmp2")) is False
    assert passes(["not", "$service.disabled"]) is True


def test_the_state_of_the_service_is_not_looked_at():
    assert passes([">=", "$free_ram_mb", 1], HostState("x", free_ram_mb=1, service={"disabled": True})) is True


@pytest.mark.parametrize("query", [["<", "$host", 1], ["<", 2, 1, "x"], [">=", {}, {}]])
def test_what_has_no_order_is_an_invalid_request_that_shows_the_query(query):
    with pytest.raises(InvalidRequest, match=r"compares what has no order .*not supported") as caught:
        passes(query)
    assert json.dumps(query) in str(caught.value)
    assert caught.value.field == "scheduler_hints"


def test_text_and_a_number_are_simply_not_equal():
    assert passes(["=", "1024", "$free_ram_mb"]) is False


def test_a_key_of_something_that_has_none_is_an_invalid_request():
    with pytest.raises(InvalidRequest, match="no keys") as caught:
        passes(["=", "$free_ram_mb.x", 1])
    assert caught.value.value == "$free_ram_mb.x"


@pytest.mark.parametrize(
    "query",
    [
        ["!=", 1, 2],
        ["==", 1, 1],
        ["AND", True],
        ["", 1],
        [1, 2],
        [None],
        [["=", 1, 1], 2],
        [{"=": 1}],
        ["and", ["xor", True]],
        ["or", True, ["and", [5]]],
    ],
)
def test_an_operator_that_is_not_known_is_an_invalid_request(query):
    with pytest.raises(InvalidRequest, match="known are =, <, >, <=, >=, in, not, or, and") as caught:
        passes(query)
    assert caught.value.field == "scheduler_hints"


@pytest.mark.parametrize(
    "text", ["[", "[1", '["=", 1, 1', '["=", 1, 1]]', "nonsense", '"unfinished', "['=', 1, 1]", "[" + "9" * 5000 + "]"]
)
def test_what_is_no_json_is_an_invalid_request(text):
    with pytest.raises(InvalidRequest, match="not JSON"):
        passes(text)


@pytest.mark.parametrize("text", ["5", "null", "true", '"and"', '{"and": 1}'])
def test_json_that_is_no_list_is_an_invalid_request(text):
    with pytest.raises(InvalidRequest, match="must be a list"):
        passes(text)


@pytest.mark.parametrize("query", [5, ["=", "$free_ram_mb", 1024], {"=": 1}])
def test_a_query_that_is_no_text_is_an_invalid_request(query):
    with pytest.raises(InvalidRequest, match="one JSON text"):
        JsonFilter().host_passes(HOST, RequestSpec(scheduler_hints={"query": query}))


def unbounded(text):
    filter_ = JsonFilter()
    filter_.bind({"json_query_max_length": 10**8, "json_query_max_terms": 10**8})
    return filter_.host_passes(HOST, RequestSpec(scheduler_hints={"query": text}))


def nested(depth):
    return '["and", ' * (depth - 1) + "[]" + "]" * (depth - 1)


def test_a_query_may_be_a_hundred_deep_and_no_deeper():
    assert passes(nested(MAX_DEPTH)) is True
    with pytest.raises(InvalidRequest, match="more than 100 deep"):
        passes(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("text", [nested(1000), nested(100_000), '["and", ' + '{"a": ' * 1000, "[" * 1_000_000])
def test_a_query_a_thousand_deep_is_an_invalid_request(text):
    with pytest.raises(InvalidRequest, match="deep") as caught:
        unbounded(text)
    assert len(str(caught.value)) < 400


def test_the_depth_is_looked_at_before_anything_recurses():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(InvalidRequest, match="deep"):
            unbounded(nested(500_000))
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_in_text_do_not_count():
    assert passes(["=", "[" * 1000 + '\\"' + "{" * 1000, "x"]) is False


def test_a_long_text_of_quotes_is_read_in_one_go():
    with pytest.raises(InvalidRequest, match="not JSON"):
        unbounded('["=", "' + '\\"' * 500_000)


def test_a_query_longer_than_allowed_is_an_invalid_request_before_it_is_read():
    query = '["=", 1, "' + "x" * 9988 + '"]'
    assert len(query) == 10_000
    assert passes(query) is False
    with pytest.raises(InvalidRequest, match="has 10001 characters, at most 10000 are allowed") as caught:
        passes(query + "[")
    assert "[filter_scheduler] json_query_max_length" in str(caught.value)


def test_a_query_of_more_terms_than_allowed_is_an_invalid_request():
    """Terms are operators and variables; other arguments are as many as the length allows."""
    comparisons = [[">", "$free_ram_mb", number] for number in range(49)]
    assert passes(["and", *comparisons, "$free_ram_mb"]) is True
    assert passes(["in", "$host", *(f"cmp{number}" for number in range(900))]) is True
    with pytest.raises(InvalidRequest, match="has 101 terms, at most 100 are allowed") as caught:
        passes(["and", *comparisons, "$free_ram_mb", "$free_ram_mb"])
    assert "[filter_scheduler] json_query_max_terms" in str(caught.value)


def test_the_bounds_can_be_configured():
    narrow = JsonFilter()
    narrow.bind({"json_query_max_length": 20, "json_query_max_terms": 2})
    assert narrow.host_passes(HOST, RequestSpec(scheduler_hints={"query": '["=", "$host", 1]'})) is False
    for query, problem in (('["=", "$vcpus_total", 8]', "characters"), ('["=","$host","$x"]', "terms")):
        with pytest.raises(InvalidRequest, match=problem):
            narrow.host_passes(HOST, RequestSpec(scheduler_hints={"query": query}))


def test_a_refusal_names_ten_variables_at_most():
    query = ["or", *(f"$capabilities.x{number}" for number in range(60))]
    reason = JsonFilter().rejection_reason(HOST, RequestSpec(scheduler_hints={"query": json.dumps(query)}))
    assert reason.endswith("$capabilities.x9 is unknown, and 50 more variables")
    assert len(reason) < 1000


def test_a_time_is_compared_as_text():
    host = HostState("cmp1", service={"updated_at": "2026-01-31T13:00:00+01:00"}, updated="2026-01-31")
    assert passes(["=", "$service.updated_at", "2026-01-31T12:00:00"], host) is True
    assert passes(["<", "$updated", "2026-02"], host) is True


def test_a_refusal_shows_query_and_values():
    spec = RequestSpec(scheduler_hints={"query": '["and", [">=", "$free_ram_mb", 2048], "$capabilities.fpga"]'})
    assert JsonFilter().rejection_reason(HOST, spec) == (
        'the query ["and", [">=", "$free_ram_mb", 2048], "$capabilities.fpga"] is not true: '
        "$free_ram_mb is 1024, $capabilities.fpga is unknown"
    )


def test_it_declares_the_attributes_that_the_query_names():
    spec = RequestSpec(scheduler_hints={"query": '["and", [">=", "$free_ram_mb", 1], "$service.x", "$_y", "host"]'})
    assert JsonFilter().host_reads(spec) == ("free_ram_mb", "service")
    assert JsonFilter().host_reads(RequestSpec()) == ()
    assert JsonFilter().host_reads(RequestSpec(scheduler_hints={"query": "[["})) == ()


def test_it_is_asked_for_every_instance():
    assert JsonFilter().run_filter_for_index(1) is True
