"""CachedWeights: what all weighers say of all rows of a pool, and the sums, cached between requests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from operator import attrgetter, is_

import numpy as np

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.cached_answers import CachedAnswers, few_rows
from filtersched.engine.candidates import Candidates
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.latest import Latest
from filtersched.engine.overlay import Overlay
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import RowMask, TopRows, best_first, best_of
from filtersched.engine.weighing import (
    Floats,
    Scale,
    WeigherRunner,
    WeigherTerm,
    ends_of,
    multipliers_at,
    raws_at,
    sums,
)
from filtersched.hosts.host_rows import HostRows

# For each kind of requests sums are cached on so many scales.
_SCALES = 4
# So many of the best are looked for first where alternates are wanted.
_FEW = 8

_ANSWERS = attrgetter("answers")


class Totals:
    """The weights of all rows on given scales."""

    def __init__(
        self, start: Totals | None, terms: Sequence[WeigherTerm], further: Sequence[WeigherTerm], rows: HostRows
    ) -> None:
        """start : the weights by the weighers before `further`."""
        self._terms = terms
        self._scale = Scale(terms)
        self.totals: Floats = sums(further, len(rows), None if start is None else start.totals)
        self.is_finite: bool = bool(np.isfinite(self.totals).all())
        self._top_rows: TopRows | None = None
        self._change_count = rows.change_count

    def refresh(self, rows: HostRows, watched: frozenset[str] | None) -> bool:
        """Weigh the dirty rows again; returns False where there are too many, or a weight is not finite.

        watched : the attributes that weights depend on; None is any.
        """
        if self._change_count != rows.change_count:
            dirty = rows.dirty_rows_since(self._change_count, watched)
            if dirty is None or len(dirty) > few_rows(rows):
                return False
            terms, scale = self._terms, self._scale
            for row in dirty:
                weight = scale.weight(raws_at(terms, row), scale.multipliers or multipliers_at(terms, row))
                self.totals[row] = weight
                if self._top_rows is not None:
                    self._top_rows.changed(row, weight)
            self._change_count = rows.change_count
        return True

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


class CachedWeights:
    """The terms of all weighers for one kind of request, and the sums of them.

    A term that gives every host 0.0 is left out of all sums. Where its scale cannot move, it costs nothing.

    start : the first terms, where their sums may be cached already.
    """

    def __init__(self, terms: Sequence[WeigherTerm], rows: HostRows, start: CachedWeights | None = None) -> None:
        self.terms = terms
        self._start = start
        # The first terms on their own, where others follow them for some requests.
        self._beginning: CachedWeights | None = None
        further = terms if start is None else terms[len(start.terms) :]
        self._sources = [term.source for term in terms]
        self._arrays = [None if source is None else source.answers for source in self._sources]
        self._change_count = rows.change_count
        self._aggregates = rows.watched_attributes(("aggregates",))
        watched = [self._aggregates, *(None if one.source is None else one.source.watched_attributes for one in terms)]
        known = [one for one in watched if one is not None]
        self._watched = frozenset[str]().union(*known) if len(known) == len(watched) else None
        self._moving = []
        for term in further:
            if term.scale_may_move:
                self._moving.append(term)
            else:
                term.fit_scale(RowMask(None))
        self._further = [term for term in further if term.may_tell_hosts_apart]
        self._telling: list[WeigherTerm] = [*([] if start is None else start._telling), *self._further]
        # By the ends of the scales.
        self._totals: Latest[Totals] = Latest(_SCALES)
        self._fits = 0
        self._scale: Scale | None = None

    def start_of(self, terms: Sequence[WeigherTerm], rows: HostRows) -> CachedWeights | None:
        """The terms that these begin with; None if there are none."""
        count = sum(1 for _same in itertools.takewhile(bool, map(is_, terms, self.terms)))
        if count and count < len(self.terms):
            if self._beginning is None or len(self._beginning.terms) != count:
                self._beginning = CachedWeights(self.terms[:count], rows)
            return self._beginning
        return self if count else None

    def is_current(self, overlay: Overlay, request: RequestKeys, candidates: Candidates) -> bool:
        """Whether the terms are still made of the same arrays; the answers that they are made of are current."""
        rows = overlay.rows
        if self._change_count != rows.change_count:
            if not all(map(is_, map(_ANSWERS, self._sources), self._arrays)):
                return False
            if rows.dirty_rows_since(self._change_count, self._aggregates) != []:
                for term in self.terms:
                    # One number, or an array of numbers that follows dirty rows.
                    if term.multiplier is not term.weigher.multipliers(overlay, request, candidates):
                        return False
            self._change_count = rows.change_count
        return True

    def _fit(self, alive: RowMask) -> None:
        """Set the ends of the scales to those of the live rows."""
        self._fits += 1
        if self._fits == 2:
            for term in self._moving:
                term.use_cached_ends()
        for term in self._moving:
            term.fit_scale(alive)
            if term.high - term.low == math.inf:
                # A weight on such a scale may be no number, even if it is multiplied by zero.
                raise UseHandlers

    def scale(self) -> Scale:
        """The scales as they are."""
        if self._scale is None or self._scale.ends != ends_of(self.terms):
            self._scale = Scale(self.terms)
        return self._scale

    def totals(self, alive: RowMask, rows: HostRows) -> Totals | None:
        """The weights of all rows on the scales of the live ones; None if one is not finite."""
        start = None
        if self._start is not None:
            start = self._start.totals(alive, rows)
            if start is None:
                return None
        self._fit(alive)
        ends = tuple(ends_of(self._telling))
        found = self._totals.find(ends)
        if found is not None and found.refresh(rows, self._watched):
            return found
        totals = Totals(start, self._telling, self._further, rows)
        return self._totals.keep(ends, totals) if totals.is_finite else None


def weights_of(
    kinds: Latest[CachedWeights],
    weighers: Sequence[WeigherRunner],
    sources: Sequence[CachedAnswers | None],
    overlay: Overlay,
    cache: AnswerCache,
    request: RequestKeys,
    candidates: Candidates,
) -> CachedWeights:
    """The weights of all rows, of which no host is depleted; the candidates are several, in order of rows.

    kinds : what is cached of the last few kinds of requests, by the answers that weights are made of.
    sources : of each weigher what it finds in the cache.
    """
    kind = tuple(sources)
    found = kinds.find(kind)
    if found is None or not found.is_current(overlay, request, candidates):
        known = [one for one, source in zip(weighers, sources, strict=True) if source is not None]
        terms = [one.term(overlay, cache, request, candidates) for one in known]
        found = kinds.keep(kind, CachedWeights([one for one in terms if one.is_lasting], cache.rows))
    if len(found.terms) == len(weighers):
        return found
    # The others are asked anew.
    of_known = {term.weigher: term for term in found.terms}
    terms = [of_known.get(one) or one.term(overlay, cache, request, candidates) for one in weighers]
    weights = CachedWeights(terms, cache.rows, found.start_of(terms, cache.rows))
    if all(term.is_lasting for term in terms):
        kinds.keep(tuple([term.source for term in terms]), weights)
    return weights
