"""AnswerCache: what declared plug-ins answered for all rows of a pool, cached between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.engine.candidates import Candidates
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import ColumnAnswer, PluginEvaluator, Raised, Window
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import ColumnExtremes
from filtersched.hosts.declared_items import Name, reader
from filtersched.hosts.host_rows import HostRows

_ENTRIES = 128
_BYTES = 64 * 1024 * 1024
# In a pool for which that is less, the most bytes for each row: 24 answers that are numbers.
_BYTES_PER_ROW = 192
# Of so many numbers it is remembered which answers are not below; a byte for each row and number.
_MASKS = 4
# Where a value is shared by fewer hosts than this on average, values are not worth being told apart.
_MANY_VALUES = 4
# So many rows tell whether hosts share values.
_SAMPLE = 64
# Evaluating so many dirty rows one by one costs as much as evaluating a column of a thousand.
_FEW = 8


def few_dirty_rows(rows: HostRows, then: int, reads: frozenset[str] | None) -> list[int] | None:
    """The dirty rows since then; None if there are too many to evaluate one by one."""
    dirty = rows.dirty_rows_since(then, reads)
    return None if dirty is None or len(dirty) > _FEW + len(rows) // 1000 else dirty


def touches(changes: Mapping[Any, Any], reads: frozenset[str] | None) -> bool:
    """Whether one of the changes, by attribute, is of one that is read; None is any."""
    return bool(changes) and (reads is None or None in changes or not reads.isdisjoint(changes))


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
    """

    __slots__ = (
        "_dtype",
        "_n_rows",
        "_passes",
        "_passes_all",
        "answers",
        "change_count",
        "codes",
        "ends",
        "known",
        "options",
        "raised",
        "stamp",
        "version",
        "watched_attributes",
        "window",
    )

    def __init__(self, answers: Any, kind: Kind, rows: HostRows, watched_attributes: frozenset[str] | None) -> None:
        self.answers: Any = _one_if_same(answers)
        self._n_rows = len(rows)
        self._dtype = kind.dtype
        self.version: int = rows.version
        self.change_count: int = rows.change_count
        self.watched_attributes: frozenset[str] | None = watched_attributes
        # The values that the answers are for, and the number of their changes that the answers include.
        self.codes: Codes | None = None
        self.stamp: int = 0
        self.known: dict[int, Any] = {}
        self.raised: NDArray[np.bool_] | None = None
        self.ends: ColumnExtremes | None = None
        # By number: which answers are not below it.
        self._passes: dict[float, NDArray[np.bool_]] = {}
        self._passes_all: bool | None = None
        # When the answers hold, where they depend on the time.
        self.window: Window | None = None
        # Options in effect when the answers were computed; a change invalidates them.
        self.options: object = None

    @property
    def size(self) -> int:
        """How many bytes the answers take."""
        return self.answers.nbytes if isinstance(self.answers, np.ndarray) else 0

    def passes_all(self) -> bool:
        """Whether the answer is yes for every row."""
        if self._passes_all is None:
            self._passes_all = bool(np.all(self.answers))
        return self._passes_all

    def at_least(self, needed: float) -> NDArray[np.bool_] | bool:
        """Which answers are not below a number, read-only for callers; the last few are cached."""
        if not isinstance(self.answers, np.ndarray):
            return bool(self.answers >= needed)
        passes = self._passes.get(needed)
        if passes is None:
            if len(self._passes) >= _MASKS:
                del self._passes[next(iter(self._passes))]
            passes = self._passes[needed] = self.answers >= needed
        return passes

    def set_row(self, row: int, answer: Any) -> None:
        """Give a row another answer."""
        if not isinstance(self.answers, np.ndarray):
            if self.answers == answer:
                return
            self.answers = np.full(self._n_rows, self.answers, dtype=self._dtype)
            self._passes.clear()
        self.answers[row] = answer
        self._passes_all = None
        for needed, passes in self._passes.items():
            passes[row] = answer >= needed
        if self.ends is not None:
            self.ends.changed(row)


def _one_if_same(answers: Any) -> Any:
    """One answer for all rows, if they are the same."""
    if not isinstance(answers, np.ndarray) or not len(answers) or not (answers == answers[0]).all():
        return answers
    return answers.item(0)


class AnswerCache:
    """A small cache of answers per plug-in and kind of request; the least recently used entry goes first."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        # Every entry is invalid once the rows have another version.
        self.version: int = rows.version
        self._entries: OrderedDict[Any, CachedAnswers] = OrderedDict()
        self._uniform: dict[float, tuple[int, NDArray[np.float64]]] = {}
        self._size = 0
        # Kinds of requests about which hosts were asked one by one, the last ones.
        self._asked_once: OrderedDict[Any, None] = OrderedDict()

    def answers_for(
        self, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind, candidates: Callable[[], NDArray[np.intp]]
    ) -> CachedAnswers | None:
        """The answers of all rows; None if hosts are to be asked one by one.

        candidates : the rows that must be asked; an exception of another row does not surface.
        """
        key = evaluator.key(request)
        entry = self._entries.get(key) if key is not None else None
        if entry is None or not self.refresh(entry, evaluator, request, kind):
            try:
                entry, attributes_read = self._evaluate(evaluator, request, kind, key)
            except NotVectorizable:
                request.is_repeatable = False
                return None
            entry.options = evaluator.plugin._values
            if evaluator.tells_changes and "now" in attributes_read:
                entry.window = evaluator.window(self.rows, request)
            key = evaluator.key(request, attributes_read)
            if key is not None:
                self._keep(key, entry)
        else:
            self._entries.move_to_end(key)
        if entry.raised is not None:
            for row in candidates()[entry.raised[candidates()]][:1].tolist():
                # Evaluate the first candidate that raised once more, for the exception.
                evaluator.of(self.rows.host(row), request)
                # No exception: the first one was not the plug-in's, such as a timeout's signal. Ask host by host.
                self._drop(key)
                request.is_repeatable = False
                return None
        if key is None:
            request.is_repeatable = False
        elif entry.window is not None:
            request.windows.append(entry.window)
        return entry

    def answers_over(
        self, overlay: Overlay, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind, candidates: Candidates
    ) -> Any:
        """The same as a decision sees the rows: those that it has depleted are asked again, if they are candidates.

        (n_rows,), or one answer for all; not to be written to. None if hosts are to be asked one by one, as
        where one of them raises.
        """
        is_candidate = candidates.as_mask()
        untouched = is_candidate.copy()
        untouched[list(overlay.depleted)] = False
        ask = evaluator.host_evaluator(request)
        try:
            found = self.answers_for(evaluator, request, kind, lambda: np.flatnonzero(untouched))
            if found is None:
                return None
            changed = {row: kind.from_answer(ask(one)) for row, one in overlay.depleted.items() if is_candidate[row]}
        except UseHandlers:
            raise
        except Exception:
            # The boundary to the plug-in: asked one by one, the first host of the list raises.
            return None
        answers = found.answers
        if not isinstance(answers, np.ndarray):
            if all(answer == answers for answer in changed.values()):
                return answers
            answers = np.full(len(self.rows), answers, dtype=kind.dtype)
        else:
            answers = answers.copy()
        for row, answer in changed.items():
            answers[row] = answer
        return answers

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
        most = max(_BYTES, _BYTES_PER_ROW * len(self.rows))
        while len(self._entries) > _ENTRIES or (self._size > most and len(self._entries) > 1):
            self._size -= self._entries.popitem(last=False)[1].size

    def _evaluate(
        self, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind, key: Any
    ) -> tuple[CachedAnswers, tuple[Name, ...]]:
        """New answers, and the request attributes that they depend on."""
        reads = request.reads_of(evaluator)
        found = self._on_columns(evaluator, request, reads) if evaluator.columnar else None
        if found is not None:
            answer = found.answer
            made = kind.from_answers(answer) if isinstance(answer, np.ndarray) else kind.from_answer(answer)
            watched = self.rows.watched_items(found.host_reads)
            return CachedAnswers(made, kind, self.rows, watched), found.spec_reads
        if not reads:
            try:
                answer = evaluator.of(None, request)
            except Exception:
                # The boundary to the plug-in: it raises again about the first candidate, and names it.
                raise NotVectorizable from None
            return CachedAnswers(kind.from_answer(answer), kind, self.rows, frozenset()), evaluator.spec_reads
        if self.rows.has_objects and self._rarely_shared(reads) and self._is_first(key):
            # Asking the candidates costs less than asking about all values, unless the request comes again.
            raise NotVectorizable
        entry = CachedAnswers(np.zeros(0, dtype=kind.dtype), kind, self.rows, self.rows.watched_items(reads))
        entry.codes = self.rows.codes(reads)
        if entry.codes is None:
            raise NotVectorizable
        evaluator.evaluate_distinct_values(entry.codes, request, entry.known, entry.codes.live())
        self._fill(entry, kind)
        return entry, evaluator.spec_reads

    def _on_columns(
        self, evaluator: PluginEvaluator, request: RequestKeys, reads: tuple[Name, ...]
    ) -> ColumnAnswer | None:
        """The answer on columns; None if it is to be asked for once per distinct value.

        Raises NotVectorizable if the hosts are to be asked one by one.
        """
        try:
            return evaluator.evaluate_columns(self.rows, request)
        except NotVectorizable:
            codes = self.rows.codes(reads)
            if codes is None or _MANY_VALUES * len(codes.values) > len(self.rows):
                raise
            return None

    def _rarely_shared(self, reads: tuple[Name, ...]) -> bool:
        """Whether hosts rarely share the values of these attributes, by a sample of the rows."""
        step = len(self.rows) // _SAMPLE
        if not step:
            return False
        read = reader(reads)
        try:
            values = {read(self.rows.host(row)) for row in range(0, step * _SAMPLE, step)}
        except Exception:
            # The boundary to a class derived from HostState; codes tell missing and unhashable values apart.
            return False
        return 2 * len(values) > _SAMPLE

    def _is_first(self, key: Any) -> bool:
        """Whether this kind of request was not seen lately; None never comes again."""
        if key in self._asked_once:
            return False
        if key is not None:
            self._asked_once[key] = None
            if len(self._asked_once) > _ENTRIES:
                self._asked_once.popitem(last=False)
        return True

    def _fill(self, entry: CachedAnswers, kind: Kind) -> None:
        """The answers of all rows from those of the codes."""
        assert entry.codes is not None
        wrong = []
        table = np.zeros(len(entry.codes.values), dtype=kind.dtype)
        for code in entry.codes.live():
            answer = entry.known[code]
            if isinstance(answer, Raised):
                wrong.append(code)
            else:
                table[code] = kind.from_answer(answer)
        codes = entry.codes.codes
        entry.answers = _one_if_same(table.take(codes))
        entry._passes.clear()
        entry._passes_all = None
        entry.ends = None
        entry.raised = np.isin(codes, wrong) if wrong else None
        entry.stamp = entry.codes.stamp

    def refresh(self, entry: CachedAnswers, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind) -> bool:
        """Evaluate what changed again; returns False where all rows must be."""
        rows = self.rows
        if entry.version != rows.version or entry.options is not evaluator.plugin._values:
            return False
        if entry.window is not None and not entry.window.contains(request.now):
            return False
        if entry.change_count == rows.change_count:
            return True
        dirty = rows.dirty_rows_since(entry.change_count, entry.watched_attributes)
        if dirty is None:
            return False
        if dirty and not (
            self._follow_codes(entry, evaluator, request, kind)
            if entry.codes is not None
            else self._ask_again(entry, evaluator, request, kind, dirty)
        ):
            return False
        entry.change_count = rows.change_count
        return True

    def _ask_again(
        self, entry: CachedAnswers, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind, dirty: list[int]
    ) -> bool:
        """Whether the dirty rows could be evaluated one by one."""
        if len(dirty) > _FEW + len(self.rows) // 1000:
            return False
        try:
            ask = evaluator.host_evaluator(request)
            for row in dirty:
                host = self.rows.host(row)
                entry.set_row(row, kind.from_answer(ask(host)))
                if entry.window is not None:
                    entry.window = entry.window.narrowed(evaluator.window_of(host, request))
        except Exception:
            # The boundary to the plug-in: it raises only if the row is a candidate; evaluate all.
            return False
        return True

    def _follow_codes(
        self, entry: CachedAnswers, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind
    ) -> bool:
        """Whether the rows could be given the answers of the values that they have now."""
        codes = entry.codes
        assert codes is not None
        if entry.window is not None or self.rows.codes(request.reads_of(evaluator)) is not codes:
            return False
        changed = codes.changed_since(entry.stamp)
        if changed is None:
            return False
        rows, new = changed
        evaluator.evaluate_distinct_values(codes, request, entry.known, new)
        answers = [entry.known[codes.codes.item(row)] for row in rows]
        is_exception = entry.raised is not None or any(isinstance(answer, Raised) for answer in answers)
        if is_exception or 8 * len(rows) > len(codes.codes):
            self._fill(entry, kind)
            return True
        for row, answer in zip(rows, answers, strict=True):
            entry.set_row(row, kind.from_answer(answer))
        entry.stamp = codes.stamp
        return True
