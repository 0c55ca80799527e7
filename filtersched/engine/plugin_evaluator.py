"""Asking declared plug-ins: on columns, once per distinct value, or host by host."""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, Column, NotColumnarError, NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.engine.request_keys import Relevant, RequestKeys, changes_reader, keys_reader
from filtersched.engine.views import ColumnSource, ColumnView, host_view, show, spec_view
from filtersched.errors import FilterschedError, InvalidAnswer, UndeclaredRead, shown
from filtersched.hosts.declared_items import Name, attribute_of, names_of
from filtersched.hosts.row_changes import MISSING
from filtersched.plugins.notes import note_asked, note_host
from filtersched.plugins.plugin import Plugin, belongs_to, declaration_of
from filtersched.plugins.request_reads import WITH_ITEMS
from filtersched.requests.request_spec import RequestSpec

LOG = logging.getLogger(__name__)

# In the place of an answer: the plug-in raised an exception.
RAISED = object()

# The classes and methods that were said to be slow.
_warned: weakref.WeakKeyDictionary[type, set[str]] = weakref.WeakKeyDictionary()


class ColumnAnswer(NamedTuple):
    """An answer for all rows, and what it was made of.

    answer : a (n_rows,) array, or one value if it is the same for all.
    spec_reads, host_reads : what was read. Operators cannot branch on hosts, so equal values of
        `spec_reads` mean equal reads, for any hosts.
    """

    answer: Any
    spec_reads: tuple[Name, ...]
    host_reads: tuple[Name, ...]


class Kind(Protocol):
    """What kind of answers a plug-in gives, and how they are made an array's values."""

    dtype: Any

    def from_answer(self, answer: Any) -> Any:
        """One host's answer."""

    def from_answers(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Answers of all rows, as a new array."""


class Window(NamedTuple):
    """When answers hold: between two moments, ends excluded, and at the moment they were computed."""

    low: float
    now: float
    high: float

    def contains(self, now: float) -> bool:
        """Whether they hold at that moment."""
        return self.low < now < self.high or now == self.now

    def narrowed(self, other: Window) -> Window:
        """The window of both; `other` is the later one, at whose moment both hold."""
        return Window(max(self.low, other.low), other.now, min(self.high, other.high))


class PluginEvaluator:
    """A declared plug-in and the method that answers for a host and a request.

    kind : of its answers; None for those that are used as they are, and not cached.
    finish : makes of what the method returns the answer for one host.
    spec_reads : what the method reads of the request, if not all that is declared.
    """

    def __init__(
        self,
        plugin: Plugin,
        method: Callable[[Any, Any], Any],
        kind: Kind | None,
        finish: Callable[[Any], Any] | None = None,
        *,
        spec_reads: tuple[str, ...] | None = None,
    ) -> None:
        declaration = declaration_of(type(plugin))
        assert declaration is not None
        self.plugin = plugin
        self.name: str = type(plugin).__name__
        self.method = method
        self.kind: Any = kind
        self.finish: Callable[[Any], Any] = _as_it_is if finish is None else finish
        self.columnar: bool = declaration.columnar
        # What is read of hosts; None if that depends on the request.
        reads = declaration.host_reads
        self.reads: tuple[Name, ...] | None = names_of(reads) if isinstance(reads, tuple) else None
        self._host_reads: Any = declaration.host_reads
        self.spec_reads: tuple[Name, ...] = (
            names_of(declaration.spec_reads, WITH_ITEMS) if spec_reads is None else spec_reads
        )
        self._spec_view: Any = spec_view(self.name, declaration.spec_reads if spec_reads is None else spec_reads)
        # A request for a function that reads little: nothing is remembered.
        self._few_reads: Any = host_view(self.name, self.spec_reads)
        # What is shown of any request where nothing is declared.
        self._nothing: Any = None if self._spec_view._members else self._spec_view(None)
        self._host_view: Any = None if self.reads is None else host_view(self.name, self.reads)
        cls, is_declared = type(plugin), spec_reads is None
        self.tells_changes: bool = (
            self.columnar and is_declared and belongs_to(cls, "changes_at", method.__name__)
        )
        # In the place of the extra specs, of which only some matter.
        self._relevant: Relevant | None = None
        if is_declared and belongs_to(cls, "_relevant_extra_specs", method.__name__):
            self._relevant = Relevant(plugin)
        # What kept answers depend on in the request, at most; answers that know how long they hold have no time in it.
        # Until answers are noted, that is all that is declared.
        self._noted: tuple[Name, ...] | None = None
        self.key_reads: tuple[Name, ...]
        self._read_keys(self._in_keys(self.spec_reads))

    def _in_keys(self, reads: tuple[Name, ...]) -> tuple[Name, ...]:
        if self.tells_changes:
            reads = tuple([name for name in reads if name != "now"])
        if self._relevant is None:
            return reads
        return tuple([self._relevant if attribute_of(name) == "extra_specs" else name for name in reads])

    def note_reads(self, reads: tuple[Name, ...], request: RequestKeys) -> bool:
        """Note what the answers to a request are made of; returns whether they may hold for another request."""
        reads = self._in_keys(reads)
        if changes_reader(reads)(request.spec):
            return False
        noted = tuple(dict.fromkeys((*(self._noted or ()), *reads)))
        if noted != self._noted:
            self._noted = noted
            self._read_keys(noted)
        return True

    def _read_keys(self, reads: tuple[Name, ...]) -> None:
        # All at once: other threads may ask about other pools.
        self._keys = (reads, changes_reader(reads), keys_reader(reads))
        self.key_reads = reads

    def of_request(self, function: Callable[[Any], Any], request: RequestKeys) -> Any:
        """What a function of the plug-in makes of the request, of which it sees the declared attributes."""
        return function(self._few_reads(request.spec))

    def host_reads_for(self, spec: RequestSpec) -> tuple[Name, ...]:
        """The host attributes, or items of them, that the answer depends on, where that depends on the request."""
        try:
            names: Any = self._host_reads(self.plugin, self._spec_view(spec))
            if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
                raise InvalidAnswer(
                    f"{self.name}.host_reads must return a tuple of names, and returned {shown(names)}",
                    plugin=self.name,
                    method="host_reads",
                    value=names,
                )
            return names_of(tuple(names))
        except Exception as problem:
            # The boundary to the plug-in.
            note_asked(problem, self.plugin, f"for its host_reads, instance {spec.instance_uuid}")
            raise

    def key(self, request: RequestKeys) -> Any:
        """What the answer depends on in the request, or None if it is not worth keeping.

        The time is no part of it where answers know how long they hold; elsewhere there is no key.
        """
        reads, changes, key = self._keys
        return None if changes(request.spec) else (self, reads, key(request.spec, request.rows))

    def changes_between_instances(self, source: ColumnSource, request: RequestKeys) -> bool:
        """Whether the answer for a host that stays as it is may be another for the next instance."""

        def change(names: Iterable[Name]) -> bool:
            return bool(changes_reader(name for name in names if name != "now")(request.spec))

        if not change(self.spec_reads):
            return False
        if not self.columnar or self.reads is None:
            return True
        try:
            found = self.evaluate_columns(source, request)
        except NotVectorizable:
            return True
        return change(found.spec_reads)

    def window(self, source: ColumnSource, request: RequestKeys) -> Window:
        """Between which moments the answers of all rows hold, if they were computed now."""
        reads = request.reads_of(self)
        return self._window(ColumnView(self.name, reads, source), request)

    def window_of(self, host: Any, request: RequestKeys) -> Window:
        """The same for one host."""
        return self._window(host_view(self.name, request.reads_of(self))(host), request)

    def _window(self, seen: Any, request: RequestKeys) -> Window:
        now, low, high = request.now, -math.inf, math.inf
        try:
            for moments in self.plugin.changes_at(seen):
                if type(moments) is int or type(moments) is float:
                    # One host's.
                    low = max(low, moments) if moments <= now else low
                    high = min(high, moments) if moments >= now else high
                    continue
                each = np.asarray(moments.values if type(moments) is Column else moments, dtype=np.float64)
                low = max(low, float(each[each <= now].max(initial=-math.inf)))
                high = min(high, float(each[each >= now].min(initial=math.inf)))
        except UndeclaredRead:
            raise
        except Exception:
            # The boundary to the plug-in: the answers hold for this very moment.
            return Window(now, now, now)
        return Window(low, now, high)

    def host_evaluator(self, request: RequestKeys) -> Callable[..., Any]:
        """How to ask about one host after another. A plug-in's exception goes on with a note.

        A later instance of the request may be named, if what is read of it is the same.
        """
        view: Any = (self._host_view or host_view(self.name, request.reads_of(self)))(None)
        seen = self._nothing or self._spec_view(request.spec)
        method, finish = self.method, None if self.finish is _as_it_is else self.finish

        def ask(host: Any, instance: RequestSpec = request.spec) -> Any:
            show(view, host)
            try:
                answer = method(view, seen)
                return answer if finish is None else finish(answer)
            except Exception as problem:
                # The boundary to the plug-in.
                note_host(problem, self.plugin, host, instance.instance_uuid)
                raise

        return ask

    def asks_alike(self, request: RequestKeys) -> Callable[..., Any] | None:
        """The same for all requests, where nothing is read of them; one thread at a time may ask so."""
        return None if self._nothing is None or self.reads is None else self.host_evaluator(request)

    def evaluate_columns(self, source: ColumnSource, request: RequestKeys) -> ColumnAnswer:
        """The answer for all rows.

        Raises NotVectorizable where columns and numbers would differ, or the values are no numbers.
        """
        for name in self.spec_reads:
            value = getattr(request.spec, attribute_of(name), None)
            if type(value) is int and not -EXACT < value < EXACT:
                raise NotVectorizable
        reads = request.reads_of(self)
        view = ColumnView(self.name, reads, source)
        spec = self._spec_view(request.spec)
        try:
            answer = self.method(view, spec)
            if type(answer) is not Column:
                answer = self.finish(answer)
        except (NotColumnarError, UndeclaredRead) as problem:
            note_asked(problem, self.plugin, "about columns of hosts, as its class says it can be")
            raise
        except NotVectorizable:
            raise
        except Exception as problem:
            # The boundary to the plug-in: what fails on columns may be right for the candidates.
            if not isinstance(problem, FilterschedError):
                self._warn_once(f"on columns it raises {type(problem).__name__}: {problem}")
            raise NotVectorizable from None
        if not all(column.was_filled for column in view.gaps):
            # The body may have asked whether it is None, which is no for any column.
            self._warn_once("it reads an attribute that some hosts lack; give a default with filled()")
            raise NotVectorizable
        if type(answer) is Column:
            if answer.missing is not None:
                raise NotVectorizable
            answer = answer.values
        if view.reads_may_differ:
            return ColumnAnswer(answer, self.spec_reads, reads)
        return ColumnAnswer(answer, tuple(spec.attributes_read), tuple(view.attributes_read))

    def as_answers(self, answer: Any) -> Any:
        """An answer for all rows as the values of an array, or as one value."""
        return self.kind.from_answers(answer) if isinstance(answer, np.ndarray) else self.kind.from_answer(answer)

    def answers_now(self, source: ColumnSource, request: RequestKeys) -> Any:
        """The answers for all rows in the middle of a request; None where columns don't tell."""
        if not self.columnar:
            return None
        try:
            return self.as_answers(self.evaluate_columns(source, request).answer)
        except NotVectorizable:
            return None

    def _warn_once(self, why: str) -> None:
        """Say that a columnar body is asked host by host, once for each class."""
        methods = _warned.setdefault(type(self.plugin), set())
        if self.method.__name__ not in methods:
            methods.add(self.method.__name__)
            LOG.warning(
                "%s.%s is called columnar, but is asked host by host, which is slow: %s (docs/declarations says what "
                "a columnar body may do)",
                self.name,
                self.method.__name__,
                why,
            )

    def evaluate_distinct_values(self, codes: Codes, request: RequestKeys) -> Iterator[tuple[int, Any]]:
        """Each code that some row has, with the answer for its value, or RAISED."""
        reads = request.reads_of(self)
        spec = self._spec_view(request.spec)
        view: Any = host_view(self.name, reads)(None)
        for code in codes.live():
            values = codes.values[code] if len(reads) > 1 else (codes.values[code],)
            each = zip(reads, values, strict=True)
            shown = {attribute_of(name): value for name, value in each if value is not MISSING}
            show(view, SimpleNamespace(**shown))
            try:
                answer = self.finish(self.method(view, spec))
            except Exception:
                # The boundary to the plug-in; it raises again when it judges a candidate that has this value.
                answer = RAISED
            yield code, answer


def _as_it_is(answer: Any) -> Any:
    return answer


def evaluator(
    plugin: Plugin,
    method: str,
    base: type[Plugin],
    defaults: Sequence[str],
    kind: Kind,
    finish: Callable[[Any], Any] | None = None,
) -> PluginEvaluator | None:
    """How to ask a declared plug-in fast; None for one that must be called directly.

    kind, finish : as of PluginEvaluator.
    defaults : methods of `base` that must not be overridden, since they are not called.
    """
    cls = type(plugin)
    if declaration_of(cls) is None or any(getattr(cls, name) is not getattr(base, name) for name in defaults):
        return None
    return PluginEvaluator(plugin, getattr(plugin, method), kind, finish)
