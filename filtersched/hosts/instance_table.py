"""InstanceTable: the instances of all hosts in one table, to count those with a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.int32]
_SPARE = 1024


class InstanceTable:
    """One entry for each instance of each host: the host's row, and a code for each field asked for.

    Entries of a host lie side by side. A host that changes gets new ones at the end; the old ones have
    no code any more, and go when they are as many as the others.
    """

    def __init__(self, instances: Iterable[Mapping[str, Any]]) -> None:
        """instances : of each row, by uuid."""
        self._known = list(instances)
        self._fields: dict[str, tuple[dict[Any, int], _Numbers]] = {}
        self._pack()

    def _pack(self) -> None:
        """Lay out all entries anew; the codes of fields are made when they are next asked for."""
        lengths = np.fromiter(map(len, self._known), dtype=np.int64, count=len(self._known))
        ends = np.cumsum(lengths)
        self._lengths = lengths
        self._starts = ends - lengths
        self._live = self._used = int(ends[-1]) if len(ends) else 0
        self._row_of: _Numbers = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        self._fields.clear()

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        if instances is self._known[row]:
            return
        self._known[row] = instances
        count = len(instances)
        if self._used + count > 2 * (self._live + count) + _SPARE:
            self._pack()
            return
        self._drop_codes(row)
        begin, end = self._used, self._used + count
        self._row_of = _with_room(self._row_of, end)
        self._row_of[begin:end] = row
        for name, (known, codes) in self._fields.items():
            roomy = _with_room(codes, end)
            roomy[begin:end] = [_code(known, value) for value in map(attrgetter(name), instances.values())]
            self._fields[name] = (known, roomy)
        self._live += count - int(self._lengths[row])
        self._starts[row], self._lengths[row] = begin, count
        self._used = end

    def _drop_codes(self, row: int) -> None:
        """Invalidate the codes of a row's entries, so that no host has them."""
        start, length = int(self._starts[row]), int(self._lengths[row])
        for _known, codes in self._fields.values():
            codes[start : start + length] = -1

    def append(self, instances: Mapping[str, Any]) -> None:
        """Add a row with these instances."""
        self._known.append({})
        self._starts = np.append(self._starts, self._used)
        self._lengths = np.append(self._lengths, 0)
        self.put(len(self._known) - 1, instances)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self._drop_codes(row)
        self._live -= int(self._lengths[row])
        del self._known[row]
        self._starts, self._lengths = np.delete(self._starts, row), np.delete(self._lengths, row)
        self._row_of[self._row_of > row] -= 1

    def totals(self) -> NDArray[np.float64]:
        """(n_rows,) how many instances each host has."""
        return self._lengths.astype(np.float64)

    def has(self, field: str, value: Any) -> bool:
        """Whether an instance has, or had, the value in that field."""
        return value in (self._fields.get(field) or self._coded(field))[0]

    def counts(self, field: str, value: Any) -> NDArray[np.float64]:
        """(n_rows,) how many instances of each host have the value in that field, which one has or had."""
        known, codes = self._fields.get(field) or self._coded(field)
        rows = self._row_of[: self._used].compress(codes[: self._used] == known[value])
        return np.bincount(rows, minlength=len(self._known)).astype(np.float64)

    def _coded(self, field: str) -> tuple[dict[Any, int], _Numbers]:
        known: dict[Any, int] = {}
        codes: _Numbers = np.full(len(self._row_of), -1, dtype=np.int32)
        value_of = attrgetter(field)
        for instances, start in zip(self._known, self._starts.tolist(), strict=True):
            if instances:
                codes[start : start + len(instances)] = [_code(known, value_of(one)) for one in instances.values()]
        self._fields[field] = (known, codes)
        return known, codes


def _code(known: dict[Any, int], value: Any) -> int:
    return known.setdefault(value, len(known))


def _with_room(numbers: _Numbers, count: int) -> _Numbers:
    """The array, or a longer copy, so that it holds `count` numbers."""
    if len(numbers) >= count:
        return numbers
    longer = np.full(2 * count + _SPARE, -1, dtype=np.int32)
    longer[: len(numbers)] = numbers
    return longer
