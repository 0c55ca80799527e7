"""AnswerCache: what declared plug-ins answered for all rows of a pool, cached between requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.engine.cached_answers import CachedAnswers, Found
from filtersched.engine.candidates import Candidates
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.latest import Latest
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import RAISED, ColumnAnswer, PluginEvaluator
from filtersched.engine.questions import Asked, Kind, Questions
from filtersched.engine.request_keys import RequestKeys
from filtersched.hosts.declared_items import Name, reader
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.row_changes import Changes

_ENTRIES, _FOUND = 128, 64
_BYTES = 64 * 1024 * 1024
# In a pool for which that is less, the most bytes for each row: 24 answers that are numbers.
_BYTES_PER_ROW = 192
# Where a value is shared by fewer hosts than this on average, values are not worth being told apart.
_MANY_VALUES = 4
# So many rows tell whether hosts share values.
_SAMPLE = 64
# Answers that were not asked for during so many changes are worked out anew.
_MOST_CHANGES = 8192


class AnswerCache:
    """A small cache of answers per plug-in and kind of request; the least recently used entry goes first."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        self._forget()

    def _forget(self) -> None:
        self._state = (self.rows.version, self.rows.change_count)
        # By the key of the request to the plug-in; never None.
        self._entries: Latest[CachedAnswers] = Latest(_ENTRIES)
        # By key of the request to all plug-ins.
        self._found: Latest[Found] = Latest(_FOUND)
        self._size = 0
        # Kinds of requests about which hosts were asked one by one, the last ones.
        self._asked_once: Latest[bool] = Latest(_ENTRIES)

    def catch_up(self) -> bool:
        """Whether no host has changed since the last call. Call it before you ask for answers."""
        before, now = self._state, (self.rows.version, self.rows.change_count)
        if now[0] != before[0]:
            self._forget()
        self._state = now
        return now == before

    def find(self, questions: Questions, request: RequestKeys) -> Sequence[CachedAnswers | None]:
        """Each plug-in's cached answers for all rows, brought up to date; None for a plug-in without any.

        The same sequence for a request of the same kind, as long as the answers are the same ones.
        """
        key, asked = questions.lasting(request)
        found = self._found.find(key)
        if found is None or not (found.are_kept() and self._follow(found, request)):
            answers = tuple([None if one is None else self._current(one, request) for one in asked])
            found = self._found.keep(key, Found(asked, answers, self.rows.change_count))
        return found.answers

    def _follow(self, found: Found, request: RequestKeys) -> bool:
        """Whether all of them hold now; those for dirty rows are worked out again."""
        now, changes = self.rows.change_count, self._changes_since(found.change_count)
        if changes is None:
            return False
        hosts: dict[int, HostState] = {}
        for at, dirty in found.touched_by(changes).items():
            one, entry = found.asked[at]
            if not self._hold(one, entry, request, dirty if entry.change_count != now else (), hosts):
                return False
            entry.change_count = now
        found.change_count = now
        return True

    def _changes_since(self, then: int) -> Changes | None:
        """The rows that are dirty since then, by attribute; None where it is not worth it to follow them."""
        count = self.rows.change_count
        return {} if then == count else self.rows.changes_since(then) if count - then <= _MOST_CHANGES else None

    def _current(self, asked: Asked, request: RequestKeys) -> CachedAnswers | None:
        """The cached answers to a request, up to date; None if there are none."""
        entry = self._entries.find(asked[0].key(request))
        if entry is None or self._changes_since(entry.change_count) is None:
            return None
        dirty = self.rows.dirty_rows_since(entry.change_count, entry.watched_attributes) or ()
        if not self._hold(asked, entry, request, dirty, {}):
            return None
        entry.change_count = self.rows.change_count
        return entry

    def _hold(
        self,
        asked: Asked,
        entry: CachedAnswers,
        request: RequestKeys,
        dirty: Collection[int],
        hosts: dict[int, HostState],
    ) -> bool:
        """Whether answers hold now; those for dirty rows are worked out again. If not, all rows are to be.

        hosts : host objects by row; the ones that are looked at are added.
        """
        evaluator, kind = asked
        if entry.options is not evaluator.plugin._values:
            return False
        if entry.window is not None and not entry.window.contains(request.now):
            return False
        if not dirty:
            return True
        if entry.raised is not None or len(dirty) > entry.most_dirty:
            return False
        answers = []
        try:
            ask = evaluator.host_evaluator(request)
            for row in dirty:
                if row not in hosts:
                    hosts[row] = self.rows.host(row)
                answers.append(kind.from_answer(ask(hosts[row])))
                if entry.window is not None:
                    entry.window = entry.window.narrowed(evaluator.window_of(hosts[row], request))
        except Exception:
            # The boundary to the plug-in: it raises only if the row is a candidate.
            return False
        entry.set_rows(dirty, answers)
        return True

    def answers_for(
        self, asked: Asked, request: RequestKeys, candidates: Callable[[], NDArray[np.intp]]
    ) -> CachedAnswers | None:
        """The answers of all rows; None if hosts are to be asked one by one.

        candidates : the rows that must be asked; an exception of another row does not surface.
        """
        entry, evaluator = self._current(asked, request), asked[0]
        if entry is None:
            try:
                entry = self._evaluate(*asked, request)
            except NotVectorizable:
                return None
        if entry.raised is not None:
            for row in candidates()[entry.raised[candidates()]][:1].tolist():
                # Evaluate the first candidate that raised once more, for the exception.
                evaluator.of(self.rows.host(row), request)
                # No exception: the first one was not the plug-in's, such as a timeout's signal. Ask host by host.
                self._drop(evaluator.key(request))
                return None
        return entry

    def answers_over(
        self, overlay: Overlay, asked: Asked, request: RequestKeys, candidates: Candidates
    ) -> Any:
        """The same as a decision sees the rows: those that it has depleted are asked again, if they are candidates.

        (n_rows,), or one answer for all; not to be written to. None if hosts are to be asked one by one, as
        where one of them raises.
        """
        is_candidate = candidates.as_mask()
        untouched = is_candidate.copy()
        untouched[list(overlay.depleted)] = False
        evaluator, kind = asked
        ask = evaluator.host_evaluator(request)
        try:
            found = self.answers_for(asked, request, lambda: np.flatnonzero(untouched))
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

    def _drop(self, key: Any) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            dropped.is_kept = False
            self._size -= dropped.size

    def _keep(self, key: Any, entry: CachedAnswers) -> None:
        self._drop(key)
        self._size += entry.size
        most = max(_BYTES, _BYTES_PER_ROW * len(self.rows))
        while len(self._entries) >= _ENTRIES or (self._size > most and self._entries):
            self._drop(next(iter(self._entries)))
        self._entries.keep(key, entry).is_kept = True

    def _evaluate(self, evaluator: PluginEvaluator, kind: Kind, request: RequestKeys) -> CachedAnswers:
        """New answers, kept if such a request may come again."""
        entry, spec_reads = self._evaluated(evaluator, request, kind)
        entry.options = evaluator.plugin._values
        if evaluator.tells_changes and "now" in spec_reads:
            entry.window = evaluator.window(self.rows, request)
        if evaluator.note_reads(spec_reads, request):
            self._keep(evaluator.key(request), entry)
        return entry

    def _evaluated(
        self, evaluator: PluginEvaluator, request: RequestKeys, kind: Kind
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
        if self.rows.has_objects and self._rarely_shared(reads) and self._is_first(evaluator.key(request)):
            # Asking the candidates costs less than asking about all values, unless the request comes again.
            raise NotVectorizable
        return self._by_value(evaluator, kind, request, reads), evaluator.spec_reads

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
        return key is None or (self._asked_once.find(key) is None and self._asked_once.keep(key, True))

    def _by_value(
        self, evaluator: PluginEvaluator, kind: Kind, request: RequestKeys, reads: tuple[Name, ...]
    ) -> CachedAnswers:
        """New answers, asked for once per distinct value. Raises NotVectorizable if there are no codes of values."""
        codes = self.rows.codes(reads)
        if codes is None:
            raise NotVectorizable
        table, wrong = np.zeros(len(codes.values), dtype=kind.dtype), []
        for code, answer in evaluator.evaluate_distinct_values(codes, request):
            if answer is RAISED:
                wrong.append(code)
            else:
                table[code] = kind.from_answer(answer)
        # All rows cost one call for each value.
        entry = CachedAnswers(table.take(codes.codes), kind, self.rows, self.rows.watched_items(reads))
        entry.most_dirty = max(entry.most_dirty, len(codes.values))
        entry.raised = np.isin(codes.codes, wrong) if wrong else None
        return entry
