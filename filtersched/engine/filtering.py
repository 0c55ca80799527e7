"""Filtering: how each filter is asked which rows are left."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, NotVectorizable
from filtersched.engine.answer_cache import AnswerCache, Questions
from filtersched.engine.candidates import Candidates, Rows
from filtersched.engine.fallback import FilteringEnded, UseHandlers
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import PluginEvaluator, evaluator
from filtersched.engine.request_keys import RequestKeys
from filtersched.filters.base import BaseHostFilter, left_by, truth
from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import asking
from filtersched.plugins.plugin import belongs_to
from filtersched.requests.request_spec import RequestSpec

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


_VERDICTS, _ROOMS = Verdicts(), Rooms()


class FilterRunner:
    """A filter and how to ask it; `evaluator` is None for one that is called directly."""

    def __init__(self, plugin: BaseHostFilter) -> None:
        self.plugin = plugin
        self.name: str = type(plugin).__name__
        self.evaluator: PluginEvaluator | None = evaluator(
            plugin, "host_passes", BaseHostFilter, _DEFAULTS, _VERDICTS, functools.partial(truth, plugin)
        )
        # What a CapacityFilter compares with what is needed; cached for all requests.
        self.room: PluginEvaluator | None = None
        if isinstance(plugin, CapacityFilter) and _compares_rooms(plugin, self.evaluator):
            self.room = PluginEvaluator(plugin, lambda host, _spec: plugin.room(host), _ROOMS, spec_reads=())
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
        if self.evaluator is None:
            return self._called(overlay, request, candidates) if candidates.count else candidates
        if not candidates.count or (request.is_rebuild and not self.plugin.asked_about(request.spec)):
            return candidates
        passes: NDArray[np.bool_] | bool | None
        if overlay.depleted:
            passes = self.passes_now(overlay, request)
            if passes is None:
                passes = cache.answers_over(overlay, self.evaluator, request, candidates)
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
        assert self.evaluator is not None
        needed = self.needed(request)
        found = None
        if self.room is not None and needed is not None:
            found = cache.answers_for(self.room, request, candidates)
        if found is None:
            found, needed = cache.answers_for(self.evaluator, request, candidates), None
        return None if found is None else found.passes(needed)

    def passes_now(self, overlay: Overlay, request: RequestKeys) -> NDArray[np.bool_] | bool | None:
        """The verdicts of all rows in the middle of a request, or one for all; None: ask one by one."""
        asked = self.evaluator
        # A filter that sets hosts aside is asked twice: about those hosts, and about the rest.
        found: NDArray[np.bool_] | bool | None
        found = None if asked is None else request.once(self, lambda: asked.answers_now(overlay, request))
        return found

    def refused_since(self, overlay: Overlay, before: RequestSpec, request: RequestKeys) -> Sequence[Rows] | None:
        """The rows that are refused now though nothing about their hosts changed since the instance before.

        They are in several parts, with rows that were refused before. None if a row may pass that did not, or
        if the filter cannot tell. The filter ran for both instances.
        """
        if not self.tells_new_refusals:
            return None
        found: Sequence[Rows] | None
        found = request.once((self, before), lambda: self._refused_since(overlay, before, request))
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
        if len(left) == len(hosts) and all(map(operator.is_, left, hosts)):
            return candidates
        return Candidates.of_rows(candidates.n_rows, _rows_of(left, hosts, rows))


class Runners(list[FilterRunner]):
    """Filters in order, and what holds for all of them.

    ask_alike : whether every instance but the first is alike to them.
    are_declared : whether none is called directly.
    are_final : whether a refused host stays refused for the rest of the request.
    """

    def __init__(self, runners: Iterable[FilterRunner]) -> None:
        super().__init__(runners)
        self.ask_alike: bool = all(one.asks_alike for one in self)
        self.are_declared: bool = all(one.evaluator is not None for one in self)
        self.are_final: bool = all(one.is_final for one in self)
        # By number of weighers: all of a scheduler, or none.
        self._questions: dict[int, Questions] = {}

    def questions(self, weighers: Sequence[Any]) -> Questions:
        """The questions to them, about rooms where they have them, and to weighers."""
        found = self._questions.get(len(weighers))
        if found is None:
            asked = [*(one.room or one.evaluator for one in self), *(one.evaluator for one in weighers)]
            found = self._questions[len(weighers)] = Questions(asked)
        return found


def _compares_rooms(plugin: CapacityFilter, asked: PluginEvaluator | None) -> bool:
    return asked is not None and asked.columnar and type(plugin).host_passes is CapacityFilter.host_passes


def _rows_of(left: list[HostState], hosts: list[HostState], rows: list[int]) -> list[int]:
    place = {id(host): row for host, row in zip(hosts, rows, strict=True)}
    found = [place.get(id(host), -1) for host in left]
    if -1 in found or len(set(found)) < len(found) or len(place) < len(hosts):
        raise UseHandlers
    return found
