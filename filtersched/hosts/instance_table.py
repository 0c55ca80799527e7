"""InstanceTable: the instances of all hosts in one table, to count those with a value."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column

_SPARE = 1024


class InstanceTable:
    """One entry for each instance of each host: the host's row, and a code for each field asked for.

    Entries of a host lie side by side. A host that changes gets new ones at the end; the old ones have
    no row any more, and go when they are as many as the others.
    """

    def __init__(self, instances: Iterable[Mapping[str, Any]]) -> None:
        """instances : of each row, by uuid."""
        self._known = list(instances)
        self._pack()

    def _pack(self) -> None:
        """Lay out all entries anew."""
        lengths = list(map(len, self._known))
        # Where the entries of each row begin.
        self._starts = list(itertools.accumulate(lengths, initial=0))
        self._live = self._starts.pop()
        self._entries = [one for instances in self._known for one in instances.values()]
        self._rows = array("i", np.repeat(np.arange(len(lengths), dtype=np.int32), lengths).tobytes())
        # By field the codes of its values, and those of the first entries.
        self._fields: dict[str, tuple[dict[Any, int], array[int]]] = {}

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        known = self._known[row]
        if instances is known:
            return
        start, length, count = self._starts[row], len(known), len(instances)
        self._rows[start : start + length] = array("i", [-1]) * length
        self._known[row], self._starts[row] = instances, len(self._entries)
        self._entries += instances.values()
        self._rows.extend([row] * count)
        self._live += count - length
        if len(self._entries) > 2 * self._live + _SPARE:
            self._pack()

    def append(self, instances: Mapping[str, Any]) -> None:
        """Add a row with these instances."""
        self._known.append({})
        self._starts.append(0)
        self.put(len(self._known) - 1, instances)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self.put(row, {})
        del self._known[row], self._starts[row]
        rows = _numbers(self._rows)
        rows[rows > row] -= 1

    def totals(self) -> Column:
        """How many instances each host has."""
        return _counts(np.fromiter(map(len, self._known), dtype=np.intp, count=len(self._known)))

    def has(self, field: str, value: Any) -> bool:
        """Whether an instance has, or had, the value in that field."""
        return value in self._coded(field)[0]

    def counts(self, field: str, value: Any) -> Column:
        """How many instances of each host have the value in that field, which one has or had."""
        known, codes = self._coded(field)
        rows = _numbers(self._rows).compress(_numbers(codes) == known[value])
        return _counts(np.bincount(rows[rows >= 0], minlength=len(self._known)))

    def _coded(self, field: str) -> tuple[dict[Any, int], array[int]]:
        known, codes = self._fields.setdefault(field, ({}, array("i")))
        if len(codes) < len(self._entries):
            values = map(attrgetter(field), self._entries[len(codes) :])
            codes.extend([known.setdefault(value, len(known)) for value in values])
        return known, codes


def _numbers(numbers: array[int]) -> NDArray[np.int32]:
    """The same numbers as an array to compute with, until they become more."""
    return np.frombuffer(numbers, dtype=np.int32)


def _counts(counts: NDArray[np.intp]) -> Column:
    return Column(counts.astype(np.float64), max_abs_int=float(counts.max(initial=0)))
