"""IncrementalUpdate: filter and weigh for the instances after the first.

Every host in the ranking passed every filter that ran for the previous instance. A declared plug-in
must be evaluated again only if it reads what the last choice changed: for the chosen host alone if
that is an attribute of the host, for all hosts if it is an attribute of the request.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.candidates import Rows
from filtersched.engine.decision import depleted
from filtersched.engine.engine_choice import EngineChoice
from filtersched.engine.fallback import NeedAllHosts
from filtersched.engine.filtering import FilterRunner, Runners
from filtersched.engine.overlay import Overlay
from filtersched.engine.prefetch import NextState, Prefetch
from filtersched.engine.ranking import Places, Ranking
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.set_aside import SetAside
from filtersched.engine.steps import RowSteps
from filtersched.engine.weighing import WeigherRunner
from filtersched.hosts.declared_items import attributes_in
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class _Reevaluation(NamedTuple):
    """One plug-in to evaluate again.

    at : its place among the filters, or the weighers.
    of_chosen : whether to ask it about the host chosen last.
    of_all : whether to ask it about all hosts.
    tells : whether it knows what changes for all hosts: the filter which ones it refuses, the weigher, which reads
        nothing of hosts, what it gives all of them.
    ask : asks about single hosts, where the request changes nothing.
    is_ahead : whether it is evaluated on columns of the hosts that come next, before they are chosen.
    """

    at: int
    one: Any
    of_chosen: bool = False
    of_all: bool = False
    tells: bool = False
    ask: Callable[..., Any] | None = None
    is_ahead: bool = False

    def answer(self, host: HostState, request: RequestKeys) -> Any:
        """What the plug-in answers for a host."""
        ask = self.ask or self.one.evaluator.host_evaluator(request)
        return ask(host, request.spec)


class _Plan(NamedTuple):
    """The plug-ins to evaluate when these of the watched attributes of the chosen host changed; None is any.

    ahead : what changes before an instance of a group is noted; None if nothing is evaluated ahead.
    """

    filters: Sequence[_Reevaluation]
    weighers: Sequence[_Reevaluation]
    watched: tuple[str, ...]
    ahead: tuple[str, ...] | None

    def is_about(self, before: HostState, after: HostState) -> bool:
        """Whether it holds for this change of a host."""
        return _changed(before, after, self.watched) == self.ahead


_INSTANCES = "instances"
# No places.
_NOWHERE: Places = np.zeros(0, dtype=np.intp)


class IncrementalUpdate:
    """The step from one instance of a request to the next.

    ran : the filters that ran for the first instance in the ranking.
    place : of the host chosen last, in the ranking.
    """

    def __init__(
        self,
        ranking: Ranking,
        overlay: Overlay,
        cache: AnswerCache,
        names: HostNames,
        ran: Sequence[FilterRunner],
    ) -> None:
        self.ranking = ranking
        self.place = -1
        self._overlay = overlay
        self._cache = cache
        self._names = names
        self._running = ran
        # The host attributes to compare before and after depletion: all that some plug-in reads.
        self._watched: tuple[str, ...] = ()
        self._plans: dict[tuple[str, ...] | None, _Plan] | None = None
        # The plan and the request of the last step.
        self._last: tuple[_Plan, RequestKeys] | None = None
        self._prefetch = Prefetch()
        self._known: NextState | None = None
        self._no_refusals: RowSteps | None = None

    def deplete(self, chosen: EngineChoice) -> HostState:
        """The chosen host with the instance."""
        host = chosen.host
        self._known = self._prefetch.take(host)
        if self._known is None and self._last is not None and self._last[0].ahead is not None:
            self._prefetch.evaluate(*self._last, itertools.chain((host,), self._next_hosts()), self.ranking.left + 1)
            self._known = self._prefetch.take(host)
        if self._known is None:
            return depleted(host, chosen.spec)
        after = self._known.depleted
        after.note_instance(chosen.spec)
        return after

    def _next_hosts(self) -> Iterator[HostState]:
        """The hosts that are likely to be chosen next, in order."""
        return map(self._overlay.host, map(self.ranking.row, self.ranking.next_places()))

    def next(
        self, running: Runners, request: RequestKeys, last: EngineChoice, set_aside: SetAside, index: int
    ) -> RowSteps:
        """Filter and weigh for the next instance; the ranking may be left empty."""
        plan = self._plan(running, request, last)
        before = self.ranking.count
        first = set_aside.steps(before) if set_aside.count else None
        stays, refusals = self._filter(plan.filters, request, last.depleted, last.spec)
        if refusals and not running.are_final:
            for at, runner in enumerate(running):
                set_aside.ask(runner, self._overlay, self._cache, request, index)
                if not runner.is_final and at in refusals:
                    set_aside.add(runner, refusals[at])
        if self.ranking.count:
            self._weigh(plan.weighers, request, last, stays=stays)
        if refusals or first is not None:
            self._no_refusals = None
            return RowSteps(self._names, running, before, refusals, tuple if first is None else first)
        if self._no_refusals is None:
            self._no_refusals = RowSteps(self._names, running, before, {})
        return self._no_refusals

    def _plan(self, running: Sequence[FilterRunner], request: RequestKeys, last: EngineChoice) -> _Plan:
        """What to evaluate."""
        again = running == self._running
        if not again or self._plans is None:
            asked = [one.evaluator for one in running] + [term.weigher.evaluator for term in self.ranking.terms]
            reads = (request.reads_of(evaluator) for evaluator in asked)
            self._watched = attributes_in(itertools.chain.from_iterable(reads))
            self._plans = {}
            self._prefetch.forget()
            self._known = None
            self._no_refusals = None
        if self._known is not None:
            known: _Plan = self._known.plan
            return known
        changed = _changed(last.host, last.depleted, self._watched)
        plan = self._plans.get(changed) if again else None
        if plan is None:
            plan = self._planned(running, request, changed)
            if again:
                self._plans[changed] = plan
            self._running = running
        self._last = (plan, request) if again else None
        return plan

    def _planned(self, running: Sequence[FilterRunner], request: RequestKeys, changed: tuple[str, ...] | None) -> _Plan:
        of_filters = [
            self._evaluate(at, one, request, changed, again=one in self._running)
            for at, one in enumerate(running)
            if not request.is_rebuild or one.plugin.asked_about(request.spec)
        ]
        of_weighers = [
            self._evaluate(at, term.weigher, request, changed, again=True) for at, term in enumerate(self.ranking.terms)
        ]
        filters = [one for one in of_filters if one is not None]
        weighers = [one for one in of_weighers if one is not None]
        ahead = changed
        if changed is not None and _has_group(request.spec):
            notes = _INSTANCES in changed or _INSTANCES not in self._watched
            ahead = tuple([name for name in changed if name != _INSTANCES]) if notes else None
        if not any(one.is_ahead for one in (*filters, *weighers)):
            ahead = None
        return _Plan(filters, weighers, self._watched, ahead)

    def _evaluate(
        self,
        at: int,
        one: FilterRunner | WeigherRunner,
        request: RequestKeys,
        changed: tuple[str, ...] | None,
        *,
        again: bool,
    ) -> _Reevaluation | None:
        evaluator = one.evaluator
        assert evaluator is not None
        reads = self._overlay.rows.watched_attributes(request.reads_of(evaluator))
        stays = reads is not None and changed is not None and reads.isdisjoint(changed)
        if isinstance(one, FilterRunner):
            changes = not again or evaluator.changes_between_instances(self._overlay, request)
            tells = again and one.tells_new_refusals
        else:
            changes = not one.changes_for_chosen_only and evaluator.changes_between_instances(self._overlay, request)
            tells = not request.reads_of(evaluator)
        if changes:
            return _Reevaluation(at, one, of_chosen=tells and not stays, of_all=not tells, tells=tells)
        if stays:
            return None
        notes = _has_group(request.spec) and (reads is None or _INSTANCES in reads)
        return _Reevaluation(
            at,
            one,
            of_chosen=True,
            ask=evaluator.host_evaluator(request),
            is_ahead=evaluator.columnar and not notes,
        )

    def _filter(
        self, asked: Sequence[_Reevaluation], request: RequestKeys, host: HostState, before: RequestSpec
    ) -> tuple[bool, dict[int, Rows]]:
        """Drop the hosts that filters refuse now; returns whether the last chosen host stays, and rows by filter."""
        ranking, place = self.ranking, self.place
        stays, refusals = True, {}
        for one in asked:
            gone = self._gone(one, request, before)
            if len(gone):
                stays = stays and place not in gone
            if stays and one.of_chosen:
                if one.is_ahead and self._known is not None:
                    stays = self._known.refused_by != one.at
                else:
                    stays = bool(one.answer(host, request))
                if not stays:
                    gone = np.append(gone, place) if len(gone) else np.array([place], dtype=np.intp)
            if len(gone):
                refusals[one.at] = ranking.rows(ranking.in_list_order(gone))
                ranking.drop(gone)
                if not ranking.count:
                    break
        return stays, refusals

    def _gone(self, one: _Reevaluation, request: RequestKeys, before: RequestSpec) -> Places:
        """The places of the hosts that a filter refuses now; the host chosen last may not be among them."""
        if one.of_all:
            return self._refused(one.one, request)
        if not one.tells:
            return _NOWHERE
        told = one.one.refused_since(self._overlay, before, request)
        if told is None:
            return self._refused(one.one, request)
        if not told:
            return _NOWHERE
        if self.ranking.is_trimmed:
            raise NeedAllHosts
        return self.ranking.places_of(told[0] if len(told) == 1 else np.unique(np.concatenate(told)))

    def _refused(self, one: FilterRunner, request: RequestKeys) -> Places:
        """The places of the hosts that a filter refuses, asked about all."""
        passes = one.passes_now(self._overlay, request)
        if passes is True:
            return _NOWHERE
        if self.ranking.is_trimmed:
            raise NeedAllHosts
        if passes is None:
            candidates = self.ranking.candidates()
            left = one.remaining(self._overlay, self._cache, request, candidates)
            passes = left.as_mask() | ~candidates.as_mask()
        return self.ranking.places_refused(passes)

    def _weigh(self, asked: Sequence[_Reevaluation], request: RequestKeys, last: EngineChoice, *, stays: bool) -> None:
        ranking, place = self.ranking, self.place
        if not ranking.weighs:
            if stays:
                ranking.return_chosen(place, None, (), ())
            return
        raws = list(last.found.raws)
        changed = []
        for at, raw in () if self._known is None else self._known.raws:
            raws[at] = raw
            changed.append(at)
        for one in asked:
            weigher: WeigherRunner = one.one
            if one.is_ahead and self._known is not None:
                continue
            if one.tells and weigher.from_answer(one.answer(last.depleted, request)) == raws[one.at]:
                continue
            if not (one.tells or one.of_all):
                if stays:
                    raws[one.at] = weigher.from_answer(one.answer(last.depleted, request))
                    changed.append(one.at)
                continue
            if ranking.is_trimmed:
                raise NeedAllHosts
            of_all = weigher.raw(self._overlay, self._cache, request, ranking.candidates())[0]
            raws[one.at] = ranking.replace_raw(ranking.terms[one.at], of_all, place)
            changed.append(one.at)
        if stays:
            ranking.return_chosen(place, raws, last.found.raws, changed)


def _has_group(spec: RequestSpec) -> bool:
    """Whether hosts note the instances of the request, each of which is another."""
    return spec.instance_group is not None or bool(spec.instance_groups)


def _changed(before: HostState, after: HostState, watched: Sequence[str]) -> tuple[str, ...] | None:
    """Which of the watched attributes differ in two states of a host; None if it may be any.

    A subclass may have changed something inside of an attribute.
    """
    if type(before) is not HostState:
        return None
    old, new = map(before.__dict__.get, watched), map(after.__dict__.get, watched)
    return tuple(itertools.compress(watched, map(operator.is_not, old, new)))
