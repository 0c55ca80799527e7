"""Filtering: which rows are left, and who was refused by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost
from filtersched.engine.asking import Question, question
from filtersched.engine.kept import Kept
from filtersched.engine.overlay import Overlay
from filtersched.filters.base import BaseHostFilter
from filtersched.host_state import HostState
from filtersched.request_spec import RequestSpec
from filtersched.selection import FilterStep

Rows = NDArray[np.intp]

_DEFAULTS = ("filter_all", "_filter_one", "_passing", "asked_about")


class FastFilter:
    """A filter and how to ask it; `question` is None for one that is called as it stands."""

    def __init__(self, plugin: BaseHostFilter) -> None:
        self.plugin = plugin
        self.name = type(plugin).__name__
        self.question: Question | None = question(plugin, "host_passes", _DEFAULTS)

    def on_rows(self, overlay: Overlay, kept: Kept, spec: RequestSpec, in_play: Rows) -> Rows:
        """Those of the rows that pass, in order.

        in_play : rows in the order of the list.
        """
        if not len(in_play) or (self.question is not None and not self.plugin.asked_about(spec)):
            return in_play
        if self.question is None:
            return self._called(overlay, spec, in_play)
        passes = self._answers(self.question, overlay, kept, spec, in_play)
        if passes is None:
            return self._each(self.question, overlay, spec, in_play)
        if isinstance(passes, bool):
            return in_play if passes else in_play[:0]
        return in_play[passes.take(in_play)]

    def _answers(
        self, question: Question, overlay: Overlay, kept: Kept, spec: RequestSpec, in_play: Rows
    ) -> NDArray[np.bool_] | bool | None:
        if not overlay.depleted:
            return kept.answers(question, spec, np.bool_, bool, lambda: in_play)  # type: ignore[return-value]
        if not question.columnar:
            return None
        try:
            answer = question.of_columns(overlay, spec)
        except AskEachHost:
            return None
        return answer.astype(np.bool_) if isinstance(answer, np.ndarray) else bool(answer)

    def _each(self, question: Question, overlay: Overlay, spec: RequestSpec, in_play: Rows) -> Rows:
        passes = [bool(question.of(overlay.host(row), spec)) for row in in_play.tolist()]
        return in_play[np.array(passes, dtype=np.bool_)]

    def _called(self, overlay: Overlay, spec: RequestSpec, in_play: Rows) -> Rows:
        """The rows of the hosts that the filter itself returns, in the order that it returns them."""
        rows = in_play.tolist()
        hosts = [overlay.host(row) for row in rows]
        passed = self.plugin.filter_all(hosts, spec)
        if passed is None:
            raise EndFiltering
        left = list(passed)
        if len(left) == len(hosts) and all(map(_same, left, hosts)):
            return in_play
        return np.array(_rows_of(left, hosts, rows), dtype=np.intp)

    def passes_again(self, host: HostState, spec: RequestSpec) -> bool:
        """Whether a host that has just been depleted still passes."""
        assert self.question is not None
        return not self.plugin.asked_about(spec) or bool(self.question.of(host, spec))


class EndFiltering(Exception):
    """A filter returned None instead of hosts: none is left, and no further filter is asked."""


class StrangerReturned(Exception):
    """A filter or weigher returned what only the plain handlers can make sense of."""


def _same(one: object, other: object) -> bool:
    return one is other


def _rows_of(left: list[HostState], hosts: list[HostState], rows: list[int]) -> list[int]:
    place = {id(host): row for host, row in zip(hosts, rows, strict=True)}
    found = [place.get(id(host), -1) for host in left]
    if -1 in found or len(set(found)) < len(found) or len(place) < len(hosts):
        raise StrangerReturned
    return found


class Steps:
    """The steps of one instance, kept as counts and packed masks; FilterSteps are made when read."""

    __slots__ = ("_names", "_steps")

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names
        self._steps: list[tuple[str, int, int, Any]] = []

    def add(self, name: str, before: Rows, after: Rows, n_rows: int) -> None:
        """Note that a filter made `after` out of `before`."""
        if len(before) == len(after):
            self.unchanged(name, len(before))
            return
        mask = np.zeros(n_rows, dtype=np.bool_)
        mask[before] = True
        mask[after] = False
        self._steps.append((name, len(before), len(after), np.packbits(mask)))

    def unchanged(self, name: str, count: int) -> None:
        """Note that a filter let all of them pass."""
        self._steps.append((name, count, count, None))

    def refused_one(self, name: str, before: int, row: int) -> None:
        """Note that a filter refused one row."""
        self._steps.append((name, before, before - 1, row))

    def made(self) -> tuple[FilterStep, ...]:
        """The steps for a person to read."""
        return tuple(FilterStep(name, before, after, self._who(who)) for name, before, after, who in self._steps)

    def _who(self, who: Any) -> Callable[[], Iterable[str]]:
        def names() -> list[str]:
            if who is None:
                return []
            known = self._names()
            rows = [who] if isinstance(who, int) else np.flatnonzero(np.unpackbits(who, count=len(known))).tolist()
            return [known[row] for row in rows]

        return names
