"""Filtering: which rows are left, and who was refused by what."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, NotVectorizable
from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.candidates import Candidates, Rows
from filtersched.engine.fallback import FilteringEnded, UseHandlers
from filtersched.engine.many_choices import Refusals, refusals_in
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import PluginEvaluator, evaluator
from filtersched.engine.questions import Asked, answers_now
from filtersched.engine.request_keys import RequestKeys
from filtersched.filters.base import BaseHostFilter, left_by, truth
from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_names import HostNames, Node
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import asking
from filtersched.plugins.plugin import belongs_to
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep, RowsOf, StepCounts, counts_of

_DEFAULTS = ("filter_all", "_filter_one", "_passing", "asked_about")


class Verdicts:
    """Verdicts as an array's values: by truth value."""

    dtype = np.bool_

    def from_answer(self, answer: Any) -> bool:
        """One host's verdict."""
        return bool(answer)

    def from_answers(self, answers: NDArray[Any]) -> NDArray[np.bool_]:
        """All rows' verdicts."""
        return answers.astype(np.bool_)


class Rooms:
    """How much fits on hosts, as an array's values."""

    dtype = np.float64

    def from_answer(self, answer: Any) -> float:
        """One host's room. Raises NotVectorizable where an array does not hold it exactly."""
        if answer != math.inf and not (type(answer) in (int, float) and -EXACT < answer < EXACT):
            raise NotVectorizable
        return float(answer)

    def from_answers(self, answers: NDArray[Any]) -> NDArray[np.float64]:
        """All rows' room."""
        return answers.astype(np.float64)


_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
_VERDICTS, _ROOMS = Verdicts(), Rooms()


class FilterRunner:
    """A filter and how to ask it; `evaluator` is None for one that is called directly."""

    def __init__(self, plugin: BaseHostFilter) -> None:
        self.plugin = plugin
        self.name: str = type(plugin).__name__
        self.evaluator: PluginEvaluator | None = evaluator(
            plugin, "host_passes", BaseHostFilter, _DEFAULTS, functools.partial(truth, plugin)
        )
        self.verdicts: Asked | None = None if self.evaluator is None else (self.evaluator, _VERDICTS)
        # What a CapacityFilter compares with what is needed; cached for all requests.
        self.room: Asked | None = None
        if isinstance(plugin, CapacityFilter) and _compares_rooms(plugin, self.evaluator):
            room = PluginEvaluator(plugin, lambda host, _spec: plugin.room(host), None, spec_reads=())
            self.room = (room, _ROOMS)
        # Whether it can tell which hosts it refuses from one instance to the next.
        self.tells_new_refusals: bool = self.evaluator is not None and belongs_to(
            type(plugin), "_refused_since", "host_passes"
        )
        # Whether hosts that it refused are not asked about again.
        self.is_final: bool = plugin.refusals_are_final
        # Whether every instance but the first is alike to it.
        self.asks_alike: bool = type(plugin).run_filter_for_index is BaseHostFilter.run_filter_for_index

    def needed(self, request: RequestKeys) -> float | None:
        """What rooms are compared with; None where they don't tell the verdicts."""
        if self.room is None or self.evaluator is None:
            return None
        plugin: Any = self.plugin
        try:
            needed = self.evaluator.of_request(plugin.needed, request)
        except Exception:
            # The boundary to the plug-in: it raises again when it judges a candidate.
            return None
        return needed if type(needed) in (int, float) and -EXACT < needed < EXACT else None

    def remaining(
        self, overlay: Overlay, cache: AnswerCache, request: RequestKeys, candidates: Candidates
    ) -> Candidates:
        """Those of the candidate rows that pass."""
        if self.evaluator is None or self.verdicts is None:
            return self._called(overlay, request, candidates) if candidates.count else candidates
        if not candidates.count or (request.is_rebuild and not self.plugin.asked_about(request.spec)):
            return candidates
        passes: NDArray[np.bool_] | bool | None
        if overlay.depleted:
            passes = self.passes_now(overlay, request)
            if passes is None:
                passes = cache.answers_over(overlay, self.verdicts, request, candidates)
        else:
            passes = self.cached(cache, request, candidates.rows)
        if passes is None:
            ask = self.evaluator.host_evaluator(request)
            passes = np.zeros(candidates.n_rows, dtype=np.bool_)
            for row in candidates.rows().tolist():
                passes[row] = ask(overlay.host(row))
        return candidates.where(passes)

    def cached(
        self, cache: AnswerCache, request: RequestKeys, candidates: Callable[[], Rows]
    ) -> NDArray[np.bool_] | bool | None:
        """The verdicts on all rows, cached from now on; None: ask one by one. The filter is a declared one.

        candidates : as of AnswerCache.answers_for.
        """
        assert self.verdicts is not None
        needed = self.needed(request)
        found = None
        if self.room is not None and needed is not None:
            found = cache.answers_for(self.room, request, candidates)
        if found is None:
            found, needed = cache.answers_for(self.verdicts, request, candidates), None
        return None if found is None else found.passes(needed)

    def passes_now(self, overlay: Overlay, request: RequestKeys) -> NDArray[np.bool_] | bool | None:
        """The verdicts of all rows in the middle of a request, or one for all; None: ask one by one."""
        if self not in request.verdicts:
            request.verdicts[self] = answers_now(self.verdicts, overlay, request)
        found: NDArray[np.bool_] | bool | None = request.verdicts[self]
        return found

    def refused_since(self, overlay: Overlay, before: RequestSpec, request: RequestKeys) -> Sequence[Rows] | None:
        """The rows that are refused now though nothing about their hosts changed since the instance before.

        They are in several parts, with rows that were refused before. None if a row may pass that did not, or
        if the filter cannot tell. The filter ran for both instances.
        """
        if not self.tells_new_refusals:
            return None
        if self in request.new_refusals:
            found: Sequence[Rows] | None = request.new_refusals[self]
            return found
        found = request.new_refusals[self] = self._refused_since(overlay, before, request)
        return found

    def _refused_since(self, overlay: Overlay, before: RequestSpec, request: RequestKeys) -> list[Rows] | None:
        try:
            told = self.plugin._refused_since(before, request.spec)
        except Exception:
            # The boundary to the plug-in: it raises again when it judges a candidate.
            return None
        if told is None or any(overlay.rows.rows_with(uuid) for uuid in told.absent):
            return None
        found: list[Rows] = []
        for domains in told.among:
            rows = domains.rows(overlay.rows) if overlay.is_as_underneath(domains.key.reads) else None
            if rows is None:
                return None
            found += rows
        return found

    def passing(self, mask: NDArray[np.bool_], overlay: Overlay, request: RequestKeys) -> NDArray[np.bool_]:
        """(n_rows,) which of some rows pass, in the middle of a request; each is asked about alone."""
        passes = self.passes_now(overlay, request)
        if passes is not None:
            return mask & passes
        found = np.zeros(len(mask), dtype=np.bool_)
        ask = None if self.evaluator is None else self.evaluator.host_evaluator(request)
        for row in np.flatnonzero(mask).tolist():
            host = overlay.host(row)
            if ask is not None:
                found[row] = ask(host)
                continue
            with asking(self.plugin, 1, request.spec.instance_uuid):
                found[row] = bool(left_by(self.plugin, [host], request.spec))
        return found

    def _called(self, overlay: Overlay, request: RequestKeys, candidates: Candidates) -> Candidates:
        """The rows of the hosts that the filter itself returns, in the order that it returns them."""
        rows = candidates.rows().tolist()
        hosts = [overlay.host(row) for row in rows]
        with asking(self.plugin, len(hosts), request.spec.instance_uuid):
            left = left_by(self.plugin, hosts, request.spec)
        if left is None:
            raise FilteringEnded
        if len(left) == len(hosts) and all(map(_same, left, hosts)):
            return candidates
        return Candidates.of_rows(candidates.n_rows, _rows_of(left, hosts, rows))


class Runners(list[FilterRunner]):
    """Filters in order, and what holds for all of them.

    ask_alike : whether every instance but the first is alike to them.
    are_declared : whether none is called directly.
    """

    def __init__(self, runners: Iterable[FilterRunner]) -> None:
        super().__init__(runners)
        self.ask_alike: bool = all(one.asks_alike for one in self)
        self.are_declared: bool = all(one.evaluator is not None for one in self)


def _compares_rooms(plugin: CapacityFilter, asked: PluginEvaluator | None) -> bool:
    return asked is not None and asked.columnar and type(plugin).host_passes is CapacityFilter.host_passes


def _same(one: object, other: object) -> bool:
    return one is other


def _rows_of(left: list[HostState], hosts: list[HostState], rows: list[int]) -> list[int]:
    place = {id(host): row for host, row in zip(hosts, rows, strict=True)}
    found = [place.get(id(host), -1) for host in left]
    if -1 in found or len(set(found)) < len(found) or len(place) < len(hosts):
        raise UseHandlers
    return found


class Steps:
    """What the filters did for one instance, in numbers until somebody reads it."""

    __slots__ = ()

    def filter_steps(self) -> tuple[FilterStep, ...]:
        """The steps for a person to read."""
        raise NotImplementedError

    def counts(self) -> Sequence[StepCounts]:
        """What counts of them, sooner."""
        return counts_of(self.filter_steps())

    def refused_for_good(self) -> Sequence[Refusals]:
        """Whom they refused for the rest of the request."""
        return refusals_in(self.filter_steps())


class MaskSteps(Steps):
    """The steps of an instance for which all hosts were filtered: counts, and packed masks of who was left.

    names : of the hosts, in order of rows.
    start : who was there before the first filter.
    before : gives the steps before that one.
    """

    __slots__ = ("_before", "_names", "_start", "_steps")

    def __init__(
        self, names: HostNames, start: Candidates, before: Callable[[], Sequence[FilterStep]] = tuple
    ) -> None:
        self._names = names
        self._before = before
        self._start = None if start.count == start.n_rows else np.packbits(start.as_mask())
        self._steps: list[tuple[FilterRunner, int, int, Any, Any]] = []

    def add(self, runner: FilterRunner, before: Candidates, after: Candidates) -> None:
        """Note whom of those before a filter left."""
        left = gone = None
        if after.count < before.count:
            mask = after.as_mask()
            left = np.packbits(mask)
            if before.order is not None:
                gone = before.order[~mask[before.order]].astype(np.int32)
        self._steps.append((runner, before.count, after.count, left, gone))

    def forget(self) -> None:
        """Note that filtering was ended: as in Nova nothing is said of the filters before."""
        self._steps.clear()

    def counts(self) -> Sequence[StepCounts]:
        found = counts_of(self._before())
        found += [(runner.name, before, after) for runner, before, after, _left, _gone in self._steps]
        return found

    def filter_steps(self) -> tuple[FilterStep, ...]:
        made, last = list(self._before()), self._start
        for runner, before, after, left, gone in self._steps:
            rows: Callable[[], Rows] = _no_rows
            if left is not None:
                rows = functools.partial(self._gone, last, left, gone)
                last = left
            made.append(step(runner.name, before, after, self._names, rows, is_final=runner.is_final))
        return tuple(made)

    def _gone(self, before: Any, after: Any, gone: Any) -> Rows:
        """The rows of those that were dropped, in list order; `gone` are these where that is another."""
        if gone is None:
            count = len(self._names)
            there = np.ones(count, dtype=np.bool_) if before is None else np.unpackbits(before, count=count)
            gone = np.flatnonzero(np.greater(there, np.unpackbits(after, count=count)))
        return gone  # type: ignore[no-any-return]


class RefusalSteps(Steps):
    """The steps of an instance for which single hosts were dropped, or none.

    before : how many hosts there were.
    refusals : the rows that filters refused, in list order, by the filter's place among `filters`, in that order.
    first : gives the steps before those of the filters.
    """

    __slots__ = ("_before", "_filters", "_first", "_names", "_refusals")

    def __init__(
        self,
        names: HostNames,
        filters: Sequence[FilterRunner],
        before: int,
        refusals: Mapping[int, Rows],
        first: Callable[[], Sequence[FilterStep]] = tuple,
    ) -> None:
        self._first = first
        self._names = names
        self._filters = filters
        self._before = before
        self._refusals = refusals

    def refused_for_good(self) -> Sequence[Refusals]:
        found, count = [], self._before
        for at, gone in self._refusals.items():
            if self._filters[at].is_final:
                found.append((self._filters[at].name, count, list(map(self._names.node, gone.tolist()))))
            count -= len(gone)
        return found

    def filter_steps(self) -> tuple[FilterStep, ...]:
        steps = list(self._first())
        count = self._before
        for at, runner in enumerate(self._filters):
            if not count:
                break
            gone = self._refusals.get(at, _NO_ROWS)
            after = count - len(gone)
            steps.append(step_of_rows(runner.name, count, after, self._names, gone, is_final=runner.is_final))
            count -= len(gone)
        return tuple(steps)


def _same_rows(rows: Rows) -> Rows:
    return rows


def _no_rows() -> Rows:
    return _NO_ROWS


def step_of_rows(
    name: str, before: int, after: int, names: HostNames, gone: Rows, *, is_final: bool = True
) -> FilterStep:
    """The step of a rule that dropped these rows."""
    return step(name, before, after, names, functools.partial(_same_rows, gone), is_final=is_final)


def step(
    name: str, before: int, after: int, names: HostNames, rows: Callable[[], Rows], *, is_final: bool
) -> FilterStep:
    """The step of a filter that dropped the hosts in these rows."""

    def who() -> list[Node]:
        return [names.node(row) for row in rows().tolist()]

    return FilterStep(name, before, after, who, rows=RowsOf(names, rows), is_final=is_final)
