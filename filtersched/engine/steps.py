"""Steps: what the filters did for one instance, in numbers until somebody reads it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from filtersched.engine.candidates import Candidates, Mask, Rows
from filtersched.hosts.host_names import HostNames, Node
from filtersched.results.filter_step import FilterStep, RowsOf, StepCounts, counts_of

# The name of a filter, how many hosts there were before it, and those that it refused.
Refusals = tuple[str, int, list[Node]]


class Steps:
    """The steps of an instance, made already."""

    __slots__ = ("_made",)

    def __init__(self, made: Sequence[FilterStep] = ()) -> None:
        self._made = made

    def filter_steps(self) -> Sequence[FilterStep]:
        """The steps for a person to read."""
        return self._made

    def counts(self) -> Sequence[StepCounts]:
        """What counts of them, sooner."""
        return counts_of(self._made)

    def refused_for_good(self) -> list[Refusals]:
        """Whom filters refused for this instance and all later ones."""
        final = (one for one in self._made if one.is_final and one.before != one.after)
        return [(one.name, one.before, one.dropped()) for one in final]


class RowSteps(Steps):
    """The steps of an instance that was decided on rows.

    names : of the hosts, in order of rows.
    filters : that ran, in order; any with `name` and `is_final`. None runs where no host is left.
    before : how many hosts there were before the first.
    first : makes the steps that come before the filters.
    """

    __slots__ = ("_before", "_filters", "_first", "_names", "_refused")

    def __init__(
        self,
        names: HostNames,
        filters: Sequence[Any],
        before: int,
        refused: Mapping[int, Rows],
        first: Callable[[], Sequence[FilterStep]] = tuple,
    ) -> None:
        """refused : the rows that filters refused, in list order, by the filter's place."""
        self._names = names
        self._filters = filters
        self._before = before
        self._first = first
        self._refused: dict[int, Rows | _Packed] = {**refused}

    def add(self, at: int, before: Candidates, after: Candidates) -> None:
        """Note whom of those before a filter left."""
        if after.count == before.count:
            return
        left = after.as_mask()
        if before.order is None:
            self._refused[at] = _Packed(np.greater(before.as_mask(), left), before.count - after.count)
        else:
            self._refused[at] = before.order[~left[before.order]].astype(np.int32)

    def forget(self) -> None:
        """Note that filtering was ended: as in Nova nothing is said of the filters before."""
        self._filters = ()
        self._refused.clear()

    def refused_for_good(self) -> list[Refusals]:
        found, before = [], self._before
        for at, rows in self._refused.items():
            if self._filters[at].is_final:
                nodes = list(map(self._names.node, _rows_of(rows).tolist()))
                found.append((self._filters[at].name, before, nodes))
            before -= len(rows)
        return found

    def _each(self) -> Iterator[tuple[Any, int, int, Rows | _Packed]]:
        before = self._before
        for at, one in enumerate(self._filters):
            if not before:
                break
            rows = self._refused.get(at, _NO_ROWS)
            yield one, before, before - len(rows), rows
            before -= len(rows)

    def counts(self) -> Sequence[StepCounts]:
        return counts_of(self._first()) + [(one.name, before, after) for one, before, after, _rows in self._each()]

    def filter_steps(self) -> Sequence[FilterStep]:
        made = (
            step(one.name, before, after, self._names, functools.partial(_rows_of, rows), is_final=one.is_final)
            for one, before, after, rows in self._each()
        )
        return [*self._first(), *made]


class _Packed:
    """Many rows in order, a bit for each row of the pool."""

    __slots__ = ("_bits", "_count", "_n_rows")

    def __init__(self, mask: Mask, count: int) -> None:
        self._bits = np.packbits(mask)
        self._n_rows = len(mask)
        self._count = count

    def __len__(self) -> int:
        return self._count

    def rows(self) -> Rows:
        return np.flatnonzero(np.unpackbits(self._bits, count=self._n_rows))


_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)


def _rows_of(rows: Rows | _Packed) -> Rows:
    return rows.rows() if isinstance(rows, _Packed) else rows


def step(
    name: str, before: int, after: int, names: HostNames, rows: Callable[[], Rows], *, is_final: bool = True
) -> FilterStep:
    """The step of a filter, or of a rule, that dropped the hosts in these rows."""

    def who() -> list[Node]:
        return [names.node(row) for row in rows().tolist()]

    return FilterStep(name, before, after, who, rows=RowsOf(names, rows), is_final=is_final)
