"""The fast path: the decisions of the plain handlers, bit for bit. Private to the library.

May import: filters, weighers, plugins, results, hosts, requests, columns, errors.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.decision import Choice, Decision
from filtersched.engine.draw import Draw
from filtersched.engine.fallback import NeedAllHosts, UseHandlers
from filtersched.engine.filtering import FilterRunner, Runners
from filtersched.engine.latest import Latest
from filtersched.engine.near_misses import nearest_misses
from filtersched.engine.pool_cache import PoolCache
from filtersched.engine.room_ahead import room_ahead
from filtersched.engine.run import Run
from filtersched.engine.weighing import WeigherRunner
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.results.filter_step import FilterStep
from filtersched.results.verdict import HostVerdicts
from filtersched.weighers.base import BaseWeigher

_NODE = attrgetter("host", "nodename")
_LISTS, _MOST_FILTERS = 16, 256

__all__ = ["Engine", "UseHandlers"]


class Engine:
    """Makes the decisions of one scheduler and caches what it computes per pool.

    trim_from : how many hosts make a list worth trimming.
    """

    trim_from = 100_000

    def __init__(self, weighers: Sequence[BaseWeigher], *, draw: Draw, normalizes: bool = True) -> None:
        """normalizes : as of HostWeightHandler."""
        self._weighers = [WeigherRunner(weigher, normalizes=normalizes) for weigher in weighers]
        self._draw = draw
        self._can_reweigh_one_host = draw.top is not None and all(one.can_reweigh_one_host for one in self._weighers)
        # By identity: a plug-in may define equality without a hash.
        self._filters: dict[int, FilterRunner] = {}
        self._runners: Latest[Runners] = Latest(_LISTS)
        self._caches: weakref.WeakKeyDictionary[HostRows, PoolCache] = weakref.WeakKeyDictionary()

    def choices(self, decision: Decision) -> list[Choice]:
        """One choice per instance, the same that the plain loop makes.

        Raises UseHandlers where only the plain loop can tell; then nothing has been changed.
        """
        try:
            return self._run(decision, self.trim_from).decide()
        except NeedAllHosts:
            decision.start_over()
            return self._run(decision, sys.maxsize).decide()
        except StopIteration:
            # A plug-in raised it; in the handlers' generators it surfaces as another exception.
            raise UseHandlers from None

    def count(self, decision: Decision) -> int:
        """How many hosts pass all filters for the first instance. Raises UseHandlers as `choices` does."""
        try:
            return self._run(decision, self.trim_from).count()
        except StopIteration:
            raise UseHandlers from None

    def room_ahead(self, decision: Decision, uuids: Sequence[str]) -> tuple[HostRows, NDArray[np.float64]]:
        """How many of the instances fit on each host alone, by row; 0 where filters refuse the first of them.

        Raises UseHandlers as `choices` does, and where hosts must be tried one by one.
        """
        if decision.without:
            raise UseHandlers
        try:
            run = self._run(decision, self.trim_from)
            run.count()
        except StopIteration:
            raise UseHandlers from None
        spec = decision.spec_for(0, ())
        return run.rows, room_ahead(run.rows, run.filters, spec, uuids, run.candidates.as_mask())

    def _run(self, decision: Decision, trim_from: int) -> Run:
        rows, cache = self._rows_of(decision)
        return Run(
            decision,
            rows,
            cache,
            self._runners_of(decision.filters),
            self._weighers,
            draw=self._draw,
            trim_from=trim_from,
            can_reweigh_one_host=self._can_reweigh_one_host,
        )

    def nearest_misses(
        self, decision: Decision, index: int, choices: Sequence[Choice], steps: Sequence[FilterStep], wanted: int
    ) -> list[HostVerdicts]:
        """The hosts that came nearest of those that these steps of a decision refused, as they are now."""
        hosts = decision.hosts
        filters = self._runners_of(decision.filters)

        def find() -> list[HostVerdicts]:
            if isinstance(hosts, HostPool):
                rows, cache = self._rows_of(decision)
                return nearest_misses(rows, cache.answers, filters, decision, index, choices, steps, wanted)
            rows = HostRows(hosts)
            return nearest_misses(rows, AnswerCache(rows), filters, decision, index, choices, steps, wanted)

        return hosts.run(find) if isinstance(hosts, HostPool) else undisturbed(hosts, find)

    def _rows_of(self, decision: Decision) -> tuple[HostRows, PoolCache]:
        hosts = decision.hosts
        if not isinstance(hosts, HostPool):
            rows = HostRows(hosts)
            if decision.names.several and len(set(map(_NODE, hosts))) < len(hosts):
                raise UseHandlers
            return rows, PoolCache(rows)
        cache = self._caches.get(hosts.rows)
        if cache is None:
            # A weak reference, so that the cache doesn't keep the pool alive.
            cache = self._caches[hosts.rows] = PoolCache(weakref.proxy(hosts.rows))
        cache.catch_up()
        return hosts.rows, cache

    def _runners_of(self, filters: Sequence[BaseHostFilter]) -> Runners:
        """The runners of these filters. Decisions with the same filters share them."""
        names = tuple(map(id, filters))
        found = self._runners.find(names)
        if found is None:
            if len(self._filters) > _MOST_FILTERS:
                # A program makes filters anew for each request: let those of earlier ones go.
                self._filters.clear()
            for plugin in filters:
                if id(plugin) not in self._filters:
                    self._filters[id(plugin)] = FilterRunner(plugin)
            found = self._runners.keep(names, Runners(map(self._filters.__getitem__, names)))
        return found
