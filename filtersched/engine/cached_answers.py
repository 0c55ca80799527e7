"""What plug-ins answered for all rows: CachedAnswers of one plug-in, Found of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.plugin_evaluator import Kind, PluginEvaluator, Window
from filtersched.engine.top_rows import ColumnExtremes
from filtersched.hosts.host_rows import HostRows

# Evaluating so many dirty rows one by one costs as much as evaluating a column of a thousand.
_FEW = 8
# Of so many numbers it is remembered which answers are not below; a byte for each row and number.
_MASKS = 4
# Of these types is one answer for all rows.
_ONE = (float, bool)


def few_rows(rows: HostRows) -> int:
    """How many dirty rows are evaluated one by one; more cost as much as all."""
    return _FEW + len(rows) // 1000


class CachedAnswers:
    """One plug-in's answers for one kind of request: (n_rows,), or one value for all.

    answers : read-only for callers; size : how many bytes they took at first.
    change_count : the number of changes of hosts that they include.
    watched_attributes : what the plug-in reads of hosts; None is anything.
    is_kept : whether the cache has them.
    raised : (n_rows,) for which hosts the plug-in raised, None for none; these have no answer.
    most_dirty : if more rows are dirty, evaluating all costs less.
    ends : the least and largest of the answers, once a caller needs them.
    """

    __slots__ = (
        *("_dtype", "_least", "_n_rows", "_passes", "_passes_all", "answers", "ask", "change_count"),
        *("ends", "is_kept", "most_dirty", "options", "raised", "size", "watched_attributes", "window"),
    )

    def __init__(self, answers: Any, kind: Kind, rows: HostRows, watched_attributes: frozenset[str] | None) -> None:
        self.answers: Any = _one_if_same(answers)
        self.size: int = self.answers.nbytes if isinstance(self.answers, np.ndarray) else 0
        self._n_rows = len(rows)
        self._dtype = kind.dtype
        self.change_count: int = rows.change_count
        self.watched_attributes: frozenset[str] | None = watched_attributes
        self.is_kept: bool = False
        self.most_dirty: int = few_rows(rows)
        self.raised: NDArray[np.bool_] | None = None
        self.ends: ColumnExtremes | None = None
        # A number that no answer is below; and by number, which answers are not below it.
        self._least: float = -math.inf
        self._passes: dict[float, NDArray[np.bool_]] = {}
        self._passes_all: bool | None = None
        # Asks about one host of the pool after another, if that is the same for every request.
        self.ask: Callable[..., Any] | None = None
        # When the answers hold, where they depend on the time.
        self.window: Window | None = None
        # Options in effect when the answers were computed; a change invalidates them.
        self.options: object = None

    def passes(self, needed: float | None) -> NDArray[np.bool_] | bool:
        """Which hosts pass: those whose answer is yes, or not below a number.

        The same array as long as no other hosts pass. It is read-only for callers, and never changes.
        """
        if needed is None:
            if self._passes_all is None:
                self._passes_all = bool(np.all(self.answers))
            found: NDArray[np.bool_] | bool = self._passes_all or self.answers
            return found
        if needed <= self._least:
            return True
        if type(self.answers) in _ONE:
            return bool(self.answers >= needed)
        passes = self._passes.get(needed)
        if passes is None:
            if len(self._passes) >= _MASKS:
                del self._passes[next(iter(self._passes))]
            passes = self._passes[needed] = self.answers >= needed
        if passes.all():
            self._least = self.answers.min().item() if self._n_rows else needed
            return True
        return passes

    def set_row(self, row: int, answer: Any) -> None:
        """Give a row another answer. An array that `passes` has returned is replaced, not written to."""
        if type(self.answers) in _ONE:
            if self.answers == answer:
                return
            self.answers = np.full(self._n_rows, self.answers, dtype=self._dtype)
            self._passes.clear()
            self.ends = None
        elif self._dtype is np.bool_:
            if self.answers.item(row) is answer:
                return
            self.answers = self.answers.copy()
        self.answers[row] = answer
        self._passes_all = None
        if answer < self._least:
            self._least = answer
        for needed, passes in self._passes.items():
            if passes.item(row) is not (answer >= needed):
                self._passes[needed] = passes.copy()
                self._passes[needed][row] = answer >= needed
        if self.ends is not None:
            for top_rows in self.ends.in_use:
                top_rows.changed(row, answer)


class Found:
    """The cached answers to one kind of request to all plug-ins, None for a plug-in without any.

    asked : the plug-ins that have some, each with its answers.
    is_whole : whether all have some whose answers may hold for later requests.
    change_count : how many changes all of them include.
    """

    __slots__ = ("answers", "asked", "change_count", "is_whole")

    def __init__(
        self, asked: Sequence[PluginEvaluator | None], answers: Sequence[CachedAnswers | None]
    ) -> None:
        self.answers: Sequence[CachedAnswers | None] = tuple(answers)
        self.change_count: int = -1
        pairs = [(one, entry) for one, entry in zip(asked, answers, strict=True) if one is not None]
        self.asked: Sequence[tuple[PluginEvaluator, CachedAnswers]] = [
            (one, entry) for one, entry in pairs if entry is not None
        ]
        self.is_whole: bool = len(self.asked) == len(pairs)


def _one_if_same(answers: Any) -> Any:
    """One answer for all rows, if they are the same."""
    if not isinstance(answers, np.ndarray) or not len(answers) or not (answers == answers[0]).all():
        return answers
    return answers.item(0)
