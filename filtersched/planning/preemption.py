"""plan_preemption: which instances would have to give way to a request that is refused."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from filtersched.columns.plain_data import FORMAT_VERSION
from filtersched.errors import InvalidRequest, must_be
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.core_filter import CoreFilter
from filtersched.filters.disk_filter import DiskFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.hosts.host_names import called
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.hosts.host_state import HostState
from filtersched.loading import FiltersGiven
from filtersched.planning.amounts import Floats, amounts_of, amounts_of_hosts, ratios_of
from filtersched.planning.trial_moves import check_planned, undone
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.schedulers.one_host import ask_host

# Of so many instances that may give way every set is tried; of more only those on one host.
_FEW = 10
# So many sets are tried on one host.
_SETS = 20_000
_LONG_AGO = datetime(1, 1, 1)

# The highest priority among the victims, how many they are, all priorities, and how old, the oldest first.
_Cost = tuple[int, int, tuple[int, ...], tuple[float, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Victim:
    """An instance that would have to go."""

    #: Its uuid.
    instance_uuid: str
    #: Its host.
    host: str
    #: The node of the host.
    nodename: str
    #: Its priority.
    priority: int
    #: When it was placed, naive UTC; None if that is not known.
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class PreemptionPlan:
    """The instances that would have to go for a request; nothing is released."""

    #: Whether the request passes once the victims are gone; without victims: whether it passes now.
    reached: bool
    #: The instances, the lowest priority first, and of equal ones the youngest.
    victims: tuple[Victim, ...]
    #: Where the instances of the request would go, in order.
    hosts: tuple[str, ...]
    #: Why the request is refused now, and where no victims help, why they don't; "" where it passes.
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data with a version number."""
        victims = [
            {**asdict(one), "created_at": None if one.created_at is None else one.created_at.isoformat()}
            for one in self.victims
        ]
        return {
            "version": FORMAT_VERSION,
            "reached": self.reached,
            "victims": victims,
            "hosts": list(self.hosts),
            "reason": self.reason,
        }

    def __str__(self) -> str:
        if not self.reached:
            return self.reason
        if not self.victims:
            return "The request passes without victims."
        return f"{', '.join(one.instance_uuid for one in self.victims)} would give way."


def plan_preemption(
    scheduler: FilterScheduler,
    spec: RequestSpec,
    pool: HostPool,
    *,
    priority: int,
    filters: FiltersGiven | None = None,
) -> PreemptionPlan:
    """The cheapest instances of lower priority that would have to go for a request to pass. Nothing changes.

    priority : that of the request; only instances below it may be victims. Those whose flavor is unknown, and
        places that are reserved, never are.
    filters : as of `select_destinations`.

    A set of victims is cheaper if its highest priority is lower; then if it has fewer victims; then if the second
    highest priority is lower, and so on; then if its oldest victim is younger, and so on. Of up to 10 possible
    victims every set is tried. Of more, those on one host are tried for one instance of the request after another,
    which for several instances may not be the cheapest.
    """
    check_planned(scheduler, pool)
    if not isinstance(spec, RequestSpec):
        raise InvalidRequest(must_be("spec", "a RequestSpec", spec), field="spec", value=spec)
    if type(priority) is not int:
        raise InvalidRequest(must_be("priority", "a whole number", priority), field="priority", value=priority)
    planner = _Preemption(scheduler.profiles.of(spec, None), spec, pool, priority, filters)
    return undone(pool, planner.plan)


class _TakenBack(Exception):
    """Ends a trial."""


class _Preemption:
    def __init__(
        self,
        scheduler: FilterScheduler,
        spec: RequestSpec,
        pool: HostPool,
        priority: int,
        filters: FiltersGiven | None,
    ) -> None:
        self._scheduler = scheduler
        self._spec = spec
        self._pool = pool
        self._priority = priority
        self._given = filters
        self._filters: Sequence[BaseHostFilter] = (
            scheduler.catalog.enabled if filters is None else scheduler.catalog.get(filters)
        )
        self._several = pool.rows.host_names().several
        # Instances of the request itself, which are placed for trial.
        self._own: set[str] = set()

    def plan(self) -> PreemptionPlan:
        """The plan, made within a transaction that is undone."""
        now = self._placed()
        if not isinstance(now, NoValidHost):
            return PreemptionPlan(True, (), now, "")
        candidates = self._candidates()
        if not candidates:
            why = f"No instance has a priority below {self._priority}, so none can give way. {now}"
            return PreemptionPlan(False, (), (), why)
        if len(candidates) <= _FEW:
            victims: Sequence[Victim] | None = next(filter(self._passes_without, _by_cost(candidates)), None)
        else:
            victims = self._one_after_another()
        if victims is None:
            without_all = self._without([one.instance_uuid for one in candidates], self._placed)
            why = f"No set of the {len(candidates):,} instances below priority {self._priority} makes room."
            if isinstance(without_all, NoValidHost):
                why += f" Even without all of them: {without_all}"
            return PreemptionPlan(False, (), (), why)
        found = self._without([one.instance_uuid for one in victims], self._placed)
        assert not isinstance(found, NoValidHost)
        order = sorted(victims, key=lambda one: (one.priority, -_age(one), one.instance_uuid))
        return PreemptionPlan(True, tuple(order), found, str(now))

    def _placed(self) -> tuple[str, ...] | NoValidHost:
        """Where the request would go now, or why it goes nowhere."""
        try:
            found = self._scheduler.select_destinations(self._spec, self._pool, filters=self._given, seed=0)
        except NoValidHost as refusal:
            str(refusal)  # worked out while the pool is as it was
            return refusal
        return tuple(called((one.host, one.nodename), self._several) for one in found)

    def _candidates(self) -> list[Victim]:
        held = {uuid for one in self._pool.reservations.values() for uuid in one.instance_uuids}
        return [one for host in self._pool for one in self._on(host) if one.instance_uuid not in held]

    def _on(self, host: HostState) -> list[Victim]:
        """The instances of a host that may be victims."""
        if not type(host).releases_instances():
            return []
        name = called((host.host, host.nodename), self._several)
        return [
            Victim(uuid, name, host.nodename, one.priority, one.created_at)
            for uuid, one in host.instances.items()
            if one.priority < self._priority and one.flavor is not None and uuid not in self._own
        ]

    def _without(self, uuids: Sequence[str], ask: Callable[[], Any]) -> Any:
        """What `ask` says while these instances are gone."""
        answer: Any = None

        def run() -> None:
            nonlocal answer
            self._pool.release(uuids)
            answer = ask()
            raise _TakenBack

        with contextlib.suppress(_TakenBack):
            self._pool.transaction(run)
        return answer

    def _passes_without(self, victims: Sequence[Victim]) -> bool:
        found = self._without([one.instance_uuid for one in victims], self._placed)
        return not isinstance(found, NoValidHost)

    # -- large pools -------------------------------------------------------------------------

    def _one_after_another(self) -> list[Victim] | None:
        """The victims for one instance of the request after another, each on one host; None if one finds no place."""
        victims: list[Victim] = []

        def run() -> bool:
            spec = self._spec.copy()
            spec.num_instances, spec.instance_uuid, spec.instance_uuids = 1, None, ()
            for _index in range(self._spec.num_instances):
                if not self._place_one(spec):
                    found = self._cheapest_on_one_host(spec)
                    if found is None:
                        return False
                    self._pool.release([one.instance_uuid for one in found])
                    victims.extend(found)
                    if not self._place_one(spec):
                        return False
            return True

        succeeded = self._without([], run)
        return victims if succeeded and self._passes_without(victims) else None

    def _place_one(self, spec: RequestSpec) -> bool:
        try:
            placed = self._scheduler.place(spec, self._pool, filters=self._given, seed=0)
        except NoValidHost:
            return False
        self._own.update(one.instance_uuid for one in placed)
        return True

    def _cheapest_on_one_host(self, spec: RequestSpec) -> Sequence[Victim] | None:
        best: Sequence[Victim] | None = None
        bounds = [(self._bound(host, spec), row, host) for row, host in enumerate(self._pool)]
        for bound, _row, host in sorted((one for one in bounds if one[0] is not None), key=lambda one: one[:2]):
            if best is not None and bound is not None and bound > _cost(best)[:2]:
                break
            found = self._cheapest_on(host, spec, None if best is None else _cost(best))
            if found is not None:
                best = found
        return best

    def _bound(self, host: HostState, spec: RequestSpec) -> tuple[int, int] | None:
        """The least that victims on a host may cost: highest priority and number; None if all of them are too few."""
        victims = self._on(host)
        least = self._least(host, spec, victims) if victims else None
        for highest in sorted({one.priority for one in victims}):
            among = [one for one in victims if one.priority <= highest]
            if least is not None and least(among) <= len(among):
                return highest, least(among)
        return None

    def _least(
        self, host: HostState, spec: RequestSpec, victims: Sequence[Victim]
    ) -> Callable[[Sequence[Victim]], int]:
        """How many of some victims it takes at least, by what filters for memory, CPUs and disk will ask for."""
        short, freed = self._short_and_freed(host, spec, victims)

        def least(among: Sequence[Victim]) -> int:
            most = -np.sort(-np.array([freed[one.instance_uuid] for one in among]), axis=0)
            enough = (np.cumsum(most, axis=0) >= short - 1e-6).all(axis=1)
            return int(np.argmax(enough)) + 1 if enough.any() else len(among) + 1

        return least

    def _cheapest_on(self, host: HostState, spec: RequestSpec, below: _Cost | None) -> Sequence[Victim] | None:
        """The cheapest victims of one host that are cheaper than `below`; None if there are none."""
        victims, key = self._on(host), (host.host, host.nodename)
        passes = functools.partial(self._passes, key, spec)
        if not victims or not self._without([one.instance_uuid for one in victims], passes):
            return None
        short, freed = self._short_and_freed(host, spec, victims)
        for some in itertools.islice(_by_cost(victims, self._least(host, spec, victims)), _SETS):
            if below is not None and _cost(some) >= below:
                return None
            frees = (sum(freed[one.instance_uuid] for one in some) >= short - 1e-6).all()
            if frees and self._without([one.instance_uuid for one in some], passes):
                return some
        return None

    def _passes(self, key: Key, spec: RequestSpec) -> bool:
        asked = ask_host(self._scheduler, spec, self._pool, key, filters=self._filters)
        return asked.passed

    def _short_and_freed(
        self, host: HostState, spec: RequestSpec, victims: Sequence[Victim]
    ) -> tuple[Floats, dict[str, Floats]]:
        """What a host lacks of what the filters for memory, CPUs and disk ask for; what each victim gives back."""
        own = [any(type(one) is kind for one in self._filters) for kind in (RamFilter, CoreFilter, DiskFilter)]
        amounts = amounts_of_hosts([host], ratios_of(self._scheduler))
        limit, used = (np.array([each[name][0] for name in each]) for each in (amounts.limit, amounts.used))
        short: Floats = np.where(own, np.array(amounts_of(spec)) + used - limit, 0.0)
        return short, {one.instance_uuid: np.array(_amounts(host.instances[one.instance_uuid])) for one in victims}


def _amounts(instance: Instance) -> tuple[float, float, float]:
    assert instance.flavor is not None
    return amounts_of(instance.flavor)


def _age(victim: Victim) -> float:
    """A number that is lower for older instances; those of an unknown age count as the oldest."""
    return ((victim.created_at or _LONG_AGO) - _LONG_AGO).total_seconds()


def _cost(victims: Sequence[Victim]) -> _Cost:
    ages = tuple(-age for age in sorted(map(_age, victims)))
    priorities = tuple(sorted((one.priority for one in victims), reverse=True))
    return priorities[0], len(victims), priorities, ages, tuple(sorted(one.instance_uuid for one in victims))


def _by_cost(
    victims: Sequence[Victim], least: Callable[[Sequence[Victim]], int] = lambda _among: 1
) -> Iterator[tuple[Victim, ...]]:
    """All sets of these instances, the cheapest first, of at least so many as `least` says of some."""
    for highest in sorted({one.priority for one in victims}):
        among = [one for one in victims if one.priority <= highest]
        for count in range(least(among), len(among) + 1):
            if count > 1 and len(among) > _FEW:
                yield from _roughly_by_cost(among, count, highest)
                continue
            sets = (some for some in itertools.combinations(among, count) if _highest(some) == highest)
            yield from sorted(sets, key=_cost)


def _highest(victims: Sequence[Victim]) -> int:
    return max(one.priority for one in victims)


def _roughly_by_cost(among: Sequence[Victim], count: int, highest: int) -> Iterator[tuple[Victim, ...]]:
    """Sets of many instances, those of low priority and the youngest first, without sorting them all."""
    youngest = sorted(among, key=lambda one: (one.priority, -_age(one), one.instance_uuid))
    sets = itertools.combinations(youngest, count)
    return (some for some in sets if _highest(some) == highest)
