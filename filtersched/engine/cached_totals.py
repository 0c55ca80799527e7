"""CachedTotals: the weights of all rows of a pool, cached between requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from filtersched.engine.answer_cache import AnswerCache, few_dirty_rows
from filtersched.engine.choice_cache import ChoiceCache
from filtersched.engine.top_rows import RowMask, TopRows, best_first, best_of
from filtersched.engine.weighing import Floats, Scale, WeigherTerm, multipliers_at, raws_at, sums
from filtersched.hosts.host_rows import HostRows

_MOST = 4
# So many of the best are looked for first where alternates are wanted.
_FEW = 8


class CachedTotals:
    """The weights of all rows, computed from cached raw weights on given scales."""

    def __init__(self, terms: Sequence[WeigherTerm], rows: HostRows) -> None:
        self.totals: Floats = sums(terms, len(rows))
        self.is_finite: bool = bool(np.isfinite(self.totals).all())
        self.scale: Scale = Scale(terms)
        self._made_of = [(term.raw, term.low, term.high, term.multiplier) for term in terms]
        self._top_rows: TopRows | None = None
        self._version = rows.version
        self._change_count = rows.change_count

    def refresh(self, terms: Sequence[WeigherTerm], rows: HostRows) -> bool:
        """Weigh the dirty rows again; returns False where the totals no longer belong to these terms."""
        if self._version != rows.version or not self._is_made_of(terms):
            return False
        if self._change_count != rows.change_count:
            dirty = few_dirty_rows(rows, self._change_count, None)
            if dirty is None:
                return False
            for row in dirty:
                self.totals[row] = self.scale.weight(raws_at(terms, row), multipliers_at(terms, row))
                if self._top_rows is not None:
                    self._top_rows.changed(row)
            self._change_count = rows.change_count
        return True

    def _is_made_of(self, terms: Sequence[WeigherTerm]) -> bool:
        return len(terms) == len(self._made_of) and all(
            term.raw is raw and term.low == low and term.high == high and _same(term.multiplier, multiplier)
            for term, (raw, low, high, multiplier) in zip(terms, self._made_of, strict=True)
        )

    def best(self, alive: RowMask, count: int) -> list[int]:
        """The rows of the best live hosts, so many or all; at least one is alive."""
        if self._top_rows is None:
            # Don't fill the top rows before the second call.
            self._top_rows = TopRows(self.totals, -1.0)
            rows: list[int] = best_of(alive.mask, self.totals, count).tolist()
            return rows
        return self._top_rows.first(alive, count)

    def others(self, alive: RowMask, chosen: int) -> Iterator[int]:
        """The rows of the live hosts but the chosen one, best first; called after `best`."""
        assert self._top_rows is not None
        first = self._top_rows.first(alive, _FEW)
        every = itertools.chain(first, itertools.islice(best_first(alive.mask, self.totals), len(first), None))
        return (row for row in every if row != chosen)


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, float) and isinstance(other, float) and one == other)


class TotalsCache:
    """The totals used last of one pool, the most recent first."""

    def __init__(self) -> None:
        self._entries: list[CachedTotals] = []

    def totals_of(self, terms: Sequence[WeigherTerm], rows: HostRows) -> CachedTotals | None:
        """The weights of all rows, from cached raw weights; None if one is not finite."""
        for at, entry in enumerate(self._entries):
            if entry.refresh(terms, rows):
                self._entries.insert(0, self._entries.pop(at))
                return entry
        totals = CachedTotals(terms, rows)
        if not totals.is_finite:
            return None
        self._entries = [totals, *self._entries[: _MOST - 1]]
        return totals


class PoolCache(NamedTuple):
    """What the engine caches of one pool between requests."""

    answers: AnswerCache
    totals: TotalsCache
    choices: ChoiceCache
