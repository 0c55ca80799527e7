"""PendingRequests: requests that wait for hosts, tried again when a change may help them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from filtersched.errors import InvalidRequest, must_be
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import sealed
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.base import Scheduler
from filtersched.schedulers.obstacles import Obstacle, obstacles_of


@dataclass(eq=False)
class PendingRequest:
    """A request that waits, or waited.

    priority : higher ones are tried first; among equals the one that waits longest.
    filters, profile : as of `Scheduler.place`.
    since : when it was added, by the pool's clock.
    tries : how often it was tried.
    passed : how often a request behind it was placed while it was refused.
    problem : why the last try failed: NoValidHost, or what a plug-in raised. None before the first.
    """

    spec: RequestSpec
    priority: int = 0
    filters: FiltersGiven | None = None
    profile: str | None = None
    since: datetime | None = None
    tries: int = 0
    passed: int = 0
    problem: Exception | None = None
    _number: int = field(default=-1, init=False, repr=False)
    # What keeps it from being placed, and of how many changes of the pool that tells.
    _obstacles: Sequence[Obstacle] = field(default=(), init=False, repr=False)
    _as_of: int = field(default=-1, init=False, repr=False)
    # The hosts that were held for others when it was tried.
    _kept_off: frozenset[str] = field(default=frozenset(), init=False, repr=False)

    def __str__(self) -> str:
        return "not tried yet" if self.problem is None else str(self.problem)


class Placed(NamedTuple):
    """A request that waits no longer, and where it was placed."""

    request: PendingRequest
    selections: list[Selection]


class PendingRequests:
    """Requests that no host could take yet. The caller decides when they are tried: `run()`.

    A request that was refused is tried again only when something has changed that may let it pass:
    an attribute that a filter reads of a host that it refused. Filters say what they read in
    `host_reads`; for one that says nothing any change of any host may help, and time alone for none.

    hold_after : how often a request may be passed before its nearest hosts are held for it: those
        behind it cannot have them until it is placed. None never holds. Only requests that wait here
        are kept off.
    """

    def __init__(self, scheduler: Scheduler, pool: HostPool, *, hold_after: int | None = None) -> None:
        if hold_after is not None and (type(hold_after) is not int or hold_after < 1):
            said = must_be("hold_after", "None, or a whole number above 0", hold_after)
            raise InvalidRequest(said, field="hold_after", value=hold_after)
        if not isinstance(pool, HostPool):
            raise InvalidRequest(must_be("pool", "a HostPool", pool), field="pool", value=pool)
        self.scheduler = scheduler
        self.pool = pool
        self.hold_after = hold_after
        self._waiting: dict[int, PendingRequest] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[PendingRequest]:
        """The requests that wait, in the order in which they are tried."""
        return iter(sorted(self._waiting.values(), key=lambda one: (-one.priority, one._number)))

    def __contains__(self, request: object) -> bool:
        return isinstance(request, PendingRequest) and self._waiting.get(request._number) is request

    def add(
        self,
        spec: RequestSpec,
        *,
        priority: int = 0,
        filters: FiltersGiven | None = None,
        profile: str | None = None,
    ) -> PendingRequest:
        """Let a request wait; the next run tries it.

        Raises InvalidRequest, and PluginNotFound for a filter that is not available.
        """
        if not isinstance(spec, RequestSpec):
            raise InvalidRequest(must_be("spec", "a RequestSpec", spec), field="spec", value=spec)
        if type(priority) is not int:
            said = must_be("priority", "a whole number", priority)
            raise InvalidRequest(said, field="priority", value=priority)
        scheduler = self.scheduler._deciding(spec, profile)
        if filters is not None:
            scheduler._filters_named(filters)
        request = PendingRequest(spec.copy(), priority, filters, profile, self.pool.clock())
        request._number = next(self._numbers)
        self._waiting[request._number] = request
        return request

    def cancel(self, request: PendingRequest) -> None:
        """Take a request out. Raises InvalidRequest for one that does not wait."""
        if request not in self:
            raise InvalidRequest("the request does not wait here; it was placed or cancelled", field="request")
        del self._waiting[request._number]

    def run(self, *, all_requests: bool = False) -> list[Placed]:
        """Try the requests that a change since their last try may help, and place those that pass.

        all_requests : try every one, as after a change outside of the pool that filters depend on.

        Returns those that were placed, in order. A request whose try raises waits on, and keeps the
        exception as its `problem`.
        """
        placed: list[Placed] = []
        held: set[str] = set()
        ahead: list[PendingRequest] = []
        for request in list(self):
            kept_off = frozenset(held)
            if all_requests or self.pool.run(self._may_be_helped, request, kept_off):
                selections = self._try(request, kept_off)
                if selections is not None:
                    placed.append(Placed(request, selections))
                    for one in ahead:
                        one.passed += 1
                        held |= self._held_for(one)
                    continue
            ahead.append(request)
            held |= self._held_for(request)
        return placed

    def _may_be_helped(self, request: PendingRequest, kept_off: frozenset[str]) -> bool:
        """Whether another try may end in another way. Called under the pool's lock."""
        rows = self.pool.rows
        if request._as_of < 0 or not request._kept_off <= kept_off:
            return True
        now = self._time_of(request)
        as_of, spec = request._as_of, request.spec
        if sealed(lambda: any(one.may_be_gone(rows, as_of, now, spec) for one in request._obstacles)):
            return True
        request._as_of = rows.change_count
        return False

    def _try(self, request: PendingRequest, kept_off: frozenset[str]) -> list[Selection] | None:
        spec = request.spec
        if kept_off:
            spec = spec.copy()
            spec.ignore_hosts = [*(spec.ignore_hosts or ()), *sorted(kept_off)]
        request.tries += 1
        request._kept_off = kept_off
        request._as_of = self.pool.run(lambda: self.pool.rows.change_count)
        now = self._time_of(request)
        try:
            selections = self.scheduler.place(spec, self.pool, filters=request.filters, profile=request.profile)
        except Exception as problem:
            # The boundary to plug-ins: the others wait too.
            request.problem = problem
            scheduler = self.scheduler._deciding(spec, request.profile)
            filters = scheduler._filters_named(request.filters) if scheduler.filters else None
            request._obstacles = self.pool.run(obstacles_of, problem, filters, spec, self.pool, now)
            return None
        del self._waiting[request._number]
        return selections

    def _time_of(self, request: PendingRequest) -> datetime:
        now: datetime = request.spec.__dict__.get("now") or self.pool.clock()
        return now

    def _held_for(self, request: PendingRequest) -> set[str]:
        """The hosts that nobody behind the request may have: as many as it has instances, the nearest ones."""
        if self.hold_after is None or request.passed < self.hold_after or not isinstance(request.problem, NoValidHost):
            return set()
        nearest = request.problem.explanation.near_misses(request.problem.num_instances)
        return {miss.host for miss in nearest[: request.problem.num_instances]}
