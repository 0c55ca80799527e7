"""AnswerCache: what declared plug-ins answered for all rows of a pool, cached between requests."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.engine.cached_answers import CachedAnswers, Found
from filtersched.engine.candidates import Candidates
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.latest import Latest
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import RAISED, PluginEvaluator
from filtersched.engine.request_keys import RequestKeys, changes_reader, keys_reader
from filtersched.hosts.declared_items import Name, reader
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.row_changes import rows_in

_READS = attrgetter("key_reads")
_ENTRIES, _FOUND = 128, 64
_BYTES = 64 * 1024 * 1024
# In a pool for which that is less, the most bytes for each row: 24 answers that are numbers.
_BYTES_PER_ROW = 192
# Answers that were not asked for during so many changes are worked out anew.
_MOST_CHANGES = 8192
# So many rows tell whether hosts share values.
_SAMPLE = 64


class Questions:
    """The plug-ins in order; None for one that is called directly. Several threads may ask about several pools."""

    def __init__(self, asked: Sequence[PluginEvaluator | None]) -> None:
        self._asked = asked
        self._evaluators = [one for one in asked if one is not None]
        # What the plug-ins read of requests; what finds what changes of that; and by that: a key of what else is read,
        # and which plug-ins read nothing of it.
        self._known: tuple[list[tuple[Name, ...]], Any, dict[tuple[Name, ...], Any]] = ([], changes_reader(()), {})

    def lasting(self, request: RequestKeys) -> tuple[Any, Sequence[PluginEvaluator | None]]:
        """The plug-ins whose answers may hold for later requests, None for the others; and a key for the answers."""
        reads = list(map(_READS, self._evaluators))
        known = self._known
        if reads != known[0]:
            # Something is known better than before.
            known = self._known = (reads, changes_reader(dict.fromkeys(itertools.chain.from_iterable(reads))), {})
        changes = known[1](request.spec)
        found = known[2].get(changes)
        if found is None:
            gone = frozenset(changes)
            asked = [None if one is None or not gone.isdisjoint(one.key_reads) else one for one in self._asked]
            names = itertools.chain.from_iterable(one.key_reads for one in asked if one is not None)
            found = known[2][changes] = keys_reader(tuple(dict.fromkeys(names))), asked
        read, asked = found
        return (self, read, read(request.spec, request.rows)), asked


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
        # Kinds of requests about which hosts were asked one by one, the last ones.
        self._asked_once: Latest[bool] = Latest(_ENTRIES)
        # How many bytes all answers take.
        self._size = 0

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
        if found is None or not self._hold(found.asked, found.change_count, request):
            answers = [None if one is None else self._current(one, request) for one in asked]
            found = Found(asked, answers)
            if found.is_whole:
                self._found.keep(key, found)
            else:
                self._found.pop(key, None)
        found.change_count = self.rows.change_count
        return found.answers

    def _current(self, evaluator: PluginEvaluator, request: RequestKeys) -> CachedAnswers | None:
        """The cached answers to a request, up to date; None if there are none."""
        entry = self._entries.find(evaluator.key(request))
        if entry is None or not self._hold(((evaluator, entry),), entry.change_count, request):
            return None
        return entry

    def _hold(
        self, asked: Iterable[tuple[PluginEvaluator, CachedAnswers]], then: int, request: RequestKeys
    ) -> bool:
        """Whether all of these answers hold now; those for dirty rows are worked out again.

        then : how many changes all of them include at least.
        """
        rows, now = self.rows, self.rows.change_count
        changes = rows.changes_since(then) if now - then <= _MOST_CHANGES else None
        if changes is None:
            return False
        for evaluator, entry in asked:
            if not entry.is_kept or entry.options is not evaluator.plugin._values:
                return False
            if entry.window is not None and not entry.window.contains(request.now):
                return False
            if entry.change_count != now:
                dirty = rows_in(changes, entry.watched_attributes)
                if dirty and not self._ask_again(evaluator, entry, request, dirty):
                    return False
                entry.change_count = now
        return True

    def _ask_again(
        self, evaluator: PluginEvaluator, entry: CachedAnswers, request: RequestKeys, dirty: Collection[int]
    ) -> bool:
        """Work out the answers for dirty rows; returns False if all are to be worked out."""
        if entry.raised is not None or len(dirty) > entry.most_dirty:
            return False
        try:
            ask, as_value = entry.ask or evaluator.host_evaluator(request), evaluator.kind.from_answer
            for row in dirty:
                host = self.rows.host(row)
                entry.set_row(row, as_value(ask(host)))
                if entry.window is not None:
                    entry.window = entry.window.narrowed(evaluator.window_of(host, request))
        except Exception:
            # The boundary to the plug-in: it raises only if the row is a candidate.
            return False
        return True

    def answers_for(
        self, evaluator: PluginEvaluator, request: RequestKeys, candidates: Callable[[], NDArray[np.intp]]
    ) -> CachedAnswers | None:
        """The answers of all rows; None if hosts are to be asked one by one.

        candidates : the rows that must be asked; an exception of another row does not surface.
        """
        entry = self._current(evaluator, request)
        if entry is None:
            try:
                entry = self._evaluate(evaluator, request)
            except NotVectorizable:
                return None
        if entry.raised is not None:
            for row in candidates()[entry.raised[candidates()]][:1].tolist():
                # Evaluate the first candidate that raised once more, for the exception.
                evaluator.host_evaluator(request)(self.rows.host(row))
                # No exception: the first one was not the plug-in's, such as a timeout's signal. Ask host by host.
                self._drop(evaluator.key(request))
                return None
        return entry

    def answers_over(
        self, overlay: Overlay, evaluator: PluginEvaluator, request: RequestKeys, candidates: Candidates
    ) -> NDArray[Any] | None:
        """The same as a decision sees the rows: those that it has depleted are asked again, if they are candidates.

        (n_rows,). None if hosts are to be asked one by one, as where one of them raises.
        """
        is_candidate = candidates.as_mask()
        untouched = is_candidate.copy()
        untouched[list(overlay.depleted)] = False
        ask = evaluator.host_evaluator(request)
        try:
            found = self.answers_for(evaluator, request, lambda: np.flatnonzero(untouched))
            if found is None:
                return None
            answers = np.array(np.broadcast_to(found.answers, len(self.rows)))
            for row, host in overlay.depleted.items():
                if is_candidate[row]:
                    answers[row] = evaluator.kind.from_answer(ask(host))
        except UseHandlers:
            raise
        except Exception:
            # The boundary to the plug-in: asked one by one, the first host of the list raises.
            return None
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
        while len(self._entries) >= _ENTRIES or (self._entries and self._size > most):
            self._drop(next(iter(self._entries)))
        self._entries.keep(key, entry).is_kept = True

    def _evaluate(self, evaluator: PluginEvaluator, request: RequestKeys) -> CachedAnswers:
        """New answers, kept if such a request may come again."""
        entry, spec_reads = self._evaluated(evaluator, request)
        entry.options, entry.ask = evaluator.plugin._values, evaluator.asks_alike(request)
        if evaluator.tells_changes and "now" in spec_reads:
            entry.window = evaluator.window(self.rows, request)
        if evaluator.note_reads(spec_reads, request):
            key = evaluator.key(request)
            # Answers to other requests may be made of something that changes for this one.
            if key is not None:
                self._keep(key, entry)
        return entry

    def _evaluated(
        self, evaluator: PluginEvaluator, request: RequestKeys
    ) -> tuple[CachedAnswers, tuple[Name, ...]]:
        """New answers, and the request attributes that they depend on."""
        reads, kind, found = request.reads_of(evaluator), evaluator.kind, None
        if evaluator.columnar:
            with contextlib.suppress(NotVectorizable):
                found = evaluator.evaluate_columns(self.rows, request)
        if found is not None:
            watched = self.rows.watched_items(found.host_reads)
            return CachedAnswers(evaluator.as_answers(found.answer), kind, self.rows, watched), found.spec_reads
        if not reads:
            try:
                answer = evaluator.host_evaluator(request)(None)
            except Exception:
                # The boundary to the plug-in: it raises again about the first candidate, and names it.
                raise NotVectorizable from None
            return CachedAnswers(kind.from_answer(answer), kind, self.rows, frozenset()), evaluator.spec_reads
        if self.rows.has_objects and self._rarely_shared(reads) and self._is_first(evaluator.key(request)):
            # Asking the candidates costs less than asking about all values, unless the request comes again.
            raise NotVectorizable
        return self._by_value(evaluator, request, reads), evaluator.spec_reads

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
        self, evaluator: PluginEvaluator, request: RequestKeys, reads: tuple[Name, ...]
    ) -> CachedAnswers:
        """New answers, asked for once per distinct value. Raises NotVectorizable if there are no codes of values."""
        codes, kind = self.rows.codes(reads), evaluator.kind
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
