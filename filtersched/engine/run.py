"""One decision on columns: the same steps as FilterScheduler's plain loop, and the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from filtersched.engine.again import Again
from filtersched.engine.chosen import Chosen
from filtersched.engine.decision import Choice, Decision
from filtersched.engine.filtering import EndFiltering, FastFilter, FirstSteps, Steps, StrangerReturned
from filtersched.engine.front import Alive
from filtersched.engine.in_play import InPlay
from filtersched.engine.kept import Kept
from filtersched.engine.narrowing import narrow_rows
from filtersched.engine.overlay import Overlay
from filtersched.engine.ranking import Ranking
from filtersched.engine.request import Request
from filtersched.engine.standing import standing
from filtersched.engine.trimming import TrimmedRanking, Untrim
from filtersched.engine.weighing import FastWeigher, Floats, Part, Scale, multipliers_at, raws_at, weights
from filtersched.errors import NoValidHost
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.requests.request_spec import RequestSpec


class Run:
    """A decision while it is made.

    filters, weighers : in their configured order.
    shuffle, subset_size : as configured; they need the list in order for every instance.
    is_fast : neither draws nor weighers need it.
    trim_from : how many hosts make a list worth trimming. Raises Untrim where that was wrong.
    """

    def __init__(
        self,
        decision: Decision,
        rows: HostRows,
        kept: Kept,
        filters: Sequence[FastFilter],
        weighers: Sequence[FastWeigher],
        *,
        shuffle: bool,
        subset_size: int,
        trim_from: int,
        is_fast: bool,
    ) -> None:
        self.decision = decision
        self.trim_from = trim_from
        self.rows = rows
        self.kept = kept
        self.filters = () if skips_filters(decision.spec) else filters
        self.weighers = weighers
        self.shuffle = shuffle
        self.subset_size = subset_size
        self.is_fast = is_fast
        self.overlay = Overlay(rows)
        self.names = rows.names()
        self.choices: list[Choice] = []
        self._in_play = InPlay(0)
        self._again: Again | None = None
        self._running: list[FastFilter] = []
        self._declared = True
        self._alike = all(one.asks_alike for one in self.filters)

    def choices_made(self) -> list[Choice]:
        """One choice per instance. Raises NoValidHost, StrangerReturned, and what plug-ins raise."""
        decision = self.decision
        total = len(decision.uuids)
        last: Chosen | None = None
        self._in_play = narrow_rows(self.rows, decision.spec)
        for index in range(total):
            spec = decision.spec_for(index, self.choices)
            last = self._next(index, spec, last)
            depleted = last.depleted = last.host.copy()
            depleted.consume_from_request(spec)
            if self.weighers and depleted.aggregates is not last.host.aggregates:
                # Multipliers come from aggregates, and are not expected to change within a request.
                raise StrangerReturned
            self.choices.append(last)
            if total > 1:
                self.overlay.deplete(last.row, depleted)
        if decision.alternates and total > 1:
            decision.left = self._left(total - 1, last)
        return self.choices

    def _left(self, index: int, last: Chosen | None) -> list[HostState]:
        """The hosts that are left, in order, once everything is depleted."""
        try:
            found = self._next(index, self.decision.spec_for(index, self.choices), last)
        except NoValidHost:
            return []
        assert found.rest is not None
        return [self.overlay.host(found.row), *found.rest()]

    # -- one instance ------------------------------------------------------------------------

    def _next(self, index: int, spec: RequestSpec, last: Chosen | None) -> Chosen:
        """The choice for one instance, from what the last one left; not depleted yet."""
        self._running = self._filters_for(index)
        again = self._again
        if again is None or last is None:
            return self._from_list(index, spec)
        if not self._declared:
            if again.ranking.is_trimmed:
                raise Untrim
            # A filter that is called as it stands sees the whole list, in order.
            self._in_play = InPlay(len(self.rows), order=again.ranking.rows(again.ranking.listed()))
            self._again = None
            return self._from_list(index, spec)
        steps = again.next(self._running, spec, last)
        if not again.ranking.count:
            raise self.decision.refusal(index, steps.made, self.choices)
        return self._best_of(again, spec, steps)

    def _filters_for(self, index: int) -> list[FastFilter]:
        if index > 1 and self._alike:
            return self._running
        try:
            running = [one for one in self.filters if one.plugin.run_filter_for_index(index)]
        except Exception:
            # The boundary to the plug-in: behind a filter that leaves nothing it is not even asked.
            raise StrangerReturned from None
        self._declared = all(one.question is not None for one in running)
        return running

    def _from_list(self, index: int, spec: RequestSpec) -> Chosen:
        request = Request(spec)
        steps = FirstSteps(self.names, self._in_play)
        for one in self._running:
            if not self._in_play.count:
                break
            before = self._in_play
            try:
                self._in_play = one.left(self.overlay, self.kept, request, before)
            except EndFiltering:
                steps.forget()
                self._in_play = InPlay.of_rows(len(self.rows), ())
                break
            steps.add(one.name, before, self._in_play)
        if not self._in_play.count:
            raise self.decision.refusal(index, steps.made, self.choices)
        parts = self._parts(request)
        if not self.is_fast:
            return self._drawn(parts, spec, steps)
        wanted = len(self.decision.uuids) - index
        if wanted == 1 and parts and self._is_as_kept():
            found = self._standing_best(parts, spec, steps)
            if found is not None:
                return found
        if self.decision.alternates and wanted > 1:
            wanted += 1
        self._again = Again(self._ranked(parts, wanted), self.overlay, self.kept, self.names, self._running)
        return self._best_of(self._again, spec, steps)

    def _parts(self, request: Request) -> list[Part]:
        """Each weigher's part; of a single host only those of weighers that are not normalised."""
        in_play = self._in_play
        return [
            weigher.part(self.overlay, self.kept, request, in_play)
            for weigher in self.weighers
            if in_play.count > 1 or not weigher.normalized
        ]

    def _is_as_kept(self) -> bool:
        """Whether the list is in order of rows, and none of them is depleted."""
        return self._in_play.order is None and not self.overlay.depleted

    def _fit(self, parts: Sequence[Part]) -> Alive:
        """Fit the parts to the hosts in play."""
        alive = Alive(self._in_play.mask)
        for part in parts:
            part.fit(alive)
        return alive

    def _standing_best(self, parts: Sequence[Part], spec: RequestSpec, steps: Steps) -> Chosen | None:
        """The choice for the only instance, from weights that are kept; None if they cannot be."""
        in_play = self._in_play
        alive = self._fit(parts)
        found = standing(parts, self.rows, self.kept)
        if found is None:
            return None
        row, at = found.best_two(alive)
        return Chosen(
            spec,
            self.overlay.host(row),
            row,
            found.totals.item(row),
            self.names,
            steps,
            found.scale,
            raws_at(parts, row),
            multipliers_at(parts, row),
            None if at is None else (at, found.totals.item(at)),
            (lambda: self._hosts(Ranking(in_play, parts, 1).others())) if self.decision.alternates else None,
        )

    def _ranked(self, parts: Sequence[Part], wanted: int) -> Ranking:
        """The hosts in play by weight."""
        in_play = self._in_play
        # Trimmed where the list is long, few are wanted of it, and nobody asks for all of it.
        worth_it = wanted > 1 and in_play.count >= self.trim_from and in_play.count > 4 * wanted
        if not worth_it or self.decision.alternates:
            return Ranking(in_play, parts, wanted)
        return TrimmedRanking(in_play, parts, wanted, self._totals(parts))

    def _totals(self, parts: Sequence[Part]) -> Floats:
        """The weights by place, kept ones if they are at hand; the parts are fit to them."""
        self._fit(parts)
        found = standing(parts, self.rows, self.kept) if self._is_as_kept() else None
        return weights(parts, self._in_play.places, self._in_play.mask) if found is None else found.totals

    # -- the list in order for every instance ------------------------------------------------

    def _drawn(self, parts: Sequence[Part], spec: RequestSpec, steps: Steps) -> Chosen:
        in_play = self._in_play
        self._fit(parts)
        totals = weights(parts, in_play.places, in_play.mask)
        order = np.argsort(-totals, kind="stable")[: in_play.count].tolist()
        place = self._draw(order, totals)
        rows = order if in_play.order is None else in_play.order[order].tolist()
        self._in_play = InPlay(in_play.n_rows, order=np.array(rows, dtype=np.intp))

        # The others are in order of weight, whoever was drawn.
        return Chosen(
            spec,
            self.overlay.host(rows[0]),
            rows[0],
            float(totals[place]),
            self.names,
            steps,
            Scale(parts),
            raws_at(parts, place),
            multipliers_at(parts, place),
            (rows[1], float(totals[order[1]])) if len(rows) > 1 else None,
            (lambda: self._hosts(rows[1:])) if self.decision.alternates else None,
        )

    def _draw(self, order: list[int], totals: Floats) -> int:
        """Put the chosen place first, as FilterScheduler.select does; returns it."""
        if self.shuffle:
            tied = [at for at in order if totals[at] == totals[order[0]]]
            if len(tied) > 1:
                self.decision.random().shuffle(tied)
                order[: len(tied)] = tied
        subset = min(self.subset_size, len(order))
        if subset > 1:
            order.insert(0, order.pop(self.decision.random().randrange(subset)))
        return order[0]

    # -- the ranking, touched only where something changed -----------------------------------

    def _best_of(self, again: Again, spec: RequestSpec, steps: Steps) -> Chosen:
        ranking = again.ranking
        place = again.place = ranking.best()
        row = ranking.row(place)
        at = ranking.second()
        compared = ranking.count > 1
        # What the ranking says now: it goes on, and what it is made of changes with the pool.
        return Chosen(
            spec,
            self.overlay.host(row),
            row,
            ranking.weight(place),
            self.names,
            steps,
            ranking.scale,
            ranking.raws(place) if compared else (),
            ranking.multipliers(place),
            None if at is None else (ranking.row(at), ranking.weight(at)),
            (lambda: self._hosts(ranking.others())) if self.decision.alternates else None,
        )

    def _hosts(self, rows: Iterable[int]) -> list[HostState]:
        return [self.overlay.host(row) for row in rows]
