"""Plain data: what JSON holds, read from whatever Python has."""

from __future__ import annotations

import enum
import json
from collections import ChainMap, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest

from filtersched.columns.frozen import FrozenDict, FrozenList, thaw
from filtersched.columns.plain_data import NotPlainData, attributes_of, plain_data, plain_mapping


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        (10**300 - 1, 10**300 - 1),
        ([1, [2]], (1, (2,))),
        ((1, 2), (1, 2)),
        (Pair(1, [2]), (1, (2,))),
        (deque([1, 2]), (1, 2)),
        (range(3), (0, 1, 2)),
        ((n for n in (2, 1)), (2, 1)),
        ({"b", "a"}, ("a", "b")),
        (frozenset((2, 10, 1.5)), (1.5, 2, 10)),
        ({"b": 1, "a": 2}.keys(), ("a", "b")),
        ({"b": 1, "a": 2}.values(), (1, 2)),
        ({"a": {"b": [1]}}, {"a": {"b": (1,)}}),
        (ChainMap({"a": 1}), {"a": 1}),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00+00:00"),
        (date(2026, 1, 31), "2026-01-31"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (np.int64(5), 5),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_becomes_what_json_gives_back(given, plain):
    made = plain_data(given)
    assert made == plain
    kinds = {dict: FrozenDict, tuple: FrozenList}
    assert type(made) is kinds.get(type(plain), type(plain))
    assert plain_data(json.loads(json.dumps(thaw(made)))) == made


def test_the_given_container_stays_as_it_is_and_is_not_shared():
    given = {"a": [1]}
    made = plain_data(given)
    given["a"].append(2)
    given["b"] = 3
    assert made == {"a": (1,)}


def test_what_is_inside_is_read_only_too():
    made = plain_data({"a": {"b": [1, {"c": 2}]}})
    assert (type(made["a"]), type(made["a"]["b"][1])) == (FrozenDict, FrozenDict)


def test_what_is_plain_already_is_returned_itself():
    made = plain_data({"a": [1, {"b": [2]}]})
    assert plain_data(made) is made
    assert plain_data(made["a"]) is made["a"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (b"x", "b'x' is none"),
        (object, "is none"),
        (1j, "1j is none"),
        (SimpleNamespace(a=1), "is none"),
        (float("nan"), "no finite number"),
        (float("-inf"), "no finite number"),
        (np.float64("inf"), "no finite number"),
        (10**300, "300 digits"),
        (-(10**5000), "300 digits"),
        ({1: "a"}, "a key must be text, and 1 is none"),
        ({None: "a"}, "a key must be text"),
        ({"a": {"b": [b""]}}, "under 'a.b': b'' is none"),
        ({"a": {"b": {10**5000: 1}}}, "under 'a.b': a key must be text, and <int> is none"),
        (iter(int, 1), "an iterator of more than 1000000 items"),
    ],
    ids=[
        *("bytes", "class", "complex", "object", "nan", "inf", "numpy inf", "1e300", "-1e5000", "int key", "none key"),
        *("nested", "nested key", "endless"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_where_it_stands(given, problem):
    with pytest.raises(NotPlainData, match="must be plain data") as caught:
        plain_data(given)
    assert problem in str(caught.value)


def nested(levels: int) -> list:
    deep: list = []
    for _ in range(levels - 1):
        deep = [deep]
    return deep


@pytest.mark.parametrize("levels", [101, 5000])
def test_data_may_be_a_hundred_levels_deep_and_no_deeper(levels):
    assert thaw(plain_data(nested(100))) == nested(100)
    with pytest.raises(NotPlainData, match="nested too deeply"):
        plain_data(nested(levels))


def test_container_that_holds_itself_is_refused():
    loop: dict = {}
    loop["self"] = loop
    with pytest.raises(NotPlainData, match="nested too deeply"):
        plain_data(loop)


def test_mapping_may_be_none_and_nothing_else_that_is_no_mapping():
    assert plain_mapping(None) == {}
    with pytest.raises(ValueError, match="a mapping"):
        plain_mapping([1])


# -- objects of other libraries ---------------------------------------------------------------


@dataclass
class Cell:
    id: int
    cpus: set


class Versioned:
    """As the objects that compute sends: the fields are told by the class, some are not loaded."""

    fields = {"cells": None, "later": None, "unset": None}

    def __init__(self):
        self.cells = [Cell(0, {2, 1})]
        self._context = object()

    @property
    def later(self):
        raise NotImplementedError

    def save(self):
        raise AssertionError


def test_objects_are_read_as_mappings_of_their_public_attributes_where_asked_for():
    assert plain_data(Versioned(), objects=True) == {"cells": ({"id": 0, "cpus": (1, 2)},)}


class Broken:
    """A record of another library that fails when it is read."""

    disabled = property(lambda self: 1 / 0)


def test_object_that_cannot_be_read_is_refused():
    with pytest.raises(NotPlainData, match="'disabled' cannot be read, ZeroDivisionError"):
        attributes_of(Broken(), ("disabled",))


class Orphan:
    """As Nova's objects are: what is not loaded raises an error of Nova's own."""

    fields = {"name": 0, "hosts": 0}
    name = "x"
    hosts = property(lambda self: 1 / 0)

    def obj_attr_is_set(self, name):
        return name == "name"


def test_what_an_object_has_not_loaded_is_not_there():
    assert attributes_of(Orphan()) == {"name": "x"}


@pytest.mark.parametrize("value", [object(), len, dict, json], ids=["object", "function", "class", "module"])
def test_object_that_is_no_record_is_refused_all_the_same(value):
    with pytest.raises(NotPlainData):
        plain_data(value, objects=True)
