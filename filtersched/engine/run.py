"""One decision on columns: the same steps as FilterScheduler's plain loop, and the same answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.cached_answers import CachedAnswers
from filtersched.engine.cached_weights import CachedWeights, Totals, weights_of
from filtersched.engine.candidate_rows import ExcludedRows, candidate_rows
from filtersched.engine.candidates import Candidates
from filtersched.engine.decision import Choice, Decision, depleted
from filtersched.engine.draw import Draw
from filtersched.engine.engine_choice import EngineChoice, RowChoice
from filtersched.engine.fallback import FilteringEnded, NeedAllHosts, UseHandlers
from filtersched.engine.filtering import Runners
from filtersched.engine.incremental_update import IncrementalUpdate
from filtersched.engine.overlay import Overlay
from filtersched.engine.pool_cache import Kept, PoolCache
from filtersched.engine.ranking import Ranking
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.set_aside import SetAside
from filtersched.engine.steps import RowSteps
from filtersched.engine.top_rows import RowMask, largest_first
from filtersched.engine.trimming import TrimmedRanking
from filtersched.engine.weighing import Floats, Scale, WeigherRunner, WeigherTerm, multipliers_at, raws_at, totals_of
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.plugins.timing import timed
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep
from filtersched.results.no_valid_host import NoValidHost


class Run:
    """One decision on columns.

    filters, weighers : in their configured order.
    draw : how a host is chosen. All but taking the best needs the whole list in order for every instance.
    can_reweigh_one_host : neither the draw nor a weigher needs it.
    trim_from : how many hosts make a list worth trimming. Raises NeedAllHosts where that was wrong.
    """

    def __init__(
        self,
        decision: Decision,
        rows: HostRows,
        cache: PoolCache,
        filters: Runners,
        weighers: Sequence[WeigherRunner],
        *,
        draw: Draw,
        trim_from: int,
        can_reweigh_one_host: bool,
    ) -> None:
        self.decision = decision
        self.trim_from = trim_from
        self.rows = rows
        self.pool_cache = cache
        self.cache: AnswerCache = cache.answers
        self.filters: Runners = filters if decision.asks_filters else Runners(())
        self.weighers = weighers
        self.draw = draw
        self.top: int | None = draw.top
        self.can_reweigh_one_host: bool = can_reweigh_one_host and not decision.keep_columns
        self.overlay: Overlay = Overlay(rows)
        for host, nodename in decision.without:
            row = rows.row_of(host, nodename)
            assert row is not None
            self.overlay.deplete(row, decision.without[host, nodename])
        self.names: HostNames = decision.names
        self.choices: list[Choice] = []
        self._update: IncrementalUpdate | None = None
        self._running = self.filters
        self._set_aside = SetAside(rows, self.names)

    def decide(self) -> list[Choice]:
        """One choice per instance. Raises NoValidHost, UseHandlers, and what plug-ins raise."""
        decision = self.decision
        total = len(decision.uuids)
        last: EngineChoice | None = None
        self._candidates = candidate_rows(self.rows, decision.spec)
        for index in range(total):
            spec = decision.spec_for(index, self.choices)
            last = self._choose_next(index, spec, last)
            last.depleted = depleted(last.host, spec) if self._update is None else self._update.deplete(last)
            if self.weighers and last.depleted.aggregates is not last.host.aggregates:
                # Multipliers come from aggregates; the engine assumes that they do not change within a request.
                raise UseHandlers
            self.choices.append(last)
            if total > 1:
                self.overlay.deplete(last.found.row, last.depleted)
        if decision.alternates and total > 1:
            decision.left = self._remaining_hosts(total - 1, last)
        return self.choices

    def count(self) -> int:
        """How many hosts pass all filters for the first instance. Raises UseHandlers, and what filters raise."""
        self.weighers = ()
        spec = self.decision.spec_for(0, ())
        self._candidates = candidate_rows(self.rows, spec)
        self._running = self._filters_for(0)
        request = RequestKeys(spec, self.rows)
        self._passing(request, 0, *self._cached(request))
        return self._candidates.count

    @property
    def candidates(self) -> Candidates:
        """The hosts that passed for the instance at hand."""
        return self._candidates

    def _remaining_hosts(self, index: int, last: EngineChoice | None) -> Iterable[HostState]:
        """The remaining hosts in order, after all instances are depleted."""
        try:
            found = self._choose_next(index, self.decision.spec_for(index, self.choices), last)
        except NoValidHost:
            return []
        assert found.rest is not None
        # One that can be copied: each selection reads it from the start.
        return itertools.tee(itertools.chain((found.host,), found.rest()), 1)[0]

    # -- one instance ------------------------------------------------------------------------

    def _choose_next(self, index: int, spec: RequestSpec, last: EngineChoice | None) -> EngineChoice:
        """The choice for the next instance, not depleted yet."""
        self._running = self._filters_for(index)
        request = RequestKeys(spec, self.rows)
        set_aside, back = self._set_aside, []
        if last is not None:
            if set_aside.count:
                back = set_aside.returning(self.overlay, request, index, last.spec)
            set_aside.begin()
        update = self._update
        if update is None or last is None:
            if back:
                self._append(back)
            return self._choose_from_all(index, request)
        if back or not self._running.are_declared:
            if update.ranking.is_trimmed:
                raise NeedAllHosts
            # The list changes, or a filter is called directly, which sees the whole list in order.
            self._candidates = Candidates(len(self.rows), order=update.ranking.rows(update.ranking.places_in_order()))
            self._append(back)
            self._update = None
            return self._choose_from_all(index, request)
        steps = update.next(self._running, request, last, set_aside, index)
        if not update.ranking.count:
            raise self.decision.refusal(index, steps.filter_steps, self.choices)
        if not update.ranking.weighs and not all(one.normalized for one in self.weighers):
            # The last host left: those weighers weigh it that are not normalised, and no others.
            self._candidates = Candidates(len(self.rows), order=update.ranking.rows(update.ranking.places_in_order()))
            update = self._rank(self._terms(request), len(self.decision.uuids) - index)
        return self._best_of(update, spec, steps)

    def _filters_for(self, index: int) -> Runners:
        if index != 1 and self.filters.ask_alike:
            # All run for the first instance, and those for the second run for the others.
            return self._running
        try:
            is_first = index == 0
            return Runners(
                one for one in self.filters if (is_first and one.asks_alike) or one.plugin.run_filter_for_index(index)
            )
        except Exception:
            # The boundary to the plug-in: the plain loop stops before it when an earlier filter leaves nothing.
            raise UseHandlers from None

    def _append(self, rows: Sequence[int]) -> None:
        """Let rows in again, at the end of the list."""
        order = np.concatenate((self._candidates.rows(), np.array(rows, dtype=np.intp)))
        self._candidates = Candidates(len(self.rows), order=order)

    def _choose_from_all(self, index: int, request: RequestKeys) -> EngineChoice:
        spec = request.spec
        answers, needed = self._cached(request)
        kind = self._kind(answers, needed)
        if kind is not None:
            found = self.pool_cache.choices.find(kind)
            if found is not None:
                return self._chosen(spec, found)
        alive, steps = self._passing(request, index, answers, needed)
        if not self._candidates.count:
            counts = None if self.choices else steps.counts
            raise self.decision.refusal(index, steps.filter_steps, self.choices, counts=counts)
        if not self.can_reweigh_one_host:
            return self._choose_by_draw(self._terms(request), spec, steps)
        wanted = len(self.decision.uuids) - index
        weights = self._weights_of_pool(request, answers[len(self._running) :])
        if weights is not None and wanted == 1:
            totals = weights.totals(alive, self.rows)
            if totals is not None:
                best = self._best_of_totals(weights, totals, alive, steps)
                if kind is not None:
                    self.pool_cache.choices.keep(kind, best)
                return self._chosen(spec, best, lambda: self._hosts(totals.others(alive, best.row)))
        if self.decision.alternates and wanted > 1:
            wanted += 1
        terms = self._terms(request) if weights is None else [term.fresh() for term in weights.terms]
        return self._best_of(self._rank(terms, wanted, weights), spec, steps)

    def _cached(self, request: RequestKeys) -> tuple[Sequence[CachedAnswers | None], Sequence[float | None]]:
        """What is cached of the answers of each filter and each weigher on all rows; what rooms are compared with."""
        running = self._running
        needed = [None if one.room is None else one.needed(request) for one in running]
        if self.overlay.depleted or request.is_rebuild:
            # Cached answers ignore the depletion of this decision; a rebuild skips some filters.
            return [None] * (len(running) + len(self.weighers)), needed
        answers = self.cache.find(running.questions(self.weighers), request)
        for one, number in zip(running, needed, strict=True):
            if number is None and one.room is not None:
                # A request that rooms cannot be compared with.
                return [None] * len(running) + list(answers[len(running) :]), needed
        return answers, needed

    def _passing(
        self,
        request: RequestKeys,
        index: int,
        answers: Sequence[CachedAnswers | None],
        needed: Sequence[float | None],
    ) -> tuple[RowMask, RowSteps]:
        """Keep the candidates that pass all filters; if an earlier decision had the same verdicts, reuse its result."""
        kind, of = self._verdicts(answers, needed)
        known = None if kind is None else self.pool_cache.kept.find(kind)
        if known is not None:
            self._candidates = known.candidates
            return known.alive, known.steps
        is_narrowed = index == 0 and self._candidates.count < self._candidates.n_rows
        excluded = ExcludedRows(self.rows, request.spec).steps if is_narrowed else self._set_aside_steps()
        steps = RowSteps(self.names, self._running, self._candidates.count, {}, excluded)
        self._filter(request, steps, index, answers, needed)
        alive = RowMask(self._candidates.mask)
        if kind is not None:
            self.pool_cache.kept.keep(kind, Kept(self._candidates, alive, steps, of))
        return alive, steps

    def _verdicts(
        self, answers: Sequence[CachedAnswers | None], needed: Sequence[float | None]
    ) -> tuple[object, tuple[Any, ...]]:
        """The filters and their verdicts on all rows as a key, and what it is made of; None if there is more to it."""
        if not self._is_one_of_all:
            return None, ()
        of: list[Any] = [self.names, self._running]
        for found, number in zip(answers, needed, strict=False):
            if found is None or found.raised is not None:
                return None, ()
            of += (found.passes(number),)
        return tuple(map(id, of)), tuple(of)

    def _filter(
        self,
        request: RequestKeys,
        steps: RowSteps,
        index: int,
        answers: Sequence[CachedAnswers | None],
        needed: Sequence[float | None],
    ) -> None:
        """Leave the candidates that pass all filters. `answers` and `needed` come from `_cached`."""
        for at, (runner, found, number) in enumerate(zip(self._running, answers, needed, strict=False)):
            before = self._candidates
            if not before.count:
                return
            try:
                if found is not None and found.raised is None:
                    after = before.where(found.passes(number))
                else:
                    with timed(runner.plugin):
                        after = runner.remaining(self.overlay, self.cache, request, before)
            except FilteringEnded:
                steps.forget()
                self._candidates = Candidates.of_rows(len(self.rows), ())
                return
            self._candidates = after
            steps.add(at, before, after)
            if self._set_aside.count:
                self._set_aside.ask(runner, self.overlay, self.cache, request, index)
            if not runner.is_final and after.count < before.count:
                self._set_aside.add(runner, before.rows()[~after.as_mask()[before.rows()]])

    def _rank(
        self, terms: Sequence[WeigherTerm], wanted: int, weights: CachedWeights | None = None
    ) -> IncrementalUpdate:
        """Rank the candidates by weight, to be updated from here on."""
        candidates = self._candidates
        assert self.top is not None
        # Trim where the list is long, few hosts are wanted, and neither draws nor alternates need more of it.
        worth_it = wanted > 1 and candidates.count >= self.trim_from and candidates.count > 4 * wanted
        if not worth_it or self.decision.alternates or self.top != 1:
            ranking = Ranking(candidates, terms, wanted, top=self.top)
        else:
            ranking = TrimmedRanking(candidates, terms, wanted, self._totals(terms, weights))
        self._update = IncrementalUpdate(ranking, self.overlay, self.cache, self.names, self._running)
        return self._update

    def _set_aside_steps(self) -> Callable[[], Sequence[FilterStep]]:
        return self._set_aside.steps(self._candidates.count) if self._set_aside.count else tuple

    def _kind(self, answers: Sequence[CachedAnswers | None], needed: Sequence[float | None]) -> object:
        """All cached answers that the choice is made of; None if it is made of more, or not worth keeping."""
        is_best = self.top == 1 and self.can_reweigh_one_host and not self.decision.alternates
        if not (is_best and self.pool_cache.is_quiet and self._is_one_of_all) or None in answers:
            return None
        return (*answers, *needed)

    @property
    def _is_one_of_all(self) -> bool:
        """Whether one host is chosen, and all are candidates, in the order of the pool."""
        candidates = self._candidates
        return len(self.decision.uuids) == 1 and candidates.mask is None and candidates.order is None

    def _chosen(
        self, spec: RequestSpec, found: RowChoice, others: Callable[[], Iterable[HostState]] | None = None
    ) -> EngineChoice:
        """The choice of a row; `others` gives the other hosts in list order."""
        rest = others if self.decision.alternates else None
        return EngineChoice(spec, self.overlay.host(found.row), rest, self.names, found)

    def _terms(self, request: RequestKeys) -> list[WeigherTerm]:
        """Each weigher's term; for a single host only those of weighers that are not normalised."""
        candidates = self._candidates
        terms = []
        for weigher in self.weighers:
            if candidates.count > 1 or not weigher.normalized:
                with timed(weigher.plugin):
                    terms.append(weigher.term(self.overlay, self.cache, request, candidates))
        return terms

    def _weights_of_pool(
        self, request: RequestKeys, sources: Sequence[CachedAnswers | None]
    ) -> CachedWeights | None:
        """The weights of all rows; None where hosts are depleted, or in another order: cached ones don't apply."""
        candidates = self._candidates
        if not self.weighers or candidates.count < 2 or candidates.order is not None or self.overlay.depleted:
            return None
        kinds = self.pool_cache.weights
        return weights_of(kinds, self.weighers, sources, self.overlay, self.cache, request, candidates)

    def _totals(self, terms: Sequence[WeigherTerm], weights: CachedWeights | None = None) -> Floats:
        """The weights by place, cached ones if they are at hand; the parts are fit to the candidates."""
        candidates = self._candidates
        alive = RowMask(candidates.mask)
        for term in terms:
            term.fit_scale(alive)
        found = None if weights is None else weights.totals(alive, self.rows)
        return totals_of(terms, candidates.places, candidates.mask) if found is None else found.totals

    def _best_of_totals(
        self, weights: CachedWeights, totals: Totals, alive: RowMask, steps: RowSteps
    ) -> RowChoice:
        """The choice for the only instance."""
        assert self.top is not None
        rows = totals.best(alive, self.top + 1)
        row = rows.pop(self._pick(totals.totals[rows[: self.top]].tolist()) if self.top > 1 else 0)
        second = rows[0] if rows else None
        scale = weights.scale()
        return RowChoice(
            row,
            totals.totals.item(row),
            steps,
            scale,
            raws_at(weights.terms, row),
            scale.multipliers or multipliers_at(weights.terms, row),
            second,
            0.0 if second is None else totals.totals.item(second),
        )

    # -- the list in order for every instance ------------------------------------------------

    def _choose_by_draw(self, terms: Sequence[WeigherTerm], spec: RequestSpec, steps: RowSteps) -> EngineChoice:
        candidates = self._candidates
        totals = self._totals(terms)
        places = largest_first(totals)[: candidates.count]
        front = self.draw(totals[places].tolist(), self.decision.random)
        if front:
            places = np.concatenate((places[front], np.delete(places, front)))
        rows = places if candidates.order is None else candidates.order[places]
        self._candidates = Candidates(candidates.n_rows, order=rows)

        # The others are in order of weight, whichever host was drawn.
        found = RowChoice(
            rows.item(0),
            totals.item(places[0]),
            steps,
            Scale(terms),
            raws_at(terms, places.item(0)),
            multipliers_at(terms, places.item(0)),
            rows.item(1) if len(rows) > 1 else None,
            totals.item(places[1]) if len(rows) > 1 else 0.0,
        )
        if self.decision.keep_columns:
            found = found._replace(columns=[term.column(places) for term in terms], rows=rows.tolist())
        return self._chosen(spec, found, lambda: self._hosts(rows[1:].tolist()))

    # -- the ranking, touched only where something changed -----------------------------------

    def _best_of(self, update: IncrementalUpdate, spec: RequestSpec, steps: RowSteps) -> EngineChoice:
        ranking = update.ranking
        place = update.place = ranking.take(self._pick)
        row = ranking.row(place)
        at = ranking.runner_up()
        # Copy the values now; ranking and pool change later.
        found = RowChoice(
            row,
            ranking.totals.item(place),
            steps,
            ranking.scale,
            ranking.raws(place) if ranking.weighs else (),
            ranking.multipliers(place),
            None if at is None else ranking.row(at),
            0.0 if at is None else ranking.totals.item(at),
        )
        return self._chosen(spec, found, lambda: self._hosts(ranking.others()))

    def _pick(self, weights: Sequence[float]) -> int:
        """Which of the hosts at the front of the list is drawn."""
        front = self.draw(weights, self.decision.random)
        return front[0] if front else 0

    def _hosts(self, rows: Iterable[int]) -> Iterator[HostState]:
        """The hosts of the rows, each made when it is looked at."""
        return map(self.overlay.host, rows)
