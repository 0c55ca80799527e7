"""The fast path: the decisions of the plain handlers, bit for bit. Private to the library."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from filtersched.engine.decision import Choice, Decision
from filtersched.engine.filtering import FastFilter, StrangerReturned
from filtersched.engine.kept import Kept
from filtersched.engine.run import Run
from filtersched.engine.trimming import Untrim
from filtersched.engine.weighing import FastWeigher
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.weighers.base import BaseWeigher

_NODE = attrgetter("host", "nodename")

__all__ = ["Engine", "StrangerReturned"]


class Engine:
    """Makes decisions for one scheduler: its weighers, its draws, and what it keeps per pool.

    trim_from : how many hosts make a list worth trimming.
    """

    trim_from = 100_000

    def __init__(self, weighers: Sequence[BaseWeigher], *, shuffle: bool, subset_size: int) -> None:
        self._weighers = [FastWeigher(weigher) for weigher in weighers]
        self._shuffle = shuffle
        self._subset_size = subset_size
        self._is_fast = not shuffle and subset_size <= 1 and all(one.is_fast for one in self._weighers)
        # By identity: whether two of somebody's filters are equal, or have a hash, is not asked.
        self._filters: dict[int, FastFilter] = {}
        self._last: tuple[list[int], list[FastFilter]] = ([], [])
        self._kept: weakref.WeakKeyDictionary[HostRows, Kept] = weakref.WeakKeyDictionary()

    def choices(self, decision: Decision) -> list[Choice]:
        """One choice per instance, the same that the plain loop makes.

        Raises StrangerReturned where only the plain loop can tell; then nothing has been changed.
        """
        rows, kept = self._rows_of(decision.hosts)
        filters = self._fast_list(decision.filters)

        def run(trim_from: int) -> list[Choice]:
            return Run(
                decision,
                rows,
                kept,
                filters,
                self._weighers,
                shuffle=self._shuffle,
                subset_size=self._subset_size,
                trim_from=trim_from,
                is_fast=self._is_fast,
            ).choices_made()

        try:
            return run(self.trim_from)
        except Untrim:
            decision.start_over()
            return run(sys.maxsize)
        except StopIteration:
            # Out of a plug-in; where the handlers are generators it ends as another exception.
            raise StrangerReturned from None

    def _rows_of(self, hosts: Any) -> tuple[HostRows, Kept]:
        if not isinstance(hosts, HostPool):
            rows = HostRows(hosts)
            if len(set(rows.names())) < len(hosts) and len(set(map(_NODE, hosts))) < len(hosts):
                raise StrangerReturned
            return rows, Kept(rows)
        kept = self._kept.get(hosts.rows)
        if kept is None:
            # By a weak reference, so that a pool nobody holds any more goes away.
            kept = self._kept[hosts.rows] = Kept(weakref.proxy(hosts.rows))
        return hosts.rows, kept

    def _fast_list(self, filters: Sequence[BaseHostFilter]) -> list[FastFilter]:
        """The filters of a decision; those of the last one again, if they are the same."""
        names = list(map(id, filters))
        if self._last[0] != names:
            for one in filters:
                if id(one) not in self._filters:
                    self._filters[id(one)] = FastFilter(one)
            self._last = (names, [self._filters[name] for name in names])
        return self._last[1]
