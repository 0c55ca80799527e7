"""Kept: answers of declared plug-ins for all rows of a pool, kept between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost
from filtersched.distinct import Codes
from filtersched.engine.asking import Question, Raised
from filtersched.engine.request import Request
from filtersched.host_rows import HostRows

_ENTRIES = 128
_BYTES = 64 * 1024 * 1024
# Asking so many marked rows one by one costs as much as asking a column of a thousand.
_FEW = 8


class Kind(Protocol):
    """What kind of answers a plug-in gives, and how they are made an array's values."""

    dtype: Any

    def one(self, answer: Any) -> Any:
        """One host's answer."""

    def many(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Answers of all rows, as a new array."""


class _Entry:
    """One plug-in's answers for one kind of request: (n_rows,), or one value for all."""

    __slots__ = ("answers", "codes", "known", "raised", "traced", "version", "when")

    def __init__(self, answers: Any, rows: HostRows, traced: frozenset[str] | None) -> None:
        self.answers = answers
        self.version = rows.version
        self.when = rows.now
        self.traced = traced
        self.codes: Codes | None = None
        self.known: dict[int, Any] = {}
        self.raised: NDArray[np.bool_] | None = None


class Standing:
    """Weights of all rows, as made of these parts on these scales."""

    __slots__ = ("made_of", "totals", "version", "when")

    def __init__(self, totals: NDArray[np.float64], made_of: Any, rows: HostRows) -> None:
        self.totals = totals
        self.made_of = made_of
        self.version = rows.version
        self.when = rows.now

    def marked(self, made_of: Any, rows: HostRows) -> list[int] | None:
        """The rows to weigh anew; None if all must be."""
        if self.version != rows.version or len(made_of) != len(self.made_of):
            return None
        if not all(one is other or one == other for one, other in zip(made_of, self.made_of, strict=True)):
            return None
        marked = rows.marked_since(self.when, None)
        return None if marked is None or len(marked) > _FEW + len(rows) // 1000 else marked


class Kept:
    """A small cache, least recently used out first, of answers per plug-in and kind of request."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        self._uniform: dict[float, tuple[int, NDArray[np.float64]]] = {}
        self.standing: Standing | None = None

    def answers(
        self, question: Question, request: Request, kind: Kind, in_play: Callable[[], NDArray[np.intp]]
    ) -> Any:
        """The (n_rows,) answers as they are now, not to be written to; one value if all are the same.

        in_play : the rows that must be asked; an exception of another row does not surface.
        None if hosts are to be asked one by one.
        """
        key = question.key(request)
        entry = self._entries.get(key) if key is not None else None
        if entry is None or not self._caught_up(entry, question, request, kind):
            try:
                entry = self._asked(question, request, kind)
            except AskEachHost:
                return None
            if key is not None:
                self._keep(key, entry)
        else:
            self._entries.move_to_end(key)
        if entry.raised is not None:
            for row in in_play()[entry.raised[in_play()]][:1].tolist():
                # The first in play that raised is asked once more, for the exception.
                question.of(self.rows.host(row), request)
        return entry.answers

    def all_rows(self, value: float) -> NDArray[np.float64]:
        """The same value for every row, (n_rows,), not to be written to; the same array next time."""
        version, values = self._uniform.get(value, (-1, None))
        if values is None or version != self.rows.version:
            values = np.full(len(self.rows), value, dtype=np.float64)
            if len(self._uniform) >= 8:
                self._uniform.clear()
            self._uniform[value] = (self.rows.version, values)
        return values

    def _keep(self, key: Any, entry: _Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > max(8, min(_ENTRIES, _BYTES // max(1, 8 * len(self.rows)))):
            self._entries.popitem(last=False)

    def _asked(self, question: Question, request: Request, kind: Kind) -> _Entry:
        reads = request.reads_of(question)
        if question.columnar:
            found = question.of_columns(self.rows, request)
            made = kind.many(found) if isinstance(found, np.ndarray) else kind.one(found)
            return _Entry(made, self.rows, self.rows.traced(reads))
        if not reads:
            return _Entry(kind.one(question.of(None, request)), self.rows, frozenset())
        entry = _Entry(np.zeros(0, dtype=kind.dtype), self.rows, self.rows.traced(reads))
        entry.codes = question.of_distinct(self.rows, request, entry.known)
        self._fill(entry, kind)
        return entry

    def _fill(self, entry: _Entry, kind: Kind) -> None:
        """The answers of all rows from those of the codes."""
        assert entry.codes is not None
        wrong = [code for code, answer in entry.known.items() if isinstance(answer, Raised)]
        table = np.zeros(len(entry.known), dtype=kind.dtype)
        for code, answer in entry.known.items():
            if not isinstance(answer, Raised):
                table[code] = kind.one(answer)
        codes = entry.codes.codes
        entry.answers = table.take(codes)
        entry.raised = np.isin(codes, wrong) if wrong else None

    def _caught_up(self, entry: _Entry, question: Question, request: Request, kind: Kind) -> bool:
        """Whether the marked rows could be asked again; if not, all must be."""
        rows = self.rows
        if entry.version != rows.version:
            return False
        if entry.when == rows.now:
            return True
        marked = rows.marked_since(entry.when, entry.traced)
        if marked is None or len(marked) > _FEW + len(rows) // 1000:
            return False
        if marked and not isinstance(entry.answers, np.ndarray):
            return False
        if marked and entry.codes is not None:
            if question.of_distinct(rows, request, entry.known) is not entry.codes:
                return False
            self._fill_rows(entry, kind, marked)
        elif marked:
            try:
                ask = question.asker(request)
                for row in marked:
                    entry.answers[row] = kind.one(ask(rows.host(row)))
            except Exception:
                # The boundary to the plug-in: it raises only if the row is in play; ask all.
                return False
        entry.when = rows.now
        return True

    def _fill_rows(self, entry: _Entry, kind: Kind, marked: list[int]) -> None:
        assert entry.codes is not None
        answers = [entry.known[int(entry.codes.codes[row])] for row in marked]
        if entry.raised is not None or any(isinstance(answer, Raised) for answer in answers):
            self._fill(entry, kind)
            return
        for row, answer in zip(marked, answers, strict=True):
            entry.answers[row] = kind.one(answer)
