"""IncrementalUpdate: filter and weigh for the instances after the first.

Every host in the ranking passed every filter that ran for the previous instance. A declared plug-in
must be evaluated again only if it reads what the last choice changed: for the chosen host alone if
that is an attribute of the host, for all hosts if it is an attribute of the request.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.candidates import Rows
from filtersched.engine.decision import depleted
from filtersched.engine.engine_choice import EngineChoice
from filtersched.engine.fallback import NeedAllHosts
from filtersched.engine.filtering import FilterRunner, RefusalSteps
from filtersched.engine.overlay import Overlay
from filtersched.engine.prefetch import NextState, Prefetch
from filtersched.engine.ranking import Places, Ranking
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.set_aside import SetAside
from filtersched.engine.weighing import WeigherRunner
from filtersched.hosts.declared_items import attributes_in
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class _Reevaluation(NamedTuple):
    """One plug-in to evaluate again.

    at : its place among the filters, or the weighers.
    ask : evaluates the host chosen last; None if all hosts must be evaluated.
    of_others : whether the answers for other hosts may change too. Then `ask` makes of each request what
        evaluates the host. The filter tells which others it refuses; the weigher reads nothing of hosts, and
        gives all of them the same.
    """

    at: int
    one: Any
    ask: Callable[..., Any] | None = None
    of_others: bool = False


class _Plan(NamedTuple):
    """The plug-ins to evaluate when these of the watched attributes of the chosen host changed; None is any.

    is_of_hosts : whether their answers for the next instance depend on the host alone.
    """

    watched: tuple[str, ...]
    changed: tuple[str, ...] | None
    filters: Sequence[_Reevaluation]
    weighers: Sequence[_Reevaluation]
    is_of_hosts: bool

    def is_about(self, before: HostState, after: HostState) -> bool:
        """Whether it holds for this change of a host."""
        return _changed(before, after, self.watched) == self.changed


# No places.
_NOWHERE: Places = np.zeros(0, dtype=np.intp)


class IncrementalUpdate:
    """The step from one instance of a request to the next.

    ran : the filters that ran for the first instance in the ranking.
    place : of the host chosen last, in the ranking.
    """

    def __init__(
        self, ranking: Ranking, overlay: Overlay, cache: AnswerCache, names: HostNames, ran: Sequence[FilterRunner]
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
        self._no_refusals: RefusalSteps | None = None

    def deplete(self, chosen: EngineChoice) -> HostState:
        """The chosen host with the instance."""
        host = chosen.host
        self._known = self._prefetch.take(host)
        if self._known is None and self._last is not None and self._last[0].is_of_hosts:
            front = map(self._overlay.host, map(self.ranking.row, self.ranking.front()))
            self._prefetch.evaluate(*self._last, itertools.chain((host,), front), self.ranking.left + 1)
            self._known = self._prefetch.take(host)
        return depleted(host, chosen.spec) if self._known is None else self._known.depleted

    def next(
        self,
        running: Sequence[FilterRunner],
        request: RequestKeys,
        last: EngineChoice,
        set_aside: SetAside,
        index: int,
    ) -> RefusalSteps:
        """Filter and weigh for the next instance; the ranking may be left empty."""
        plan = self._plan(running, request, last)
        known = self._known
        before = self.ranking.count
        first = set_aside.steps(before) if set_aside.count else None
        if known is None:
            stays, refusals = self._filter(plan.filters, request, last.depleted, last.spec)
        else:
            stays, refusals = known.refused_by < 0, self._drop_chosen(known.refused_by)
        if refusals and not all(one.is_final for one in running):
            self._set_aside(set_aside, running, refusals, request, index)
        if self.ranking.count:
            self._weigh(plan.weighers, request, last, stays=stays)
        if refusals or first is not None:
            self._no_refusals = None
            return RefusalSteps(self._names, running, before, refusals, tuple if first is None else first)
        if self._no_refusals is None:
            self._no_refusals = RefusalSteps(self._names, running, before, {})
        return self._no_refusals

    def _drop_chosen(self, refused_by: int) -> dict[int, Rows]:
        """Drop the host chosen last if a filter refuses it; returns its row by filter."""
        if refused_by < 0:
            return {}
        place = np.array([self.place], dtype=np.intp)
        self.ranking.drop(place)
        return {refused_by: self.ranking.rows(place)}

    def _set_aside(
        self,
        set_aside: SetAside,
        running: Sequence[FilterRunner],
        refusals: Mapping[int, Rows],
        request: RequestKeys,
        index: int,
    ) -> None:
        for at, runner in enumerate(running):
            set_aside.ask(runner, self._overlay, self._cache, request, index)
            if not runner.is_final and at in refusals:
                set_aside.add(runner, refusals[at])

    def _plan(self, running: Sequence[FilterRunner], request: RequestKeys, last: EngineChoice) -> _Plan:
        """What to evaluate."""
        again = running == self._running
        if not again or self._plans is None:
            asked = [one.evaluator for one in running] + [term.weigher.evaluator for term in self.ranking.terms]
            reads = (request.reads_of(evaluator) for evaluator in asked)
            self._watched = attributes_in(itertools.chain.from_iterable(reads))
            self._plans = {}
            self._prefetch, self._known = Prefetch(), None
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
        # A host notes which instances of a group it takes.
        has_group = request.spec.instance_group is not None or bool(request.spec.instance_groups)
        is_of_hosts = not has_group and changed is not None and all(
            one.ask is not None and not one.of_others and one.one.evaluator.columnar for one in (*filters, *weighers)
        )
        return _Plan(self._watched, changed, filters, weighers, is_of_hosts)

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
        if isinstance(one, WeigherRunner) and one.changes_for_chosen_only:
            changes = False
        else:
            changes = not again or evaluator.changes_between_instances(self._overlay, request)
        tells = again and isinstance(one, FilterRunner) and one.tells_new_refusals
        if changes and isinstance(one, WeigherRunner) and not request.reads_of(evaluator):
            return _Reevaluation(at, one, evaluator.host_evaluator, of_others=True)
        if changes and not tells:
            return _Reevaluation(at, one)
        reads = self._overlay.rows.watched_attributes(request.reads_of(evaluator))
        stays = reads is not None and changed is not None and reads.isdisjoint(changed)
        if changes:
            return _Reevaluation(at, one, _tells if stays else evaluator.host_evaluator, of_others=True)
        return None if stays else _Reevaluation(at, one, evaluator.host_evaluator(request))

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
            if stays and one.ask is not None:
                stays = bool(one.ask(request)(host) if one.of_others else one.ask(host, request.spec))
                if not stays:
                    gone = np.append(gone, place)
            if len(gone):
                refusals[one.at] = ranking.rows(ranking.in_list_order(gone))
                ranking.drop(gone)
                if not ranking.count:
                    break
        return stays, refusals

    def _gone(self, one: _Reevaluation, request: RequestKeys, before: RequestSpec) -> Places:
        """The places of the hosts that a filter refuses now; the host chosen last may not be among them."""
        if one.ask is None:
            return self._refused(one.one, request)
        if not one.of_others:
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
        raws = list(last.raws)
        changed = []
        if self._known is not None:
            changed = [one.at for one in asked]
            for at, raw in zip(changed, self._known.raws, strict=True):
                raws[at] = raw
            asked = ()
        for one in asked:
            weigher: WeigherRunner = one.one
            if one.ask is not None and not one.of_others:
                if stays:
                    raws[one.at] = weigher.from_answer(one.ask(last.depleted, request.spec))
                    changed.append(one.at)
                continue
            if one.ask is not None and weigher.from_answer(one.ask(request)(last.depleted)) == raws[one.at]:
                continue
            if ranking.is_trimmed:
                raise NeedAllHosts
            of_all = weigher.raw(self._overlay, self._cache, request, ranking.candidates())
            raws[one.at] = ranking.replace_raw(ranking.terms[one.at], of_all, place)
            changed.append(one.at)
        if stays:
            ranking.return_chosen(place, raws, last.raws, changed)


def _passes(_host: HostState) -> bool:
    return True


def _tells(_request: RequestKeys) -> Callable[[HostState], bool]:
    """Evaluates the host chosen last where the filter reads nothing that changed: the filter tells if it refuses it."""
    return _passes


def _changed(before: HostState, after: HostState, watched: Sequence[str]) -> tuple[str, ...] | None:
    """Which of the watched attributes differ in two states of a host; None if it may be any.

    A subclass may have changed something inside of an attribute.
    """
    if type(before) is not HostState:
        return None
    old, new = map(before.__dict__.get, watched), map(after.__dict__.get, watched)
    return tuple(itertools.compress(watched, map(operator.is_not, old, new)))
