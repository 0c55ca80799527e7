"""HostRows: hosts in rows, with numpy columns of the attributes that somebody asked for.

The object is the truth, a column is a cache. Whoever changes a host marks its row; marked rows are
read again when a column is next asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost, Column
from filtersched.host_state import HostState

# Integers from here on are not all exact as float64; hosts that have such are asked one by one.
EXACT = 2.0**53
_NUMBERS = frozenset((int, float))
_MARKS_KEPT = 4096


class Codes:
    """One attribute as small integers: which of the distinct values each row has.

    codes : (n_rows,) intp into `values`, which may hold values that no row has any more.
    """

    __slots__ = ("by_identity", "by_key", "codes", "seen", "values")

    def __init__(self, given: Sequence[Any]) -> None:
        self.values: list[Any] = []
        self.by_key: dict[Any, int] = {}
        self.by_identity: dict[int, int] = {}
        identities = list(map(id, given))
        for value in dict(zip(identities, given, strict=True)).values():
            self.code_of(value)
        self.codes: NDArray[np.intp] = np.fromiter(
            map(self.by_identity.__getitem__, identities), dtype=np.intp, count=len(given)
        )
        self.seen: dict[Any, list[Any]] = {}

    def code_of(self, value: Any) -> int:
        """The code of a value, a new one if no row had it; `values` keeps every identity alive."""
        code = self.by_identity.get(id(value))
        if code is not None and self.values[code] is value:
            return code
        key = typed_key(value)
        code = self.by_key.get(key)
        if code is None:
            code = self.by_key[key] = len(self.values)
            self.values.append(value)
        if self.values[code] is value or id(value) not in self.by_identity:
            self.by_identity[id(value)] = code
        return code


class HostRows:
    """Hosts in rows, known by their place.

    given : columns that were handed over instead of objects, name to (n_rows,) sequence; a row is
        the truth until its host's object is asked for, and from then on the object is.
    """

    def __init__(
        self, hosts: Iterable[HostState | None] = (), given: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        self._hosts: list[HostState | None] = list(hosts)
        self._given = dict(given or {})
        self._made: list[int] = []
        self.version = 0
        self._forget()

    def _forget(self) -> None:
        """Drop every cache: rows came or went."""
        self.version += 1
        self._log: list[int] = []
        self._log_start = 0
        self._columns: dict[str, tuple[int, Column | None]] = {}
        self._codes: dict[tuple[str, ...], tuple[int, Codes]] = {}
        self._by_name: dict[str, list[int]] | None = None
        self._instances: tuple[int, dict[str, set[int]], list[Any]] | None = None

    def __len__(self) -> int:
        return len(self._hosts)

    # -- objects -----------------------------------------------------------------------------

    def host(self, row: int) -> HostState:
        """The object of a row, made now if only columns were given."""
        found = self._hosts[row]
        return self._make(row) if found is None else found

    def hosts(self) -> list[HostState]:
        """All objects, in order of rows."""
        if self._given:
            return [self.host(row) for row in range(len(self._hosts))]
        return self._hosts  # type: ignore[return-value]

    def _make(self, row: int) -> HostState:
        facts = {name: _python(values[row]) for name, values in self._given.items()}
        made = HostState(**facts)
        self._hosts[row] = made
        self._made.append(row)
        return made

    def append(self, host: HostState) -> None:
        """One more row."""
        if self._given:
            self.hosts()
            self._given = {}
        self._hosts.append(host)
        self._forget()

    def pop(self, row: int) -> HostState:
        """One row less; the ones behind move up."""
        host = self.host(row)
        if self._given:
            self.hosts()
            self._given = {}
        del self._hosts[row]
        self._forget()
        return host

    # -- marks -------------------------------------------------------------------------------

    def mark(self, row: int) -> None:
        """Note that something of the host in `row` has changed."""
        if len(self._log) >= _MARKS_KEPT:
            self._log_start += len(self._log)
            self._log.clear()
        self._log.append(row)

    @property
    def now(self) -> int:
        """How many marks there have been; `marked_since` this is nothing."""
        return self._log_start + len(self._log)

    def marked_since(self, then: int) -> list[int] | None:
        """The rows marked since, each once; None if that is so long ago that all may be."""
        if then < self._log_start:
            return None
        return list(dict.fromkeys(self._log[then - self._log_start :]))

    # -- columns -----------------------------------------------------------------------------

    def column(self, attribute: str) -> Column:
        """The attribute as numbers: float64, or bool if all are truth values.

        Raises AskEachHost if they are not numbers that a column holds exactly.
        """
        then, column = self._columns.get(attribute, (-1, None))
        if then != self.now:
            marked = self.marked_since(then) if column is not None else None
            if marked is None or not self._patched(column, attribute, marked):
                column = as_column(self._read(attribute))
            self._columns[attribute] = (self.now, column)
        if column is None:
            raise AskEachHost
        return column

    def _patched(self, column: Column | None, attribute: str, rows: list[int]) -> bool:
        """Whether the rows could be written into the column in place."""
        if column is None or column.missing is not None:
            return False
        kinds = (bool,) if column.values.dtype == np.bool_ else (int, float)
        for row in rows:
            value: Any = getattr(self.host(row), attribute, None)
            if type(value) not in kinds or not -EXACT < value < EXACT:
                return False
            column.values[row] = value
        return True

    def _read(self, attribute: str) -> Sequence[Any] | None:
        """The attribute of every row, or None if some host does not have it."""
        if not self._given:
            try:
                return list(map(attrgetter(attribute), self._hosts))
            except AttributeError:
                return None
        if attribute in self._given:
            values = self._given[attribute]
        elif hasattr(HostState, attribute):
            values = [getattr(HostState, attribute)] * len(self._hosts)
        else:
            return None
        if not self._made:
            return values
        values = values.copy() if isinstance(values, np.ndarray) else list(values)
        for row in self._made:
            values[row] = getattr(self._hosts[row], attribute)
        return values

    def codes(self, attributes: tuple[str, ...]) -> Codes | None:
        """The distinct values of an attribute, or of several together; None if some host has none."""
        then, codes = self._codes.get(attributes, (-1, None))
        if then == self.now and codes is not None:
            return codes
        marked = self.marked_since(then) if codes is not None else None
        if codes is None or marked is None or len(codes.values) > 2 * len(self) + 64:
            if len(attributes) == 1:
                values = self._read(attributes[0])
            else:
                parts = [self._read(attribute) for attribute in attributes]
                values = None if any(part is None for part in parts) else self._combined(attributes)
            if values is None:
                return None
            codes = Codes(values)
        else:
            for row in marked:
                codes.codes[row] = codes.code_of(self._value(row, attributes))
        self._codes[attributes] = (self.now, codes)
        return codes

    def _value(self, row: int, attributes: tuple[str, ...]) -> Any:
        host = self.host(row)
        values = tuple(getattr(host, attribute) for attribute in attributes)
        return values[0] if len(values) == 1 else values

    def _combined(self, attributes: tuple[str, ...]) -> list[Any]:
        """One tuple per row, the same object for rows whose values are all the same."""
        parts = [self.codes((attribute,)) for attribute in attributes]
        known: dict[tuple[int, ...], tuple[Any, ...]] = {}
        combined = []
        for key in zip(*(part.codes.tolist() for part in parts if part is not None), strict=True):
            if key not in known:
                known[key] = tuple(part.values[code] for part, code in zip(parts, key, strict=True) if part)
            combined.append(known[key])
        return combined

    def of_each(self, attribute: str, function: Callable[[Any], Any]) -> Column:
        """`function` of the attribute, called once for each distinct value of it; None is missing."""
        codes = self.codes((attribute,))
        if codes is None:
            raise AskEachHost
        answers = codes.seen.setdefault(function, []) if _is_lasting(function) else []
        try:
            answers.extend(function(value) for value in codes.values[len(answers) :])
        except Exception:
            # The boundary to the plug-in: what raises here may be a value that no host in play has.
            raise AskEachHost from None
        column = as_column(answers)
        if column is None:
            raise AskEachHost
        missing = None if column.missing is None else column.missing.take(codes.codes)
        return Column(column.values.take(codes.codes), missing if missing is not None and missing.any() else None)

    # -- indexes -----------------------------------------------------------------------------

    def rows_named(self, name: str, *, fold: bool = False) -> list[int]:
        """The rows of the host of that name; `fold`: without regard to case."""
        if self._by_name is None:
            self._by_name = {}
            for row, known in enumerate(self._read("host") or ()):
                self._by_name.setdefault(known, []).append(row)
                if known.lower() != known:
                    self._by_name.setdefault(f"\0{known.lower()}", []).append(row)
        if not fold:
            return self._by_name.get(name, [])
        lower = name.lower()
        return sorted(self._by_name.get(lower, []) + self._by_name.get(f"\0{lower}", []))

    def named(self, names: Collection[str]) -> Column:
        """Whether the host's name is one of `names`."""
        mask = np.zeros(len(self), dtype=np.bool_)
        for name in names:
            mask[self.rows_named(name)] = True
        return Column(mask)

    def rows_with(self, uuid: str) -> Collection[int]:
        """The rows of the hosts that an instance is on."""
        return self._index().get(uuid, ())

    def count_instances(self, uuids: Collection[str]) -> Column:
        """How many of these instances are on the host."""
        counts = np.zeros(len(self), dtype=np.float64)
        index = self._index()
        for uuid in uuids if isinstance(uuids, frozenset | set) else frozenset(uuids):
            for row in index.get(uuid, ()):
                counts[row] += 1
        return Column(counts)

    def _index(self) -> dict[str, set[int]]:
        then, index, known = self._instances or (-1, {}, [])
        if then == self.now:
            return index
        marked = self.marked_since(then) if self._instances is not None else None
        if marked is None:
            index, known = {}, [()] * len(self)
            marked = list(range(len(self)))
            values = self._read("instances") or ()
        else:
            values = {row: self.host(row).instances for row in marked}  # type: ignore[assignment]
        for row in marked:
            for uuid in known[row]:
                index[uuid].discard(row)
            known[row] = values[row]
            for uuid in values[row]:
                index.setdefault(uuid, set()).add(row)
        self._instances = (self.now, index, known)
        return index


def as_column(values: Sequence[Any] | None) -> Column | None:
    """Values as a column, or None if they are not numbers (or truth values) that it holds exactly."""
    if values is None:
        return None
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        array = values if values.dtype.kind == "b" else values.astype(np.float64)
        return None if array.dtype.kind == "f" and _inexact(array) else Column(array)
    kinds = set(map(type, values))
    missing = None
    if type(None) in kinds:
        kinds.discard(type(None))
        missing = np.fromiter((value is None for value in values), dtype=np.bool_, count=len(values))
        values = [0 if value is None else value for value in values]
    if not len(values):
        # Of no hosts it is not known whether they hold numbers, truth values or text.
        return None
    if kinds == {bool}:
        return Column(np.array(values, dtype=np.bool_), missing)
    if not kinds <= _NUMBERS:
        return None
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    return None if int in kinds and _inexact(array) else Column(array, missing)


def _inexact(array: NDArray[Any]) -> bool:
    return bool(len(array)) and not bool(np.abs(array).max() < EXACT)


def typed_key(value: Any) -> Any:
    """A key that is equal only for values which no code can tell apart: 1, 1.0 and True differ.

    Objects of classes that are not ours to know are told apart by identity.
    """
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind in (int, float, bool):
        return kind, repr(value) if kind is float else value
    if isinstance(value, dict):
        return kind, tuple((typed_key(name), typed_key(item)) for name, item in value.items())
    if isinstance(value, tuple | list):
        return kind, tuple(typed_key(item) for item in value)
    if isinstance(value, frozenset):
        return kind, frozenset(typed_key(item) for item in value)
    if is_dataclass(value):
        return kind, tuple(typed_key(getattr(value, field.name)) for field in fields(value))
    return kind, id(value)


def _is_lasting(function: Callable[[Any], Any]) -> bool:
    """Whether the function is the same object at every call, and so worth remembering answers for."""
    return getattr(function, "__closure__", ()) is None and getattr(function, "__name__", "<lambda>") != "<lambda>"


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
