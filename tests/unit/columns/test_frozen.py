"""Read-only containers."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType

import pytest

from filtersched.columns.frozen import EMPTY, FrozenDict, freeze, thaw


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
    assert json.dumps(freeze({"a": [1, {"b": None}]})) == '{"a": [1, {"b": null}]}'


def test_what_is_inside_is_read_only_too():
    frozen = freeze({"a": {"b": [1, {"c": {2}}]}})
    assert frozen == {"a": {"b": (1, {"c": {2}})}}
    assert type(frozen["a"]) is FrozenDict
    assert type(frozen["a"]["b"][1]) is FrozenDict
    assert type(frozen["a"]["b"][1]["c"]) is frozenset


def test_the_given_container_stays_as_it_is_and_is_not_shared():
    given = {"a": [1]}
    frozen = freeze(given)
    given["a"].append(2)
    given["b"] = 3
    assert frozen == {"a": (1,)}


def test_other_mappings_become_frozen_dicts():
    assert type(freeze(MappingProxyType({"a": 1}))) is FrozenDict


def test_freezing_what_is_frozen_returns_the_same_object():
    frozen, pair, text = freeze({"a": {"b": 1}}), (1, (2, 3)), "text"
    assert freeze(frozen) is frozen
    assert freeze(pair) is pair
    assert freeze(text) is text


def test_a_tuple_with_a_list_in_it_is_frozen_inside():
    assert freeze((1, [2])) == (1, (2,))


def test_equal_ones_have_equal_hashes_whatever_the_order():
    assert hash(freeze({"a": 1, "b": [2]})) == hash(freeze({"b": [2], "a": 1}))
    assert len({freeze({"a": 1}), freeze({"a": 1})}) == 1


def test_one_with_an_unhashable_leaf_has_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(FrozenDict(a=bytearray()))


def test_copies_are_itself_and_pickles_are_equal_and_read_only():
    frozen = freeze({"a": [1]})
    assert copy.copy(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    again = pickle.loads(pickle.dumps(frozen))
    assert again == frozen
    assert type(again) is FrozenDict


def test_an_object_of_another_class_is_left_alone():
    one = object()
    assert freeze([one])[0] is one


def test_thawing_gives_plain_data():
    thawed = thaw(freeze({"a": [1, {"b": {3, 2}}]}))
    assert thawed == {"a": [1, {"b": [2, 3]}]}
    assert type(thawed) is dict
    assert type(thawed["a"]) is list
