"""AnswerCache: what declared plug-ins answered for all rows of a pool, cached between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.engine.plugin_evaluator import PluginEvaluator, Raised
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import ColumnExtremes
from filtersched.hosts.host_rows import HostRows

_ENTRIES = 128
_BYTES = 64 * 1024 * 1024
# Evaluating so many dirty rows one by one costs as much as evaluating a column of a thousand.
_FEW = 8


def few_dirty_rows(rows: HostRows, then: int, reads: frozenset[str] | None) -> list[int] | None:
    """The dirty rows since then; None if there are too many to evaluate one by one."""
    dirty = rows.dirty_rows_since(then, reads)
    return None if dirty is None or len(dirty) > _FEW + len(rows) // 1000 else dirty


class Kind(Protocol):
    """What kind of answers a plug-in gives, and how they are made an array's values."""

    dtype: Any

    def from_answer(self, answer: Any) -> Any:
        """One host's answer."""

    def from_answers(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Answers of all rows, as a new array."""


class CachedAnswers:
    """One plug-in's answers for one kind of request: (n_rows,), or one value for all.

    answers : the current ones; read-only for callers.
    ends : the least and largest of them, once a caller needs them.
    is_new : True until the entry is first reused.
    """

    __slots__ = (
        "answers",
        "change_count",
        "codes",
        "ends",
        "is_new",
        "known",
        "options",
        "raised",
        "version",
        "watched_attributes",
    )

    def __init__(self, answers: Any, rows: HostRows, watched_attributes: frozenset[str] | None) -> None:
        self.answers: Any = answers
        self.version: int = rows.version
        self.change_count: int = rows.change_count
        self.watched_attributes: frozenset[str] | None = watched_attributes
        self.codes: Codes | None = None
        self.known: dict[int, Any] = {}
        self.raised: NDArray[np.bool_] | None = None
        self.ends: ColumnExtremes | None = None
        self.is_new: bool = True
        # Options in effect when the answers were computed; a change invalidates them.
        self.options: object = None

    @property
    def size(self) -> int:
        """How many bytes the answers take."""
        return self.answers.nbytes if isinstance(self.answers, np.ndarray) else 0

    def set_row(self, row: int, answer: Any) -> None:
        """Give a row another answer."""
        self.answers[row] = answer
        if self.ends is not None:
            self.ends.changed(row)


class AnswerCache:
    """A small cache of answers per plug-in and kind of request; the least recently used entry goes first."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        # Every entry is invalid once the rows have another version.
        self.version: int = rows.version
        self._entries: OrderedDict[Any, CachedAnswers] = OrderedDict()
        self._uniform: dict[float, tuple[int, NDArray[np.float64]]] = {}
        self._size = 0

    def answers_for(
        self, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind, candidates: Callable[[], NDArray[np.intp]]
    ) -> CachedAnswers | None:
        """The answers of all rows; None if hosts are to be asked one by one.

        candidates : the rows that must be asked; an exception of another row does not surface.
        """
        key = evaluator.key(request)
        entry = self._entries.get(key) if key is not None else None
        if entry is None or not self._refresh(entry, evaluator, request, kind):
            try:
                entry, attributes_read = self._evaluate(evaluator, request, kind)
            except NotVectorizable:
                return None
            entry.options = evaluator.plugin._values
            key = evaluator.key(request, attributes_read)
            if key is not None:
                self._keep(key, entry)
        else:
            self._entries.move_to_end(key)
            entry.is_new = False
        if entry.raised is not None:
            for row in candidates()[entry.raised[candidates()]][:1].tolist():
                # Evaluate the first candidate that raised once more, for the exception.
                evaluator.of(self.rows.host(row), request)
                # No exception: the first one was not the plug-in's, such as a timeout's signal. Ask host by host.
                self._drop(key)
                return None
        return entry

    def all_rows(self, value: float) -> NDArray[np.float64]:
        """The same value for every row, (n_rows,), read-only for callers; the same array each time."""
        version, values = self._uniform.get(value, (-1, None))
        if values is None or version != self.rows.version:
            values = np.full(len(self.rows), value, dtype=np.float64)
            if len(self._uniform) >= 8:
                self._uniform.clear()
            self._uniform[value] = (self.rows.version, values)
        return values

    def _drop(self, key: Any) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            self._size -= dropped.size

    def _keep(self, key: Any, entry: CachedAnswers) -> None:
        self._drop(key)
        self._entries[key] = entry
        self._size += entry.size
        while len(self._entries) > _ENTRIES or (self._size > _BYTES and len(self._entries) > 1):
            self._size -= self._entries.popitem(last=False)[1].size

    def _evaluate(
        self, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind
    ) -> tuple[CachedAnswers, tuple[str, ...]]:
        """New answers, and the request attributes that they depend on."""
        reads = request.reads_of(evaluator)
        if evaluator.columnar:
            found = evaluator.evaluate_columns(self.rows, request)
            answer = found.answer
            made = kind.from_answers(answer) if isinstance(answer, np.ndarray) else kind.from_answer(answer)
            return CachedAnswers(made, self.rows, self.rows.watched_attributes(found.host_reads)), found.spec_reads
        if not reads:
            try:
                answer = evaluator.of(None, request)
            except Exception:
                # The boundary to the plug-in: it raises again about the first candidate, and names it.
                raise NotVectorizable from None
            return CachedAnswers(kind.from_answer(answer), self.rows, frozenset()), evaluator.spec_reads
        entry = CachedAnswers(np.zeros(0, dtype=kind.dtype), self.rows, self.rows.watched_attributes(reads))
        entry.codes = evaluator.evaluate_distinct_values(self.rows, request, entry.known)
        self._fill(entry, kind)
        return entry, evaluator.spec_reads

    def _fill(self, entry: CachedAnswers, kind: Kind) -> None:
        """The answers of all rows from those of the codes."""
        assert entry.codes is not None
        wrong = [code for code, answer in entry.known.items() if isinstance(answer, Raised)]
        table = np.zeros(len(entry.known), dtype=kind.dtype)
        for code, answer in entry.known.items():
            if not isinstance(answer, Raised):
                table[code] = kind.from_answer(answer)
        codes = entry.codes.codes
        entry.answers = table.take(codes)
        entry.ends = None
        entry.raised = np.isin(codes, wrong) if wrong else None

    def _refresh(self, entry: CachedAnswers, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind) -> bool:
        """Evaluate the dirty rows again; returns False where all rows must be."""
        rows = self.rows
        if entry.version != rows.version or entry.options is not evaluator.plugin._values:
            return False
        if entry.change_count == rows.change_count:
            return True
        dirty = few_dirty_rows(rows, entry.change_count, entry.watched_attributes)
        if dirty is None:
            return False
        if dirty and not isinstance(entry.answers, np.ndarray):
            return False
        if dirty and entry.codes is not None:
            try:
                codes = evaluator.evaluate_distinct_values(rows, request, entry.known)
            except NotVectorizable:
                return False
            if codes is not entry.codes:
                return False
            self._fill_rows(entry, kind, dirty)
        elif dirty:
            try:
                ask = evaluator.host_evaluator(request)
                for row in dirty:
                    entry.set_row(row, kind.from_answer(ask(rows.host(row))))
            except Exception:
                # The boundary to the plug-in: it raises only if the row is a candidate; evaluate all.
                return False
        entry.change_count = rows.change_count
        return True

    def _fill_rows(self, entry: CachedAnswers, kind: Kind, dirty: list[int]) -> None:
        assert entry.codes is not None
        answers = [entry.known[int(entry.codes.codes[row])] for row in dirty]
        if entry.raised is not None or any(isinstance(answer, Raised) for answer in answers):
            self._fill(entry, kind)
            return
        for row, answer in zip(dirty, answers, strict=True):
            entry.set_row(row, kind.from_answer(answer))
