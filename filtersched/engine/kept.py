"""Kept: answers of declared plug-ins for all rows of a pool, kept between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost
from filtersched.engine.asking import Question, Raised
from filtersched.host_rows import Codes, HostRows
from filtersched.request_spec import RequestSpec

_ENTRIES = 64
_BYTES = 64 * 1024 * 1024
# From this share of marked rows on, asking all rows at once is cheaper than each of them.
_FEW = 0.05


class _Entry:
    """One plug-in's answers for one kind of request."""

    __slots__ = ("answers", "codes", "known", "raised", "version", "when")

    def __init__(self, answers: NDArray[Any], rows: HostRows) -> None:
        self.answers = answers
        self.version = rows.version
        self.when = rows.now
        self.codes: Codes | None = None
        self.known: dict[int, Any] = {}
        self.raised: NDArray[np.bool_] | None = None


class Kept:
    """A small cache, least recently used out first, of answers per plug-in and kind of request.

    convert : makes a plain answer the array's value; it raises for what is none.
    """

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()

    def answers(
        self,
        question: Question,
        spec: RequestSpec,
        dtype: type,
        convert: Callable[[Any], Any],
        in_play: Callable[[], NDArray[np.intp]],
    ) -> NDArray[Any] | bool | float | None:
        """The (n_rows,) answers as they are now; one value if it is the same for all rows.

        in_play : the rows that must be asked; an exception of another row does not surface.
        None if hosts are to be asked one by one.
        """
        key = question.key(spec)
        entry = self._entries.get(key) if key is not None else None
        if entry is not None and entry.version == self.rows.version and self._caught_up(entry, question, spec, convert):
            self._entries.move_to_end(key)
            if entry.raised is not None:
                self._raise_first(entry, question, spec, in_play())
            return entry.answers
        try:
            found = self._asked(question, spec, dtype, convert)
        except AskEachHost:
            return None
        if not isinstance(found, _Entry):
            return found  # type: ignore[no-any-return]
        if found.raised is not None:
            self._raise_first(found, question, spec, in_play())
        if key is not None:
            self._entries[key] = found
            self._entries.move_to_end(key)
            while len(self._entries) > max(8, min(_ENTRIES, _BYTES // max(1, found.answers.nbytes))):
                self._entries.popitem(last=False)
        return found.answers

    def _asked(self, question: Question, spec: RequestSpec, dtype: type, convert: Callable[[Any], Any]) -> Any:
        """A new entry, or one value for all rows."""
        if question.columnar:
            found = question.of_columns(self.rows, spec)
            if not isinstance(found, np.ndarray):
                return convert(found)
            # A copy: the answer may be one of the pool's own columns.
            return _Entry(found.astype(dtype), self.rows)
        if not question.host_reads(spec):
            return convert(question.of(None, spec)) if len(self.rows) else None
        entry = _Entry(np.zeros(0, dtype=dtype), self.rows)
        self._fill(entry, question, spec, convert)
        return entry

    def _fill(self, entry: _Entry, question: Question, spec: RequestSpec, convert: Callable[[Any], Any]) -> None:
        codes = question.of_distinct(self.rows, spec, entry.known)
        if codes is None:
            raise AskEachHost
        entry.codes = self.rows.codes(question.host_reads(spec))
        wrong = [code for code, answer in entry.known.items() if isinstance(answer, Raised)]
        table = np.zeros(len(entry.known), dtype=entry.answers.dtype)
        for code, answer in entry.known.items():
            if not isinstance(answer, Raised):
                table[code] = convert(answer)
        entry.answers = table.take(codes)
        entry.raised = np.isin(codes, wrong) if wrong else None

    def _caught_up(
        self, entry: _Entry, question: Question, spec: RequestSpec, convert: Callable[[Any], Any]
    ) -> bool:
        """Whether the marked rows could be asked again; if not, all must be."""
        marked = self.rows.marked_since(entry.when)
        if marked is None or len(marked) > max(8, _FEW * len(self.rows)):
            return False
        if not marked:
            return True
        if entry.codes is not None:
            if self.rows.codes(question.host_reads(spec)) is not entry.codes:
                return False
            self._fill_rows(entry, question, spec, convert, marked)
        else:
            for row in marked:
                try:
                    entry.answers[row] = convert(question.of(self.rows.host(row), spec))
                except Exception:
                    # The boundary to the plug-in: it raises only if the row is in play; ask all.
                    return False
        entry.when = self.rows.now
        return True

    def _fill_rows(
        self, entry: _Entry, question: Question, spec: RequestSpec, convert: Callable[[Any], Any], marked: list[int]
    ) -> None:
        codes = question.of_distinct(self.rows, spec, entry.known)
        assert codes is not None
        for row in marked:
            answer = entry.known[int(codes[row])]
            if isinstance(answer, Raised):
                self._fill(entry, question, spec, convert)
                return
            entry.answers[row] = convert(answer)
            if entry.raised is not None:
                entry.raised[row] = False

    def _raise_first(self, entry: _Entry, question: Question, spec: RequestSpec, in_play: NDArray[np.intp]) -> None:
        """Raise what the first row in play raised, if one did: by asking it once more."""
        assert entry.raised is not None
        for row in in_play[entry.raised[in_play]][:1].tolist():
            question.of(self.rows.host(row), spec)
