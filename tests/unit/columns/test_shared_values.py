"""Sharing values: equal ones are one object, and the table stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

from filtersched import Aggregate, HostState
from filtersched.columns.frozen import FrozenDict
from filtersched.columns.shared_values import SharedValues

# By how many bytes a process grows when a host reports so many times so many values.
GROWTH = """
import gc, sys, tracemalloc
from filtersched import HostState
count, size = map(int, sys.argv[1:])
host = HostState("h")
host.capabilities = {"warm": "up"}
tracemalloc.start()
gc.collect()
before = tracemalloc.get_traced_memory()[0]
for turn in range(count):
    host.capabilities = {f"key {turn} {n}": "x" * 20 for n in range(size)}
host.capabilities = {}
gc.collect()
print(tracemalloc.get_traced_memory()[0] - before)
"""


def test_values_that_no_code_can_tell_apart_become_one_object():
    table = SharedValues()
    first = FrozenDict({"a": ("x", 1)})
    assert table.of(first) is first
    assert table.of(FrozenDict({"a": ("x", 1)})) is first


@pytest.mark.parametrize("other", [{"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}, {"a": 1, "b": 1}], ids=repr)
def test_values_that_differ_stay_apart(other):
    table = SharedValues()
    table.of(FrozenDict({"a": 1}))
    value = FrozenDict(other)
    assert table.of(value) is value


def test_a_value_in_use_outlives_many_that_are_used_once():
    table = SharedValues(max_bytes=20_000)
    often = FrozenDict({"often": 1})
    for turn in range(1000):
        assert table.of(FrozenDict({"often": 1}) if turn else often) is often
        for step in range(5):
            table.of(FrozenDict({"once": (turn, step)}))


def test_a_value_that_is_not_used_any_more_goes():
    table = SharedValues(max_bytes=20_000)
    before = FrozenDict({"before": 1})
    table.of(before)
    for turn in range(200):
        table.of(FrozenDict({"once": turn}))
    assert table.of(FrozenDict({"before": 1})) is not before


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(150, 2000), (3000, 100), (20_000, 3)])
def test_reports_of_any_size_pile_up_to_a_few_megabytes(count, size):
    # In a process of its own: what other tests left running would count too.
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(count), str(size)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) < 6 * 1024 * 1024


def test_hosts_alike_share_their_values():
    first, second = (
        HostState(name, aggregates=[Aggregate("a", {"k": "v"})], capabilities={"gpus": 2}) for name in ("h1", "h2")
    )
    assert first.aggregates is second.aggregates
    assert first.capabilities is second.capabilities
