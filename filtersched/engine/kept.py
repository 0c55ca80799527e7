"""Kept: answers of declared plug-ins for all rows of a pool, kept between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import AskEachHost
from filtersched.columns.distinct_values import Codes
from filtersched.engine.asking import Question, Raised
from filtersched.engine.front import Ends
from filtersched.engine.request import Request
from filtersched.hosts.host_rows import HostRows

if TYPE_CHECKING:
    from filtersched.engine.standing import Standing

_ENTRIES = 128
_BYTES = 64 * 1024 * 1024
# Asking so many marked rows one by one costs as much as asking a column of a thousand.
_FEW = 8


def few_marked(rows: HostRows, then: int, reads: frozenset[str] | None) -> list[int] | None:
    """The rows marked since, as HostRows says; None if there are too many to ask one by one."""
    marked = rows.marked_since(then, reads)
    return None if marked is None or len(marked) > _FEW + len(rows) // 1000 else marked


class Kind(Protocol):
    """What kind of answers a plug-in gives, and how they are made an array's values."""

    dtype: Any

    def one(self, answer: Any) -> Any:
        """One host's answer."""

    def many(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Answers of all rows, as a new array."""


class Answered:
    """One plug-in's answers for one kind of request: (n_rows,), or one value for all.

    answers : as they are now, not to be written to.
    ends : the least and largest of them, where somebody asked.
    is_new : they were asked for once.
    """

    __slots__ = ("answers", "codes", "ends", "is_new", "known", "options", "raised", "traced", "version", "when")

    def __init__(self, answers: Any, rows: HostRows, traced: frozenset[str] | None) -> None:
        self.answers = answers
        self.version = rows.version
        self.when = rows.now
        self.traced = traced
        self.codes: Codes | None = None
        self.known: dict[int, Any] = {}
        self.raised: NDArray[np.bool_] | None = None
        self.ends: Ends | None = None
        self.is_new = True
        # What the plug-in's options were then.
        self.options: object = None

    @property
    def size(self) -> int:
        """How many bytes the answers take."""
        return self.answers.nbytes if isinstance(self.answers, np.ndarray) else 0

    def put(self, row: int, answer: Any) -> None:
        """Give a row another answer."""
        self.answers[row] = answer
        if self.ends is not None:
            self.ends.changed(row)


class Kept:
    """A small cache, least recently used out first, of answers per plug-in and kind of request."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        self._entries: OrderedDict[Any, Answered] = OrderedDict()
        self._uniform: dict[float, tuple[int, NDArray[np.float64]]] = {}
        self._size = 0
        self.standing: list[Standing] = []

    def answered(
        self, question: Question, request: Request, kind: Kind, in_play: Callable[[], NDArray[np.intp]]
    ) -> Answered | None:
        """The answers of all rows; None if hosts are to be asked one by one.

        in_play : the rows that must be asked; an exception of another row does not surface.
        """
        key = question.key(request)
        entry = self._entries.get(key) if key is not None else None
        if entry is None or not self._caught_up(entry, question, request, kind):
            try:
                entry, been_read = self._asked(question, request, kind)
            except AskEachHost:
                return None
            entry.options = question.plugin._values
            key = question.key(request, been_read)
            if key is not None:
                self._keep(key, entry)
        else:
            self._entries.move_to_end(key)
            entry.is_new = False
        if entry.raised is not None:
            for row in in_play()[entry.raised[in_play()]][:1].tolist():
                # The first in play that raised is asked once more, for the exception.
                question.of(self.rows.host(row), request)
        return entry

    def all_rows(self, value: float) -> NDArray[np.float64]:
        """The same value for every row, (n_rows,), not to be written to; the same array next time."""
        version, values = self._uniform.get(value, (-1, None))
        if values is None or version != self.rows.version:
            values = np.full(len(self.rows), value, dtype=np.float64)
            if len(self._uniform) >= 8:
                self._uniform.clear()
            self._uniform[value] = (self.rows.version, values)
        return values

    def _keep(self, key: Any, entry: Answered) -> None:
        replaced = self._entries.pop(key, None)
        if replaced is not None:
            self._size -= replaced.size
        self._entries[key] = entry
        self._size += entry.size
        while len(self._entries) > _ENTRIES or (self._size > _BYTES and len(self._entries) > 1):
            self._size -= self._entries.popitem(last=False)[1].size

    def _asked(self, question: Question, request: Request, kind: Kind) -> tuple[Answered, tuple[str, ...]]:
        """New answers, and what was read of the request for them."""
        reads = request.reads_of(question)
        if question.columnar:
            found = question.of_columns(self.rows, request)
            answer = found.answer
            made = kind.many(answer) if isinstance(answer, np.ndarray) else kind.one(answer)
            return Answered(made, self.rows, self.rows.traced(found.host_reads)), found.spec_reads
        if not reads:
            try:
                answer = question.of(None, request)
            except Exception:
                # The boundary to the plug-in: it raises again about the first candidate, and names it.
                raise AskEachHost from None
            return Answered(kind.one(answer), self.rows, frozenset()), question.spec_reads
        entry = Answered(np.zeros(0, dtype=kind.dtype), self.rows, self.rows.traced(reads))
        entry.codes = question.of_distinct(self.rows, request, entry.known)
        self._fill(entry, kind)
        return entry, question.spec_reads

    def _fill(self, entry: Answered, kind: Kind) -> None:
        """The answers of all rows from those of the codes."""
        assert entry.codes is not None
        wrong = [code for code, answer in entry.known.items() if isinstance(answer, Raised)]
        table = np.zeros(len(entry.known), dtype=kind.dtype)
        for code, answer in entry.known.items():
            if not isinstance(answer, Raised):
                table[code] = kind.one(answer)
        codes = entry.codes.codes
        entry.answers = table.take(codes)
        entry.ends = None
        entry.raised = np.isin(codes, wrong) if wrong else None

    def _caught_up(self, entry: Answered, question: Question, request: Request, kind: Kind) -> bool:
        """Whether the marked rows could be asked again; if not, all must be."""
        rows = self.rows
        if entry.version != rows.version or entry.options is not question.plugin._values:
            return False
        if entry.when == rows.now:
            return True
        marked = few_marked(rows, entry.when, entry.traced)
        if marked is None:
            return False
        if marked and not isinstance(entry.answers, np.ndarray):
            return False
        if marked and entry.codes is not None:
            try:
                codes = question.of_distinct(rows, request, entry.known)
            except AskEachHost:
                return False
            if codes is not entry.codes:
                return False
            self._fill_rows(entry, kind, marked)
        elif marked:
            try:
                ask = question.asker(request)
                for row in marked:
                    entry.put(row, kind.one(ask(rows.host(row))))
            except Exception:
                # The boundary to the plug-in: it raises only if the row is in play; ask all.
                return False
        entry.when = rows.now
        return True

    def _fill_rows(self, entry: Answered, kind: Kind, marked: list[int]) -> None:
        assert entry.codes is not None
        answers = [entry.known[int(entry.codes.codes[row])] for row in marked]
        if entry.raised is not None or any(isinstance(answer, Raised) for answer in answers):
            self._fill(entry, kind)
            return
        for row, answer in zip(marked, answers, strict=True):
            entry.put(row, kind.one(answer))
