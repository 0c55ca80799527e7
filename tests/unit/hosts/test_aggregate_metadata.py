"""Reading values that the aggregates of a host set, whole and split."""

from __future__ import annotations

import pytest

from filtersched import HostState
from filtersched.hosts import aggregate_metadata as aggregates


def host(*metadata: dict) -> HostState:
    return HostState("cmp1", aggregates=[{"name": f"a{n}", "metadata": one} for n, one in enumerate(metadata)])


THREE = ({"k1": "1", "k2": "x"}, {"k1": "3"}, {"k1": "6,7"})


def test_split_values_are_cut_at_commas_and_stripped():
    assert aggregates.split_values(host(*THREE).aggregates, "k1") == {"1", "3", "6", "7"}
    assert aggregates.split_values(host({"k": " a , b ,"}).aggregates, "k") == {"a", "b", ""}


def test_all_keys_come_with_the_items_of_every_aggregate():
    assert aggregates.all_split(host(*THREE)) == {"k1": {"1", "3", "6", "7"}, "k2": {"x"}}


def test_missing_key_and_host_without_aggregates_give_nothing():
    assert aggregates.split_values(host(*THREE).aggregates, "k9") == set()
    assert aggregates.split_values((), "k1") == set()
    assert aggregates.all_split(host()) == {}


@pytest.mark.parametrize(
    ("texts", "cast", "read"),
    [
        ([], float, 16.0),
        (["2.5"], float, 2.5),
        (["2.5", "1.5"], float, 1.5),
        (["-1", "1"], float, -1.0),
        # A text that cannot be read decides for the default, whatever the others say.
        (["1.5", "6,7"], float, 16.0),
        (["1.5", ""], float, 16.0),
        (["2.5"], int, 16.0),
        (["10", "9"], int, 9),
        # What is no finite number is as unreadable as any other text.
        (["inf", "2"], float, 16.0),
        (["-inf"], float, 16.0),
        (["nan"], float, 16.0),
        (["9" * 400], float, 16.0),
        (["9" * 400], int, 16.0),
        (["9" * 5000, "2"], int, 16.0),
    ],
)
def test_number_is_the_least_or_the_default(texts, cast, read):
    assert aggregates.number(host(*({"ratio": text} for text in texts)), "ratio", cast, 16.0) == read


def test_key_without_a_value_is_a_missing_key():
    assert aggregates.number(host({"ratio": None}, {"ratio": "2"}), "ratio", float, 16.0) == 2.0
    assert aggregates.split_values(host({"k": None}).aggregates, "k") == set()
