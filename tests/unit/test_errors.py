"""The error tree: what is an instance of what, facts as attributes, pickling."""

from __future__ import annotations

import copy
import pickle

import pytest

from filtersched import (
    CommitConflict,
    ConfigurationError,
    DuplicatePlugin,
    FilterschedError,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    InvalidRequest,
    InvalidWeight,
    InventoryError,
    NoValidHost,
    PluginLoadError,
    PluginNotFound,
    RequestSpec,
)
from filtersched.errors import nearest
from filtersched.schedulers import FilterScheduler

EXAMPLES = [
    (FilterschedError("said"), {}),
    (ConfigurationError("said", group="g", option="o", value=3), {"group": "g", "option": "o", "value": 3}),
    (
        PluginNotFound("said", names=["A", "B"], group="g", option="o", available=["C"]),
        {"names": ("A", "B"), "group": "g", "option": "o", "available": ("C",), "value": ("A", "B")},
    ),
    (PluginLoadError("said", name="A", entry_point="a:A"), {"name": "A", "entry_point": "a:A"}),
    (DuplicatePlugin("said", name="A", candidates=["x", "y"]), {"name": "A", "candidates": ("x", "y")}),
    (InvalidRequest("said", field="f", value=-1), {"field": "f", "value": -1}),
    (InvalidHost("said", host="h", attribute="a", value="v"), {"host": "h", "attribute": "a", "value": "v"}),
    (InvalidWeight("said", weigher="w", host="h", value=None), {"weigher": "w", "host": "h", "value": None}),
    (InventoryError("said", path="p", line=7, field="f"), {"path": "p", "line": 7, "field": "f"}),
    (CommitConflict("said", hosts=["h"]), {"hosts": ("h",), "selections": ()}),
    (NoValidHost("said", index=2, num_instances=5), {"index": 2, "num_instances": 5, "explanation": None}),
]


@pytest.mark.parametrize(("error", "facts"), EXAMPLES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy], ids=["pickle", "copy"])
def test_sentence_and_facts_survive(error, facts, through):
    again = through(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert "said" in str(again)
    assert {name: getattr(again, name) for name in facts} == facts


@pytest.mark.parametrize("kind", [type(error) for error, _facts in EXAMPLES])
def test_all_are_filtersched_errors(kind):
    assert issubclass(kind, FilterschedError)


@pytest.mark.parametrize("kind", [InvalidRequest, InvalidHost, InvalidWeight, InventoryError])
def test_those_about_a_value_are_value_errors(kind):
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", [PluginNotFound, PluginLoadError, DuplicatePlugin])
def test_those_about_plug_ins_are_configuration_errors(kind):
    assert issubclass(kind, ConfigurationError)


def test_no_valid_host_begins_with_the_sentence_that_people_grep_for():
    assert str(NoValidHost()) == "No valid host was found. Instance 1 of 1 found no host."
    assert str(NoValidHost("Too late.", index=1)) == "No valid host was found. Too late."


def refusal() -> NoValidHost:
    hosts = [
        HostState("small", total_usable_ram_mb=1000, free_ram_mb=400),
        HostState("big", total_usable_ram_mb=2000, free_ram_mb=900),
    ]
    with pytest.raises(NoValidHost) as caught:
        FilterScheduler().select_destinations(RequestSpec(Flavor(memory_mb=2500)), hosts, filters=["RamFilter"])
    return caught.value


def test_no_valid_host_tells_counts_and_the_nearest_miss():
    # 2000 MiB at the ratio 1.5 are 3000, of which 1100 are used.
    assert str(refusal()) == (
        "No valid host was found. Instance 1 of 1: 2 hosts, 2 refused by RamFilter. "
        "Nearest: big lacks 600 MB of RAM (free 1900, asked 2500)."
    )


def test_pickled_no_valid_host_keeps_counts_words_and_why_of_the_nearest():
    error = refusal()
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.explanation.refused == {"RamFilter": 2}
    assert [miss.host for miss in again.explanation.near_misses()] == ["big", "small"]
    assert again.explanation.why("small") == error.explanation.why("small")


def test_pickled_explanation_says_that_it_does_not_know_other_hosts():
    again = pickle.loads(pickle.dumps(refusal()))
    with pytest.raises(InvalidRequest, match="nowhere"):
        again.explanation.why("nowhere")


def test_commit_conflict_survives_pickling_with_its_selections():
    pool = HostPool([HostState("cmp1", total_usable_ram_mb=1000, free_ram_mb=1000)])
    selections = FilterScheduler().select_destinations(RequestSpec(Flavor(memory_mb=10)), pool)
    pool["cmp1"].num_io_ops = 3
    with pytest.raises(CommitConflict) as caught:
        pool.commit(selections)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.hosts == ("cmp1",)
    assert [one.instance_uuid for one in again.selections] == [selections[0].instance_uuid]


@pytest.mark.parametrize(
    ("name", "known", "end"),
    [
        ("free_ram", ["free_ram_mb", "host"], "Did you mean 'free_ram_mb'?"),
        ("RAMFilter", ["RamFilter", "CoreFilter"], "Did you mean 'RamFilter'?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [f"name{n:02}" for n in range(13)], ""),
    ],
)
def test_unknown_name_is_answered_with_the_nearest_or_all_if_few(name, known, end):
    assert nearest(name, known).startswith(end)
    assert bool(nearest(name, known)) is bool(end)
