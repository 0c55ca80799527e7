"""Why, as data: exclusions, ranks, the chosen host, and everything as plain data."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jsonschema
import pytest

from filtersched import (
    BaseHostFilter,
    ChanceScheduler,
    Destination,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Shortage,
    StochasticScheduler,
    make_conf,
)

SCHEMAS = json.loads((Path(__file__).parents[3] / "docs" / "static" / "answers.schema.json").read_text())
FLAVOR = Flavor(memory_mb=100, vcpus=1)
CONF = {
    "enabled_filters": "RamFilter,CoreFilter",
    "weight_classes": "RAMWeigher,CPUWeigher",
    "cpu_allocation_ratio": 1.0,
    "ram_allocation_ratio": 1.0,
}


def host(name: str, free_ram_mb: int = 1000, **attributes) -> HostState:
    return HostState(
        name, **{"total_usable_ram_mb": 1000, "free_ram_mb": free_ram_mb, "vcpus_total": 8, **attributes}
    )


@pytest.fixture
def pool() -> HostPool:
    return HostPool([host("a"), host("b", 500), host("c", 250, vcpus_used=4), host("d", vcpus_used=8)])


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def scheduler(request) -> FilterScheduler:
    return FilterScheduler(make_conf(**CONF), use_engine=request.param)


def checked(kind: str, answer) -> dict:
    """The answer as plain data, which its schema allows and `json` brings back."""
    data = answer.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    jsonschema.validate(data, {"$ref": f"#/$defs/{kind}", "$defs": SCHEMAS["$defs"]})
    return data


# -- exclusions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_of", "field", "said"),
    [
        ({"ignore_hosts": ["a", "B", "c", "d"]}, "ignore_hosts", "4 hosts, 4 ignored by the request."),
        ({"force_hosts": ["z"]}, "force_hosts", "4 hosts, 4 other than the forced hosts."),
        ({"force_nodes": ["z"]}, "force_nodes", "4 hosts, 4 other than the forced nodes."),
        (
            {"requested_destination": Destination("z")},
            "requested_destination",
            "4 hosts, 4 other than the requested destination.",
        ),
        (
            {"requested_destination": Destination(cell="z")},
            "requested_destination",
            "4 hosts, 4 other than the requested destination.",
        ),
    ],
)
def test_hosts_that_the_request_excludes_are_a_step(scheduler, pool, request_of, field, said):
    spec = RequestSpec(FLAVOR, **request_of)
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec, pool)
    assert str(caught.value) == f"No valid host was found. Instance 1 of 1: {said}"
    (step,) = caught.value.explanation.steps
    assert (step.name, step.before, step.after, step.refused) == (field, 4, 0, ("a", "b", "c", "d"))
    assert str(scheduler.explain(spec, "a", pool)) == f"a: excluded by {field}"
    assert str(scheduler.explain(spec, pool["a"])) == f"a: excluded by {field}"
    assert checked("refusal", caught.value)["explanation"]["refused"] == {field: 4}


def test_exclusions_and_filters_are_told_apart(scheduler, pool):
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(RequestSpec(Flavor(memory_mb=1600), ignore_hosts=["a"]), pool)
    assert str(caught.value).endswith(
        "4 hosts, 1 ignored by the request, 3 refused by RamFilter. "
        "Nearest: d lacks 600 MB of RAM (free 1000, asked 1600)."
    )


def test_two_kinds_of_exclusion_are_two_steps(scheduler, pool):
    spec = RequestSpec(FLAVOR, ignore_hosts=["a"], force_hosts=["a", "z"])
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec, pool)
    steps = caught.value.explanation.steps
    assert [(step.name, step.refused) for step in steps] == [("ignore_hosts", ("a",)), ("force_hosts", ("b", "c", "d"))]


def test_exclusions_are_counted_once_for_a_request_of_many(scheduler, pool):
    spec = RequestSpec(Flavor(memory_mb=600), num_instances=9, ignore_hosts=["b"])
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec, pool)
    assert caught.value.explanation.refused["ignore_hosts"] == 1


# -- ranks and the chosen ------------------------------------------------------------------------


def test_host_that_would_not_be_chosen_gets_its_rank_and_what_made_it(scheduler, pool):
    verdicts = scheduler.explain(RequestSpec(FLAVOR), "c", pool)
    assert (verdicts.passed, verdicts.chosen, verdicts.rank.rank, verdicts.rank.of) == (True, False, 3, 3)
    assert verdicts.rank.differences == (("RAMWeigher", -0.75), ("CPUWeigher", -0.5))
    assert str(verdicts) == (
        "c: passes every filter, rank 3 of 3, 1.25 behind the chosen host (RAMWeigher -0.75, CPUWeigher -0.5)"
    )
    data = checked("host_verdicts", verdicts)
    assert (data["rank"], data["ranking"]["behind"]) == (3, 1.25)


def test_host_that_would_be_chosen_is_said_to_be(scheduler, pool):
    verdicts = scheduler.explain(RequestSpec(FLAVOR), "a", pool)
    assert (verdicts.chosen, str(verdicts)) == (True, "a: chosen, rank 1 of 3")


def test_refused_host_has_its_reason_and_no_rank(scheduler, pool):
    verdicts = scheduler.explain(RequestSpec(FLAVOR), "d", pool)
    assert str(verdicts) == "d: CoreFilter: lacks 1 vCPUs (free 0, asked 1)"
    assert checked("host_verdicts", verdicts)["verdicts"][1]["shortage"] == {
        "what": "vCPUs",
        "unit": "",
        "need": 1,
        "have": 0.0,
        "missing": 1.0,
        "sentence": "lacks 1 vCPUs (free 0, asked 1)",
    }


def test_explaining_leaves_the_pool_as_it_is(scheduler, pool):
    before = [one.to_dict() for one in pool], pool.generation
    scheduler.explain(RequestSpec(FLAVOR), "c", pool)
    assert ([one.to_dict() for one in pool], pool.generation) == before


def test_unknown_host_is_refused(scheduler, pool):
    with pytest.raises(InvalidRequest, match="'z' was not among"):
        scheduler.explain(RequestSpec(FLAVOR), "z", pool)


def test_name_without_a_pool_is_refused(scheduler):
    with pytest.raises(InvalidRequest, match="pass the pool"):
        scheduler.explain(RequestSpec(FLAVOR), "a")


def test_why_of_the_chosen_host_says_chosen_whatever_it_lacks_now(scheduler, pool):
    (selection,) = scheduler.place(RequestSpec(Flavor(memory_mb=900)), pool)
    assert str(selection.explanation.why("a")) == "a: chosen"
    data = checked("explanation", selection.explanation)
    assert (data["host"], data["refused"]) == ("a", {"RamFilter": 2, "CoreFilter": 0})


# -- plain data ----------------------------------------------------------------------------------


def test_refusal_says_as_data_what_its_text_says(scheduler, pool):
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(RequestSpec(Flavor(memory_mb=1001)), pool)
    data = checked("refusal", caught.value)
    assert data["message"] == str(caught.value)
    nearest = data["explanation"]["near_misses"][0]
    assert nearest["verdicts"][0]["shortage"]["need"] == 1001
    assert nearest["sentence"] in {str(one) for one in caught.value.explanation.near_misses()}


class OddFilter(BaseHostFilter):
    """Refuses with numbers that JSON lacks."""

    def host_passes(self, host_state, spec):
        return False

    def rejection_reason(self, host_state, spec):
        return Shortage("oddity", float("inf"), float("nan"), "X")


def test_numbers_that_json_lacks_are_words():
    data = OddFilter().rejection_reason(None, None).to_dict()
    assert (data["need"], data["have"], data["missing"]) == ("inf", "nan", "nan")
    jsonschema.validate(data, {"$ref": "#/$defs/shortage", "$defs": SCHEMAS["$defs"]})


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMAS)


# -- draws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.parametrize(
    ("conf", "explain", "drawn_from"),
    [
        ({}, "counts", None),
        ({"host_subset_size": 2}, "counts", 2),
        ({"host_subset_size": 99}, "counts", 3),
        ({"shuffle_best_same_weighed_hosts": True}, "counts", None),
        ({"shuffle_best_same_weighed_hosts": True}, "full", 2),
        ({"shuffle_best_same_weighed_hosts": True, "host_subset_size": 3}, "full", 3),
    ],
)
def test_choice_knows_how_many_hosts_it_was_drawn_from(use_engine, conf, explain, drawn_from):
    scheduler = FilterScheduler(make_conf(**CONF, **conf), use_engine=use_engine)
    hosts = [host("a"), host("b"), host("c", 500), host("d", 10)]
    (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR), hosts, explain=explain)
    explanation = checked("explanation", selection.explanation)
    assert (explanation["left"], explanation["drawn_from"]) == (3, drawn_from)
    assert pickle.loads(pickle.dumps(selection.explanation)).drawn_from == drawn_from


def test_ranks_are_those_of_the_weights_where_a_lower_host_was_drawn(scheduler, pool):
    drawing = FilterScheduler(make_conf(**CONF, host_subset_size=3), use_engine=scheduler._engine is not None)
    found = {}
    for seed in range(9):
        (selection,) = drawing.select_destinations(RequestSpec(FLAVOR), pool, seed=seed, explain="full")
        found[selection.host] = selection.explanation
    why = {name: found["c"].why(name) for name in ("a", "b", "c")}
    assert {name: one.rank.rank for name, one in why.items()} == {"a": 1, "b": 2, "c": 3}
    assert str(why["c"]) == "c: chosen, rank 3 of 3"
    assert str(why["a"]).startswith("a: passes every filter, rank 1 of 3, 1.25 ahead of the chosen host (")
    assert checked("host_verdicts", why["a"])["ranking"]["behind"] == -1.25


def test_rank_has_what_each_weigher_gave(scheduler, pool):
    shares = scheduler.explain(RequestSpec(FLAVOR), "c", pool).rank.shares
    assert [(one.weigher, one.contribution) for one in shares] == [("RAMWeigher", 0.25), ("CPUWeigher", 0.5)]


def test_driver_that_draws_among_all_says_so():
    for driver in (StochasticScheduler, ChanceScheduler):
        (selection,) = driver(make_conf(**CONF)).select_destinations(RequestSpec(FLAVOR), [host("a"), host("b")])
        assert selection.explanation.drawn_from == 2
