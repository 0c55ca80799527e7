"""Near misses: the refused hosts that came nearest, asking filters about as few hosts as can be.

What columns say of all refused hosts gives each a lower bound: at least so many filters refuse it,
and at least that share is missing. Hosts are asked in order of their bounds, until no other host
can come before those found. So the answer is the same as if every host had been asked.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, NotColumnarError, NotVectorizable
from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.candidates import Rows
from filtersched.engine.decision import Choice, Decision
from filtersched.engine.filtering import FilterRunner
from filtersched.engine.plugin_evaluator import PluginEvaluator
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import best_first
from filtersched.errors import UndeclaredRead
from filtersched.filters.base import BaseHostFilter, says_of_reason
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.look_ups import rows_of_node
from filtersched.hosts.narrowing import skips_filters
from filtersched.results.explanation import MOST_ASKED, distance
from filtersched.results.filter_step import FilterStep
from filtersched.results.verdict import HostVerdicts, Shortage

_Floats = NDArray[np.float64]
_Counts = NDArray[np.int32]


def nearest_misses(
    rows: HostRows,
    cache: AnswerCache,
    filters: Sequence[FilterRunner],
    decision: Decision,
    index: int,
    choices: Sequence[Choice],
    steps: Sequence[FilterStep],
    wanted: int,
) -> list[HostVerdicts]:
    """The nearest `wanted` of the hosts that these steps refused, nearest first.

    rows, cache : of the decision's hosts, as they are now.
    filters : of the decision.
    index, choices : the instance that the explanation is about, and the hosts chosen so far.
    """
    refused = _refused_rows(rows, steps)
    spec = decision.spec_asked(index, choices)
    bounds = _Bounds(rows, cache, RequestKeys(spec, rows), refused)
    # Chosen hosts are asked in another state than that of their rows: nothing is known of them.
    others = [*(one.host.host for one in choices[:index]), *(host for host, _node in decision.without)]
    taken = [row for name in others for row in rows.rows_named(name)]
    counts, shares = bounds.of([] if skips_filters(spec) else filters, unknown=taken)
    found: list[tuple[tuple[int, float], int, HostVerdicts]] = []
    for place in _in_order(counts, shares):
        row = int(refused[place])
        if len(found) >= wanted and found[wanted - 1][:2] < ((int(counts[place]), float(shares[place])), row):
            break
        passed = () if row in taken else bounds.passed_by(place)
        verdicts = decision.ask(rows.host(row), index, choices, passed)
        if verdicts.refused_by:
            bisect.insort(found, (distance(verdicts), row, verdicts))
            del found[wanted:]
    return [verdicts for _distance, _row, verdicts in found]


def _refused_rows(rows: HostRows, steps: Sequence[FilterStep]) -> Rows:
    """The rows of the refused hosts that are compared, ascending: those first that the last filters refused."""
    names = rows.host_names()
    refused = np.zeros(len(rows), dtype=np.bool_)
    left = MOST_ASKED
    for step in reversed(steps):
        if step.before == step.after:
            continue
        if step.rows is not None and step.rows.names is names:
            part = step.rows.rows()[:left]
            left -= len(part)
        else:
            nodes = step.dropped()[:left]
            left -= len(nodes)
            part = np.array([row for node in nodes for row in rows_of_node(rows, *node)], dtype=np.intp)
        refused[part] = True
        if left <= 0:
            break
    return np.flatnonzero(refused)


class _Bounds:
    """What columns say of the refused hosts.

    refused : the rows that it is about; arrays below are (n_refused,), one value each.
    """

    def __init__(self, rows: HostRows, cache: AnswerCache, request: RequestKeys, refused: Rows) -> None:
        self._rows = rows
        self._cache = cache
        self._request = request
        self._refused = refused
        self._are_all = len(refused) == len(rows)
        # By the id of a filter: which of the hosts pass it, or True for all.
        self._known: dict[int, Any] = {}

    def of(self, filters: Sequence[FilterRunner], *, unknown: Sequence[int]) -> tuple[_Counts, _Floats]:
        """By how many filters each host is refused at least, and what share is missing at least.

        unknown : rows of which nothing is known.
        """
        counts = np.zeros(len(self._refused), dtype=np.int32)
        shares = np.zeros(len(self._refused), dtype=np.float64)
        for runner in filters:
            passes = self._passes(runner)
            if passes is True or isinstance(passes, np.ndarray):
                self._known[id(runner.plugin)] = passes
            if passes is None or passes is True:
                continue
            share = self._shares(runner.plugin)
            # Added up filter by filter, as HostVerdicts.missing_share does: the sums are the same.
            if isinstance(passes, np.ndarray):
                counts += ~passes
                shares += np.where(passes, 0.0, share)
            else:
                counts += 1
                shares += share
        if unknown:
            where = np.isin(self._refused, unknown)
            counts[where] = 0
            shares[where] = 0.0
        return counts, shares

    def passed_by(self, place: int) -> list[int]:
        """The ids of the filters that are known to pass a host, whose state is that of its row."""
        return [name for name, passes in self._known.items() if passes is True or passes[place]]

    def _passes(self, runner: FilterRunner) -> NDArray[np.bool_] | bool | None:
        """Which of the hosts pass, or one verdict for all; None if only the filter itself can tell."""
        if runner.evaluator is None:
            return None
        try:
            if self._request.is_rebuild and not runner.plugin.asked_about(self._request.spec):
                return True
            found = runner.cached(self._cache, self._request, _nobody)
        except Exception:
            # The boundary to the plug-in: it is asked host by host, where what it raises is a verdict.
            return None
        if not isinstance(found, np.ndarray):
            return None if found is None else bool(found)
        passes = self._of_refused(found)
        return True if passes.all() else passes

    def _shares(self, plugin: BaseHostFilter) -> _Floats | float:
        """The missing share of every host that the filter refuses, or a bound for all; none is below zero."""
        if says_of_reason(plugin, "reason_is_text"):
            return 1.0
        if not says_of_reason(plugin, "reason_is_columnar"):
            return 0.0
        try:
            evaluator = PluginEvaluator(plugin, plugin.rejection_reason, None)
            reason = evaluator.evaluate_columns(self._rows, self._request).answer
            share = _share(reason)
        except (NotVectorizable, NotColumnarError, UndeclaredRead):
            return 0.0
        return self._of_refused(share) if isinstance(share, np.ndarray) else share

    def _of_refused(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values of the refused hosts, of all those by row."""
        return values if self._are_all else values.take(self._refused)


def _nobody() -> Rows:
    """No candidates: what a filter raises about a host is one of its verdicts."""
    return np.zeros(0, dtype=np.intp)


def _share(reason: Any) -> Any:
    """The missing share of a reason on columns: (n_rows,), or one for all. Raises NotVectorizable."""
    if type(reason) is not Shortage or type(reason.need) not in (int, float):
        return 0.0
    have: Any = reason.have
    if type(have) is not Column:
        return max(0.0, reason.share)
    if not reason.need > 0:
        return np.inf
    # Not a number is no bound.
    return np.fmax(((reason.need - have) / reason.need).values, 0.0)


def _in_order(counts: _Counts, shares: _Floats) -> Iterator[int]:
    """The places in order of counts, then shares, then place."""
    for count in np.flatnonzero(np.bincount(counts)).tolist():
        yield from best_first(counts == count, -shares)
