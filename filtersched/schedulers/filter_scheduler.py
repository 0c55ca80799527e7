"""FilterScheduler: the pipeline.

narrow -> filter -> weigh -> select -> deplete, and on to the next instance
"""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from oslo_config import cfg

from filtersched.engine import Engine, UseHandlers
from filtersched.engine.decision import Choice, Decision, depleted
from filtersched.engine.draw import BestDraw, Draw, bring_forward
from filtersched.errors import InvalidAnswer, InvalidHost, InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts import narrowing
from filtersched.hosts.bare_metal_host import BareMetalHost, is_given_whole, take_whole
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.loading import (
    FiltersGiven,
    ResourcesGiven,
    WeighersGiven,
    load_filters,
    load_resources,
    load_weighers,
    warn_of_lost_options,
)
from filtersched.loading.loader import FilterCatalog
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.shared_resources import SharedResources
from filtersched.results.filter_step import excluded_steps
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Filtered, SetAside, WeighedHost, steps_of_set_aside
from filtersched.results.verdict import HostVerdicts
from filtersched.schedulers.base import Scheduler
from filtersched.schedulers.look_ahead import look_ahead
from filtersched.schedulers.prefilters import prefilters
from filtersched.schedulers.several import read_by
from filtersched.schedulers.uuids import random_uuids
from filtersched.schedulers.whole_nodes import WholeNodeFilter
from filtersched.settings import spelled
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.handler import HostWeightHandler
from filtersched.weighers.measured_load_weigher import MeasuredLoadWeigher

_T = TypeVar("_T")


class _Filtering(threading.local):
    """What the filters left last in this thread, for drivers whose `filter` returns a list without a word."""

    passed: Filtered | None = None


_filtering = _Filtering()


def _kept_by(weighers: Iterable[BaseWeigher]) -> dict[str, int]:
    """Of which metrics the weighers want how many values."""
    kept: dict[str, int] = {}
    for weigher in weighers:
        if isinstance(weigher, MeasuredLoadWeigher):
            for metric, count in weigher.kept_metrics().items():
                kept[metric] = max(count, kept.get(metric, 0))
    return kept


def _are_among(some: Iterable[HostState], hosts: Iterable[HostState]) -> bool:
    return set(map(id, some)) <= set(map(id, hosts))


class FilterScheduler(Scheduler):
    """Place each instance on the best host that passes every filter.

    A derived class may override any of the steps `narrow`, `filter`, `weigh`, `select` and
    `deplete`; it is then called for every instance, on host objects.
    """

    #: Whether raw weights are normalised before they are multiplied and added.
    normalizes: ClassVar[bool] = True
    spec_reads: ClassVar[Sequence[str] | None] = ("requested_destination", "ignore_hosts", "force_hosts", "force_nodes")

    def __init__(
        self,
        conf: cfg.ConfigOpts | None = None,
        *,
        filters: FiltersGiven | None = None,
        weighers: WeighersGiven | None = None,
        resources: ResourcesGiven | None = None,
        use_engine: bool = True,
    ) -> None:
        """filters, weighers, resources : what to use instead of the configured ones, in order. Names; classes,
            whose options are configured; objects, whose options are their own.
        use_engine : False decides on host objects, step by step; the answer is the same.
        """
        super().__init__(conf)
        self._takes_whole_nodes: bool = self.settings.takes_whole_nodes
        self.catalog: FilterCatalog = load_filters(self.conf, self.settings, filters)
        self._always: Sequence[BaseHostFilter] = [
            *([WholeNodeFilter()] if self._takes_whole_nodes else []),
            *prefilters(self.conf, self.catalog.enabled),
        ]
        self.resources: SharedResources = SharedResources(load_resources(self.conf, self.settings, resources))
        self.resources.check_names(self.catalog.enabled)
        self.filters: Sequence[BaseHostFilter] = self._with_those_of_all_requests(self.catalog.enabled)
        self.weighers: Sequence[BaseWeigher] = load_weighers(
            self.conf, self.settings, scheduler=self, given=weighers
        )
        self.kept_metrics: Mapping[str, int] = _kept_by(self.weighers)
        warn_of_lost_options(self.conf)
        self._draw = self._draw_for()
        self._engine = self._engine_for() if use_engine else None
        self._filter_handler = HostFilterHandler()
        self._weight_handler = HostWeightHandler(normalizes=self.normalizes)

    def _draw_for(self) -> Draw:
        """How one of the weighed hosts is chosen."""
        settings = self.settings
        return BestDraw(settings.shuffle_best_same_weighed_hosts, settings.host_subset_size)

    def _engine_for(self) -> Engine | None:
        """The fast path, for a scheduler that leaves the steps as they are."""
        steps = ("narrow", "filter", "weigh", "select", "deplete")
        if any(getattr(type(self), step) is not getattr(FilterScheduler, step) for step in steps):
            return None
        return Engine(self.weighers, draw=self._draw, normalizes=self.normalizes)

    def _filters_named(self, given: FiltersGiven | None) -> Sequence[Any]:
        return self.filters if given is None else self._with_those_of_all_requests(self.catalog.get(given))

    def _with_those_of_all_requests(self, chosen: Sequence[BaseHostFilter]) -> list[BaseHostFilter]:
        """The chosen filters, with those that no request can leave out."""
        return [*self._always, *chosen, *self.resources.filters]

    def explain(
        self,
        spec: RequestSpec,
        host: HostState | str,
        pool: HostPool | None = None,
        *,
        filters: FiltersGiven | None = None,
        profile: str | None = None,
    ) -> HostVerdicts:
        """The verdict of every filter on one host in its present state.

        host : the host; in a pool also its name, `host/nodename`, or the name of a node.
        pool : where the host would be chosen from, for the first instance of the request. The answer
            says then whether the host would be chosen, and otherwise its rank among those that pass.
        filters, profile : as of `select_destinations`.

        Raises InvalidRequest for a host that is not in the pool, and what `select_destinations` raises.
        """
        scheduler = self._deciding(spec, profile)
        if pool is not None:
            return pool.run(scheduler._explain, spec, host, pool, filters)
        if not isinstance(host, HostState):
            raise InvalidRequest("a host is known by name in a pool only; pass the pool", field="host", value=host)
        return undisturbed([host], lambda: scheduler._prepare(spec, [host], None, filters=filters).ask(host, 0))

    def _explain(
        self, spec: RequestSpec, host: HostState | str, pool: HostPool, filters: FiltersGiven | None
    ) -> HostVerdicts:
        uuids = self._uuids(spec) or random_uuids(spec.num_instances)
        decision = self._prepare(spec, pool, uuids[:1], filters=filters, explain="full")
        decision.look_ahead_for = uuids
        try:
            (selection,) = self._decide(decision)
        except NoValidHost as refusal:
            return refusal.explanation.why(host)
        return selection.explanation.why(host)

    def shared_use(self, hosts: HostPool | Iterable[HostState]) -> dict[str, dict[Any, int | float]]:
        """How much the instances on hosts take of shared resources: by resource, then by scope.

        A scope is "pool", a project's id, the name of an aggregate, or the value that hosts share.
        """
        return self.resources.use(hosts if isinstance(hosts, HostPool) else list(hosts))

    def _choose(self, decision: Decision) -> list[Choice]:
        if type(self).select is FilterScheduler.select:
            decision.drawn_from = self._draw.drawn_from
        if decision.spec._placements is not None:
            self._look_ahead(decision)
        if self._engine is not None and self._engine_depletes(decision):
            decision.nearest = self._engine.nearest_misses
            try:
                return self._engine.choices(decision)
            except UseHandlers:
                decision.start_over()
        return self._choose_plainly(decision)

    def _look_ahead(self, decision: Decision) -> None:
        engine = None if self._takes_whole_nodes else self._engine
        look_ahead(
            decision.spec,
            decision.look_ahead_for or decision.uuids,
            lambda: self.narrow(decision.offered(), decision.spec),
            decision.filters,
            self.deplete,
            None if engine is None else functools.partial(engine.room_ahead, decision),
        )

    def _left(self, decision: Decision) -> int:
        if self._engine is not None and decision.spec.retry is None and self._engine_depletes(decision):
            if decision.spec._placements is not None:
                self._look_ahead(decision)
            try:
                return self._engine.count(decision)
            except UseHandlers:
                decision.start_over()
        return super()._left(decision)

    def _read_of_requests(self, filters: FiltersGiven | None) -> Collection[str] | None:
        return None if self._engine is None else read_by(self._filters_named(filters))

    def _engine_depletes(self, decision: Decision) -> bool:
        """Whether the hosts themselves know what an instance takes. Raises InvalidHost for a pool of hosts that do not.

        A program that gives a list of hosts may have ordinary ones; those of a pool take the instances
        that are committed.
        """
        if not self._takes_whole_nodes:
            return True
        ordinary = next((one for one in decision.hosts if not isinstance(one, BareMetalHost)), None)
        if ordinary is not None and isinstance(decision.hosts, HostPool):
            said = "an instance takes a whole node, and the hosts of the pool must be of BareMetalHost for that"
            setting = spelled(self.settings.spellings["host_manager"])
            raise InvalidHost(f"host {ordinary.host!r}: with {setting} {said}", host=ordinary.host)
        return ordinary is None

    def _choose_plainly(self, decision: Decision) -> list[Choice]:
        """The pipeline on host objects: what the engine must equal."""
        decision.deplete = self.deplete
        hosts: Sequence[HostState] = decision.offered()
        set_aside: SetAside = ()
        choices: list[Choice] = []
        for index in range(len(decision.uuids)):
            spec = decision.spec_for(index, choices)
            filtered = self._filtered(hosts, set_aside, spec, index, decision)
            ranked = self._ranked(filtered, spec, decision)
            if not ranked:
                raise self._refusal(filtered, index, choices, decision)
            (taken,) = self._checked("deplete", [self.deplete(ranked[0].obj, spec)], HostState)
            choices.append(decision.choice(spec, ranked, taken, filtered.steps))
            hosts, set_aside = [taken, *(other.obj for other in ranked[1:])], filtered.set_aside
        if decision.alternates and len(choices) > 1:
            # Once more, now that everything is depleted: alternates are what would be left.
            index = len(choices) - 1
            spec = decision.spec_for(index, choices)
            filtered = self._filtered(hosts, set_aside, spec, index, decision)
            decision.left = [one.obj for one in self._ranked(filtered, spec, decision)]
        return choices

    def _filtered(
        self, hosts: Sequence[HostState], set_aside: SetAside, spec: RequestSpec, index: int, decision: Decision
    ) -> Filtered:
        """Narrow and filter the hosts, and those set aside that may come back now; with all steps."""
        back, still_aside = self._filter_handler.returning(set_aside, spec, index)
        offered = [*hosts, *back]
        narrowed = self._as_filtered("narrow", offered, self.narrow(offered, spec))
        outer = _filtering.passed
        try:
            _filtering.passed = None
            passed = self._as_filtered("filter", narrowed, self.filter(narrowed, spec, index, decision.filters))
        finally:
            _filtering.passed = outer
        steps = (*narrowed.steps, *steps_of_set_aside(still_aside, narrowed), *passed.steps)
        return Filtered(passed, steps, (*still_aside, *passed.set_aside))

    def _ranked(self, filtered: Filtered, spec: RequestSpec, decision: Decision) -> list[WeighedHost]:
        """Weigh the hosts and select one, which is the first."""
        weighed = self._checked("weigh", self.weigh(filtered, spec), WeighedHost)
        return self._checked("select", self.select(weighed, decision.random), WeighedHost)

    def _refusal(self, filtered: Filtered, index: int, choices: list[Choice], decision: Decision) -> NoValidHost:
        """The error for an instance without a host; a driver may have dropped all that the filters left."""
        dropped = Filtered.of(filtered, (), type(self).__name__) if filtered else filtered
        return decision.refusal(index, functools.partial(tuple, decision.named(dropped.steps)), choices)

    def _as_filtered(self, step: str, before: Sequence[HostState], after: Sequence[HostState]) -> Filtered:
        """The hosts with their steps; what an overridden step drops without a word is the driver's own."""
        if isinstance(after, Filtered):
            return after
        self._checked(step, after, HostState)
        passed = _filtering.passed if step == "filter" else None
        if passed is not None and _are_among(after, passed):
            # The driver asked the filters, and made a list of its own of what they left.
            is_all = len(after) == len(passed)
            name = type(self).__name__
            return Filtered(after, passed.steps, passed.set_aside) if is_all else Filtered.of(passed, after, name)
        # A driver may also bring hosts in; then there is no count that tells who went.
        is_part = len(after) < len(before) and _are_among(after, before)
        found = Filtered.of(list(before), after, type(self).__name__) if is_part else Filtered(after)
        if passed is not None:
            here = set(map(id, after))
            found.set_aside = tuple(one for one in passed.set_aside if id(one[1]) not in here)
        return found

    def _checked(self, step: str, answer: Any, kind: type[_T]) -> list[_T]:
        """What a step returned. Raises InvalidAnswer if it is no list of these."""
        wrong: Any = answer if isinstance(answer, str) or not isinstance(answer, Sequence) else ()
        if wrong == () and not all(isinstance(one, kind) for one in answer):
            wrong = next(one for one in answer if not isinstance(one, kind))
        if wrong != ():
            one = f"a {kind.__name__}" if step == "deplete" else f"a list of {kind.__name__}"
            name = type(self).__name__
            raise InvalidAnswer(
                f"{name}.{step} must return {one}, and returned {shown(wrong)}", plugin=name, method=step, value=wrong
            )
        return list(answer)

    def narrow(self, hosts: Sequence[HostState], spec: RequestSpec) -> Sequence[HostState]:
        """The hosts that the request itself allows: destination, ignored and forced hosts."""
        return Filtered(narrowing.narrow(hosts, spec), excluded_steps(hosts, spec))

    def filter(
        self, hosts: Sequence[HostState], spec: RequestSpec, index: int, filters: Sequence[Any]
    ) -> Sequence[HostState]:
        """The hosts that pass every filter, in their order."""
        if narrowing.skips_filters(spec):
            return Filtered(hosts)
        passed = self._filter_handler.get_filtered_objects(filters, hosts, spec, index)
        if passed is None:
            return Filtered(())
        _filtering.passed = passed
        return passed

    def weigh(self, hosts: Sequence[HostState], spec: RequestSpec) -> list[WeighedHost]:
        """The hosts with their weights, highest first; equal ones keep their order."""
        return self._weight_handler.get_weighed_objects(self.weighers, hosts, spec)

    def select(self, ranked: Sequence[WeighedHost], chance: Callable[[], random.Random]) -> list[WeighedHost]:
        """The ranking with the chosen host first.

        chance : gives the decision's random generator. It is drawn from only where there is a
            choice: one shuffle of the tied if they are shuffled, one draw among the first
            `host_subset_size`.
        """
        order = list(ranked)
        bring_forward(order, self._draw([one.weight for one in order], chance))
        return order

    def deplete(self, host: HostState, spec: RequestSpec) -> HostState:
        """A copy of the host without what one instance of the request takes."""
        taken = depleted(host, spec)
        if self._takes_whole_nodes and not isinstance(taken, BareMetalHost) and is_given_whole(taken):
            take_whole(taken)
        return taken
