"""FieldTable: a field of the instances of all hosts, to count those with a value."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column
from filtersched.hosts.row_index import HostNumbers

_SPARE = 1024


class FieldTable:
    """By value of the field the hosts that instances with it came to, and those that they left, each once for each."""

    def __init__(self, instances: Sequence[Mapping[str, Any]], numbers: HostNumbers, field: str) -> None:
        """instances : of each row, by uuid."""
        self._numbers = numbers
        self._value_of = attrgetter(field)
        self._moves: dict[Any, tuple[array[int], array[int]]] = {}
        self._known: list[Mapping[str, Any]] = []
        for one in instances:
            self.append(one)

    def append(self, instances: Mapping[str, Any]) -> None:
        """Add a row with these instances."""
        self._known.append({})
        self.put(len(self._known) - 1, instances)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self.put(row, {})
        del self._known[row]

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        known, self._known[row] = self._known[row], instances
        if known is not instances:
            self._note(row, 0, instances, known)
            self._note(row, 1, known, instances)

    def _note(self, row: int, side: int, some: Mapping[str, Any], others: Mapping[str, Any]) -> None:
        """Note the instances that are among some and not among others."""
        number = self._numbers.of_rows[row]
        for uuid, instance in some.items():
            if others.get(uuid) is not instance:
                value = self._value_of(instance)
                if value not in self._moves:
                    self._moves[value] = array("i"), array("i")
                self._moves[value][side].append(number)

    def has(self, value: Any) -> bool:
        """Whether an instance has, or had, the value."""
        return value in self._moves

    def counts(self, value: Any) -> Column:
        """How many instances of each host have the value, which one has or had."""
        came, left = map(_numbers, self._moves[value])
        counts = np.bincount(came, minlength=self._numbers.next) - np.bincount(left, minlength=self._numbers.next)
        if len(left) > len(came) // 2 + _SPARE:
            self._moves[value] = array("i", np.repeat(np.arange(len(counts)), counts).tolist()), array("i")
        here = self._numbers.in_rows(counts)
        return Column(here.astype(np.float64), max_abs_int=float(here.max(initial=0)))


def _numbers(numbers: array[int]) -> NDArray[np.int32]:
    """The same numbers as an array to compute with."""
    return np.frombuffer(numbers, dtype=np.int32)
