"""CachedWeights: what all weighers say of all rows of a pool, and the sums, cached between requests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from filtersched.engine.answer_cache import AnswerCache, few_dirty_rows, touches
from filtersched.engine.cached_verdicts import VerdictsCache
from filtersched.engine.candidates import Candidates
from filtersched.engine.choice_cache import ChoiceCache, options_of
from filtersched.engine.fallback import UseHandlers
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
    uniform_multipliers,
)
from filtersched.hosts.host_rows import HostRows

# Of so many kinds of requests what weighers say is cached, and of each on so many scales the sums.
_KINDS = 4
_SCALES = 4
# So many of the best are looked for first where alternates are wanted.
_FEW = 8

_Ends = tuple[tuple[float, float], ...]


class Totals:
    """The weights of all rows on given scales."""

    def __init__(self, terms: Sequence[WeigherTerm], ends: _Ends, rows: HostRows) -> None:
        self.ends = ends
        self.totals: Floats = sums(terms, len(rows))
        self.is_finite: bool = bool(np.isfinite(self.totals).all())
        self._top_rows: TopRows | None = None
        self._change_count = rows.change_count

    def refresh(self, terms: Sequence[WeigherTerm], rows: HostRows) -> bool:
        """Weigh the dirty rows again; returns False where there are too many, or a weight is not finite."""
        if self._change_count != rows.change_count:
            dirty = few_dirty_rows(rows, self._change_count, None)
            if dirty is None:
                return False
            scale = Scale.of(terms)
            for row in dirty:
                self.totals[row] = scale.weight(raws_at(terms, row), scale.multipliers or multipliers_at(terms, row))
                if self._top_rows is not None:
                    self._top_rows.changed(row)
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
    """The terms of all weighers for one kind of request: requests of which they read the same.

    A term that gives every host 0.0 is left out of all sums. Where its scale cannot move, it costs nothing.
    """

    def __init__(self, terms: Sequence[WeigherTerm], options: Sequence[object], rows: HostRows) -> None:
        self.terms = terms
        self._options = options
        self._version = rows.version
        self._change_count = rows.change_count
        self._moving = []
        for term in terms:
            if term.scale_may_move:
                self._moving.append(term)
            else:
                term.fit_scale(RowMask(None))
        self._telling = [term for term in terms if term.may_tell_hosts_apart]
        self._totals: list[Totals] = []
        self._names = [term.weigher.name for term in terms]
        self._multipliers = uniform_multipliers(terms)
        self._is_used = False

    @property
    def is_lasting(self) -> bool:
        """Whether each term is made of cached answers, which hold for any candidates at any time."""
        return all(
            term.source is not None and term.source.raised is None and term.source.window is None
            for term in self.terms
        )

    def refresh(
        self,
        options: Sequence[object],
        overlay: Overlay,
        cache: AnswerCache,
        request: RequestKeys,
        candidates: Candidates,
    ) -> bool:
        """Ask again about the dirty rows; returns False where the terms are no longer made of the same arrays."""
        rows = cache.rows
        if self._version != rows.version or not all(map(is_, options, self._options)):
            return False
        if self._change_count == rows.change_count:
            return True
        changes = rows.changes_since(self._change_count)
        if changes is None:
            return False
        moved = touches(changes, rows.watched_attributes(("aggregates",)))
        for term in self.terms:
            source = term.source
            assert source is not None
            assert term.weigher.evaluator is not None
            if not touches(changes, source.watched_attributes):
                source.change_count = rows.change_count
            elif not cache.refresh(source, term.weigher.evaluator, request, term.weigher):
                return False
            if source.answers is not term.answers:
                return False
            if moved and not term.has_multipliers(term.weigher.multipliers(overlay, request, candidates)):
                return False
        self._change_count = rows.change_count
        return True

    def _fit(self, alive: RowMask) -> None:
        """Set the ends of the scales to those of the live rows."""
        for term in self._moving:
            if self._is_used:
                term.use_cached_ends()
            term.fit_scale(alive)
            if term.high - term.low == math.inf:
                # A weight on such a scale may be no number, even if it is multiplied by zero.
                raise UseHandlers
        self._is_used = True

    def fresh_terms(self) -> list[WeigherTerm]:
        """The terms for a ranking that changes them."""
        return [term.fresh() for term in self.terms]

    def scale(self) -> Scale:
        """The scales as they are."""
        return Scale(self._names, ends_of(self.terms), self._multipliers)

    def multipliers_at(self, row: int) -> tuple[float, ...]:
        """The multipliers of the host in that row."""
        return self._multipliers or multipliers_at(self.terms, row)

    def totals(self, alive: RowMask, rows: HostRows) -> Totals | None:
        """The weights of all rows on the scales of the live ones; None if one is not finite."""
        self._fit(alive)
        ends = tuple([(term.low, term.high) for term in self._telling])
        for at, found in enumerate(self._totals):
            if found.ends == ends and found.refresh(self._telling, rows):
                if at:
                    self._totals.insert(0, self._totals.pop(at))
                return found
        totals = Totals(self._telling, ends, rows)
        if not totals.is_finite:
            return None
        self._totals = [totals, *(one for one in self._totals[: _SCALES - 1] if one.ends != ends)]
        return totals


class WeightsCache:
    """What weighers say of the last few kinds of requests."""

    def __init__(self) -> None:
        self._kinds: dict[Any, CachedWeights] = {}

    def weights(
        self,
        weighers: Sequence[WeigherRunner],
        overlay: Overlay,
        cache: AnswerCache,
        request: RequestKeys,
        candidates: Candidates,
    ) -> CachedWeights:
        """The weights of all rows, of which no host is depleted; the candidates are several, in order of rows."""
        declared = ((one, one.evaluator) for one in weighers if one.evaluator is not None)
        lasting = [one for one, asked in declared if not asked.changing or asked.has_key(request)]
        options = options_of(lasting)
        found = self._kinds.pop(_key(lasting, request), None)
        if found is not None and found.refresh(options, overlay, cache, request, candidates):
            self._keep(_key(lasting, request), found)
            if len(lasting) == len(weighers):
                return found
            known = dict(zip(lasting, found.terms, strict=True))
            # The others are asked anew for each instance.
            terms = [known.get(one) or one.term(overlay, cache, request, candidates) for one in weighers]
        else:
            terms = [one.term(overlay, cache, request, candidates) for one in weighers]
            # Plug-ins may have read their options for the first time.
            of_lasting = [term for term in terms if term.weigher in lasting]
            found = CachedWeights(of_lasting, options_of(lasting), cache.rows)
            if found.is_lasting:
                # What was read of the request is known better now than before.
                self._keep(_key(lasting, request), found)
        return found if len(lasting) == len(weighers) else CachedWeights(terms, (), cache.rows)

    def _keep(self, key: Any, weights: CachedWeights) -> None:
        """Cache weights; the ones used last come last."""
        if key is None:
            # A weigher was found to read what changes with the next instance.
            return
        self._kinds[key] = weights
        if len(self._kinds) > _KINDS:
            del self._kinds[next(iter(self._kinds))]


def _key(weighers: Sequence[WeigherRunner], request: RequestKeys) -> Any:
    return request.key_of_all([one.evaluator for one in weighers])


class PoolCache(NamedTuple):
    """What the engine caches of one pool between requests."""

    answers: AnswerCache
    verdicts: VerdictsCache
    weights: WeightsCache
    choices: ChoiceCache
