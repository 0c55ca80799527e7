"""FieldTable: a field of the instances of all hosts, to count those with a value."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column
from filtersched.hosts.instance_index import InstancesOfRows
from filtersched.hosts.row_index import HostNumbers

_SPARE = 1024


class FieldTable(InstancesOfRows):
    """By value of the field the hosts that instances with it came to, and those that they left, each once for each."""

    def __init__(self, instances: Iterable[Mapping[str, Any]], numbers: HostNumbers, field: str) -> None:
        self._value_of = attrgetter(field)
        self._moves: dict[Any, tuple[array[int], array[int]]] = {}
        super().__init__(instances, numbers)

    def _arrive(self, number: int, instance: Any, uuid: str) -> None:
        self._of(instance)[0].append(number)

    def _leave(self, number: int, instance: Any, uuid: str) -> None:
        self._of(instance)[1].append(number)

    def _of(self, instance: Any) -> tuple[array[int], array[int]]:
        value = self._value_of(instance)
        if value not in self._moves:
            self._moves[value] = array("i"), array("i")
        return self._moves[value]

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
