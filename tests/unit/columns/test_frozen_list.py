# ruff: noqa: SIM300, RUF005, PT018 - both sides of an operator are tested
"""FrozenList: equal to lists and tuples, and read-only."""

import copy
import json
import pickle

import pytest

from filtersched.columns.frozen import FrozenList

ITEMS = FrozenList(["a", FrozenList(["b"])])


@pytest.mark.parametrize("other", [["a", ["b"]], ("a", ("b",)), ["a", ("b",)], FrozenList(["a", ["b"]])])
def test_list_and_tuple_of_the_same_items_are_equal_from_either_side(other):
    assert ITEMS == other
    assert other == ITEMS
    assert not (other != ITEMS or ITEMS != other)


@pytest.mark.parametrize("other", [["a"], ("a", "b"), "ab", {"a"}, None])
def test_anything_else_differs(other):
    assert ITEMS != other
    assert not (ITEMS == other or other == ITEMS)


def test_hash_is_that_of_the_tuple():
    assert {FrozenList(["a"]): 1}[("a",)] == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda items: items.append("x"),
        lambda items: items.extend(["x"]),
        lambda items: items.remove("a"),
        lambda items: items.sort(),
        lambda items: items.__setitem__(0, "x"),
        lambda items: items.pop(),
    ],
)
def test_writing_is_refused_with_what_to_do(write):
    with pytest.raises(TypeError, match="this list is read-only; assign a new one to the attribute instead"):
        write(ITEMS)


def test_sums_with_lists_are_lists_and_with_tuples_read_only():
    assert type(FrozenList(["a"]) + ["b"]) is list
    assert ["b"] + FrozenList(["a"]) == ["b", "a"]
    assert type(FrozenList(["a"]) + ("b",)) is FrozenList


def test_copies_are_lists_to_write_to_and_files_hold_lists():
    assert type(ITEMS.copy()) is list
    assert json.dumps(ITEMS) == '["a", ["b"]]'
    assert type(pickle.loads(pickle.dumps(ITEMS))) is FrozenList
    assert copy.deepcopy(ITEMS) == ITEMS
