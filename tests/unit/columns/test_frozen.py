"""Read-only containers."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime

import pytest

from filtersched.columns.frozen import EMPTY, FrozenDict, thaw, typed_key
from filtersched.columns.plain_data import plain_data


@pytest.mark.parametrize(
    "write",
    [
        lambda d: d.__setitem__("b", 2),
        lambda d: d.__delitem__("a"),
        lambda d: d.update(b=2),
        lambda d: d.clear(),
        lambda d: d.pop("a"),
        lambda d: d.popitem(),
        lambda d: d.setdefault("b", 2),
        lambda d: d.__ior__({"b": 2}),
    ],
    ids=["[]=", "del", "update", "clear", "pop", "popitem", "setdefault", "|="],
)
def test_every_way_of_writing_raises_and_changes_nothing(write):
    frozen = FrozenDict(a=1)
    with pytest.raises(TypeError, match="read-only"):
        write(frozen)
    assert frozen == {"a": 1}


def test_it_is_a_dict_for_isinstance_and_for_json():
    assert isinstance(EMPTY, dict)
    assert json.dumps(plain_data({"a": [1, {"b": None}]})) == '{"a": [1, {"b": null}]}'


def test_equal_ones_have_equal_hashes_whatever_the_order():
    assert hash(plain_data({"a": 1, "b": [2]})) == hash(plain_data({"b": [2], "a": 1}))
    assert len({plain_data({"a": 1}), plain_data({"a": 1})}) == 1


def test_one_with_an_unhashable_leaf_has_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(FrozenDict(a=bytearray()))


def test_copies_are_itself_and_pickles_are_equal_and_read_only():
    frozen = plain_data({"a": [1]})
    assert copy.copy(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    again = pickle.loads(pickle.dumps(frozen))
    assert again == frozen
    assert type(again) is FrozenDict


def test_thawing_gives_plain_data():
    thawed = thaw(FrozenDict(a=(1, FrozenDict(b=frozenset((3, 2)))), t=datetime(2026, 1, 31)))
    assert thawed == {"a": [1, {"b": [2, 3]}], "t": "2026-01-31T00:00:00"}
    assert type(thawed) is dict
    assert type(thawed["a"]) is list


def test_key_of_a_time_is_that_of_an_equal_one_with_the_same_fold():
    time = datetime(2026, 1, 31, 12)
    assert typed_key(time) == typed_key(time.replace())
    assert typed_key(time) != typed_key(time.replace(fold=1))
