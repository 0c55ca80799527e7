"""SetAside: the rows that a filter refused for one instance and may pass for a later one of the request.

The plain loop has the same: `HostFilterHandler.returning`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.candidates import Candidates, Mask, Rows
from filtersched.engine.filtering import FilterRunner
from filtersched.engine.overlay import Overlay
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.steps import step
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_rows import HostRows
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep


class SetAside:
    """Rows in the order in which they were set aside, each with the filter that refused it."""

    def __init__(self, rows: HostRows, names: HostNames) -> None:
        self._pool = rows
        self._names = names
        # In order; a new list where some leave, so that a part of the old one stays as it was.
        self._entries: list[tuple[FilterRunner, Rows]] = []
        self._masks: dict[FilterRunner, Mask] = {}
        # The places of the entries of this instance, whose rows the filters behind are still to see.
        self._new = 0
        self.count: int = 0

    def begin(self) -> None:
        """Begin with another instance."""
        self._new = len(self._entries)

    def add(self, runner: FilterRunner, rows: Rows) -> None:
        """Set rows aside, given in list order."""
        if len(rows):
            self._entries.append((runner, rows))
            self.count += len(rows)
            self._mask_of(runner)[rows] = True

    def _mask_of(self, runner: FilterRunner) -> Mask:
        mask = self._masks.get(runner)
        if mask is None:
            mask = self._masks[runner] = np.zeros(len(self._pool), dtype=np.bool_)
        return mask

    def ask(
        self, runner: FilterRunner, overlay: Overlay, cache: AnswerCache, request: RequestKeys, index: int
    ) -> None:
        """Let a filter that skips the next instance refuse for good what was set aside for this one."""
        if self._new == len(self._entries) or runner.plugin.run_filter_for_index(index + 1):
            return
        entries = self._entries[: self._new]
        for by, rows in self._entries[self._new :]:
            left = runner.remaining(overlay, cache, request, Candidates(len(self._pool), order=rows))
            entries.append((by, left.rows()))
        self._replace(entries)

    def _replace(self, entries: list[tuple[FilterRunner, Rows]]) -> None:
        self._entries = []
        self._masks = {}
        self.count = 0
        for runner, rows in entries:
            self.add(runner, rows)

    def returning(self, overlay: Overlay, request: RequestKeys, index: int, before: RequestSpec) -> list[int]:
        """The rows that their filter passes now, which are no longer set aside.

        before : the request of the instance before.
        """
        passed: dict[FilterRunner, Mask] = {}
        for runner, mask in self._masks.items():
            if not runner.plugin.run_filter_for_index(index):
                continue
            if runner.asks_alike and runner.refused_since(overlay, before, request) is not None:
                # It passes no host that it did not pass for the instance before.
                continue
            passes = runner.passing(mask, overlay, request)
            if passes.any():
                passed[runner] = passes
        if not passed:
            return []
        back: list[int] = []
        stay: list[tuple[FilterRunner, Rows]] = []
        for runner, rows in self._entries:
            found = passed.get(runner)
            comes = np.zeros(len(rows), dtype=np.bool_) if found is None else found[rows]
            back += rows[comes].tolist()
            stay.append((runner, rows[~comes]))
        self._replace(stay)
        return back

    def steps(self, left: int) -> Callable[[], Sequence[FilterStep]]:
        """One step for each filter that has set hosts aside, where so many are left; made when they are read."""
        return functools.partial(_steps, self._names, self._entries, len(self._entries), left)


def _steps(
    names: HostNames, entries: Sequence[tuple[FilterRunner, Rows]], count: int, left: int
) -> list[FilterStep]:
    by_filter: dict[str, list[Rows]] = {}
    for runner, rows in entries[:count]:
        by_filter.setdefault(runner.name, []).append(rows)
    before = left + sum(len(rows) for _runner, rows in entries[:count])
    steps = []
    for name, parts in by_filter.items():
        after = before - sum(map(len, parts))
        steps.append(step(name, before, after, names, functools.partial(np.concatenate, parts), is_final=False))
        before = after
    return steps
