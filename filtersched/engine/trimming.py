"""Trimming: a ranking of the top of a very large list, with an upper bound on the weight of the rest.

Of n instances at most n hosts are ever chosen, and the top is twice as long. While no end of a scale
moves, the weights of the rest do not change and stay below the top. When an end moves, only the top is
weighed again and the bound is computed for the rest. The chosen host and the runner-up must weigh more
than the bound; otherwise NeedAllHosts is raised and the decision starts over, untrimmed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from filtersched.engine.candidates import Candidates
from filtersched.engine.fallback import NeedAllHosts
from filtersched.engine.ranking import Places, Ranking
from filtersched.engine.top_rows import best_of
from filtersched.engine.weighing import Floats, WeigherTerm

# The bound is computed by other operations than the weights; this is the allowance for rounding.
_ROUNDING = 1e-9


class _Rest:
    """One weigher's term for the trimmed hosts: what is needed to bound it.

    least, most : of their weighted terms, on the initial scale.
    multipliers : the least and the largest.
    """

    def __init__(self, term: WeigherTerm, rest: Places) -> None:
        raw = term.raw.take(rest)
        ends = (float(raw.min()), float(raw.max()))
        self.low, self.high = term.low, term.high
        spread = self.high - self.low
        if isinstance(term.multiplier, float):
            # In order of the raw weights, or in the opposite one: rounding keeps it.
            each = np.array([term.multiplier])
            raw = np.array(ends)
        else:
            each = term.multiplier[rest]
        if not term.normalized:
            weighted = raw * each
        else:
            weighted = np.zeros(1) if spread == 0 else (raw - self.low) / spread * each
        self.least, self.most = float(weighted.min()), float(weighted.max())
        self.multipliers = (float(each.min()), float(each.max()))
        term.rest = ends

    def factor(self, term: WeigherTerm) -> float:
        """How many times as large the weighted terms are on the current scale."""
        if not term.normalized:
            return 1.0
        if term.high == term.low or self.high == self.low:
            return 0.0
        return (self.high - self.low) / (term.high - term.low)

    def shift(self, term: WeigherTerm) -> float:
        """The most that a moved lower end adds to a weighted term."""
        if not term.normalized or term.high == term.low:
            return 0.0
        moved = (self.low - term.low) / (term.high - term.low)
        return max(moved * multiplier for multiplier in self.multipliers)


class TrimmedRanking(Ranking):
    """A ranking of the top of the list only. Raises NeedAllHosts where that is not enough."""

    is_trimmed = True

    def __init__(self, candidates: Candidates, terms: Sequence[WeigherTerm], wanted: int, totals: Floats) -> None:
        """totals : the weights of all places; the parts are fit to them. Other arguments as of Ranking."""
        alive = candidates.mask
        size = 2 * wanted + 2
        best = best_of(alive, totals, size + 1)
        front: Places = best[:size]
        n_trimmed = np.ones(len(totals), dtype=np.bool_) if alive is None else alive.copy()
        n_trimmed[front] = False
        rest: Places = np.flatnonzero(n_trimmed)
        if len(rest):
            self._rest = [_Rest(term, rest) for term in terms]
            terms = [term.of(front) for term in terms]
            candidates = Candidates(
                candidates.n_rows, order=front if candidates.order is None else candidates.order[front]
            )
        super().__init__(candidates, terms, wanted)
        self.n_trimmed: int = len(rest)
        self.count: int = self.places + self.n_trimmed
        self._most = self._bound = totals.item(best[-1]) if len(rest) else -np.inf
        self._exact = True

    def runner_up(self) -> int | None:
        """The place of the best host in the ranking, which may be the runner-up of the chosen one."""
        place = super().runner_up()
        if self.n_trimmed and (place is None or not self._is_above(self.totals.item(place))):
            raise NeedAllHosts
        return place

    def _is_above(self, weight: float) -> bool:
        """Whether no trimmed host comes first; at the start those of equal weight stand behind the top."""
        return weight >= self._bound if self._exact else weight > self._bound

    def _reorder(self) -> None:
        super()._reorder()
        if self.n_trimmed:
            self._bound = self._bound_now()
            self._exact = False

    def _bound_now(self) -> float:
        """An upper bound on the weights of the trimmed hosts, on the current scales.

        A weight is the sum of factor × part + shift. Any common factor c >= 0 may be taken out of
        the sum, c × the largest weight of the start; what is left is bounded part by part.
        """
        factors = [rest.factor(term) for rest, term in zip(self._rest, self.terms, strict=True)]
        shift = sum(rest.shift(term) for rest, term in zip(self._rest, self.terms, strict=True))
        bounds = []
        for common in {0.0, *factors}:
            left = (
                max((factor - common) * rest.least, (factor - common) * rest.most)
                for factor, rest in zip(factors, self._rest, strict=True)
            )
            bounds.append(common * self._most + sum(left) + shift)
        size = sum(
            abs(value) for rest in self._rest for value in itertools.chain((rest.least, rest.most), rest.multipliers)
        )
        return min(bounds) + _ROUNDING * (1.0 + size)
