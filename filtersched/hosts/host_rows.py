"""HostRows: hosts in rows, with numpy columns of the attributes that somebody asked for.

The object is the truth, a column is a cache. Whoever changes a host marks its row; dirty rows are
read again when a column is next asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any

import numpy as np

from filtersched.columns.column import Column, NotVectorizable, counted, put
from filtersched.columns.distinct_values import Answers, Codes, as_column, combined
from filtersched.columns.frozen import typed_key
from filtersched.hosts.declared_items import Items, Name, attribute_of, read
from filtersched.hosts.host_names import HostNames, RowsByName
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import InstanceIndex
from filtersched.hosts.look_ups import kept_with, kept_without
from filtersched.hosts.owner import Owner
from filtersched.hosts.row_caches import MISSING, RowCaches, coded_value
from filtersched.hosts.row_changes import RowChanges

# Of how many functions it is remembered what they say of the values of an attribute: at least, at most,
# and for how many rows in all.
_LEAST_SEEN, _MOST_SEEN, _MOST_SEEN_ROWS = 8, 32, 4_000_000
# What a plug-in reads may depend on the request: so many codes of items are kept.
_MOST_CODES_OF_ITEMS = 16


class HostRows(RowChanges):
    """Hosts in rows, known by their place.

    given : columns that were handed over instead of objects, name to (n_rows,) sequence; a row is
        the truth until its host's object is asked for, and from then on the object is.
    host_class : of the objects that are made of them.
    owner : of these objects.
    """

    def __init__(
        self,
        hosts: Iterable[HostState | None] = (),
        *,
        given: Mapping[str, Sequence[Any]] | None = None,
        host_class: type[HostState] = HostState,
        owner: Owner | None = None,
    ) -> None:
        self._hosts: list[HostState | None] = list(hosts)
        self._given = dict(given or {})
        self._host_class = host_class
        self._made: list[int] = []
        self._owner = owner
        self._by_name: RowsByName | None = None
        self.version: int = 0
        super().__init__()
        self._forget()

    def _forget(self) -> None:
        """Drop every cache: rows came or went."""
        self.version += 1
        self._forget_changes()
        self._columns: dict[str, tuple[int, Column | None]] = {}
        self._codes: dict[tuple[Name, ...], tuple[int, Codes | None]] = {}
        self._names: Sequence[str] | None = None
        self._host_names: HostNames | None = None
        self._by_lower: dict[str, list[str]] | None = None
        self._instances: InstanceIndex | None = None
        # What look-ups keep.
        self.kept: dict[Any, Any] = {}

    def drop_caches(self) -> None:
        """Forget everything that was made of the hosts, whatever state it may be in."""
        self._by_name = None
        self._made = [row for row, host in enumerate(self._hosts) if host is not None] if self._given else []
        self._forget()

    def __len__(self) -> int:
        return len(self._hosts)

    # -- objects -----------------------------------------------------------------------------

    def host(self, row: int) -> HostState:
        """The object of a row, made now if only columns were given."""
        found = self._hosts[row]
        return self._make(row) if found is None else found

    @property
    def has_objects(self) -> bool:
        """Whether every row has its object; if only columns were given, objects are made one by one."""
        return not self._given

    def hosts(self) -> list[HostState]:
        """All objects, in order of rows."""
        if self._given:
            return [self.host(row) for row in range(len(self._hosts))]
        return self._hosts  # type: ignore[return-value]

    def _make(self, row: int) -> HostState:
        made = self._host_class(**{name: _python(values[row]) for name, values in self._given.items()})
        made._owner = self._owner
        made._scratch = None
        self._hosts[row] = made
        self._made.append(row)
        return made

    def names(self) -> Sequence[str]:
        """The names of the hosts, in order of rows; the same sequence until rows come or go."""
        if self._names is None:
            self._names = self._given["host"] if self._given else self._read("host") or ()
        return self._names

    def host_names(self) -> HostNames:
        """What the hosts are called; the same object until rows come or go."""
        if self._host_names is None:
            several = self._index_of_names().several()
            self._host_names = HostNames(self.names(), several, lambda: self._read("nodename") or ())
        return self._host_names

    @property
    def host_class(self) -> type[HostState]:
        """The class of hosts that are made when they are asked for."""
        return self._host_class

    def exchange(self, row: int, host: HostState) -> None:
        """Let another object of the same name and values have a row."""
        self._hosts[row] = host

    def extend(self, hosts: Iterable[HostState]) -> None:
        """Give hosts the next rows."""
        self._hosts.extend(hosts)
        self.drop_caches()

    def append(self, host: HostState, row: int) -> None:
        """Give the host the next row, unless it has it."""
        self._use_objects()
        is_new = len(self._hosts) == row
        kept = kept_with(self, host) if is_new else {}
        caches = self._current_caches() if is_new and row else RowCaches()
        kinds = self._kinds
        if is_new:
            self._hosts.append(host)
            if self._by_name is not None:
                self._by_name.append(host.host, row)
        self._forget()
        self.kept = kept
        self._kinds = None if kinds is None else kinds | {type(host)}
        self._take_over(caches.with_host(host))

    def remove(self, host: HostState, row: int) -> None:
        """Take the host out of its row, unless that is done; the ones behind move up."""
        self._use_objects()
        is_there = row < len(self._hosts) and self._hosts[row] is host
        kept = kept_without(self, row) if is_there else {}
        caches = self._current_caches() if is_there and len(self._hosts) > 1 else RowCaches()
        kinds = self._kinds
        if is_there:
            del self._hosts[row]
            if self._by_name is not None:
                self._by_name.remove(host.host, row)
        self._forget()
        self.kept = kept
        # That a class is among them of which no host is left changes no answer.
        self._kinds = kinds
        self._take_over(caches.without_row(row))

    def _current_caches(self) -> RowCaches:
        """The columns, codes, names and index that are kept, with all changes in them."""
        columns = {}
        for attribute in self._columns:
            with contextlib.suppress(NotVectorizable):
                columns[attribute] = self.column(attribute)
        codes = {attributes: self.codes(attributes) for attributes in list(self._codes)}
        instances = None
        with contextlib.suppress(Exception):
            # The boundary to a class derived from HostState: what cannot be read is read anew.
            instances = None if self._instances is None else self._index()
        names = None if self._names is None else list(self._names)
        return RowCaches(columns, {name: one for name, one in codes.items() if one is not None}, names, instances)

    def _take_over(self, caches: RowCaches) -> None:
        now = self.change_count
        self._columns = {attribute: (now, column) for attribute, column in caches.columns.items()}
        self._codes = {attributes: (now, codes) for attributes, codes in caches.codes.items()}
        self._names = caches.names
        self._instances = caches.instances

    def _use_objects(self) -> None:
        """From here on every host is an object: rows are about to move."""
        if self._given:
            self.hosts()
            self._given = {}
            self._made = []

    # -- marks -------------------------------------------------------------------------------

    def mark_instances(
        self, row: int, attributes: Collection[str] | None, arrived: Iterable[str], left: Iterable[str]
    ) -> None:
        """The same for a host whose instances have changed by these, and no others."""
        index = self._instances
        is_current = index is not None and index.change_count == self.change_count
        self.mark_dirty(row, attributes)
        if index is not None and is_current:
            index.change(row, self.host(row).instances, arrived, left)
            index.change_count = self.change_count

    # -- columns -----------------------------------------------------------------------------

    def column(self, attribute: str) -> Column:
        """The attribute as numbers: float64, or bool if all are truth values.

        Raises NotVectorizable if they are not numbers that a column holds exactly.
        """
        then, column = self._columns.get(attribute, (-1, None))
        if then != self.change_count:
            try:
                watched = self.watched_attributes((attribute,))
                dirty = self.dirty_rows_since(then, watched) if column is not None else None
                if column is None or dirty is None or not all(
                    put(column, row, getattr(self.host(row), attribute)) for row in dirty
                ):
                    column = self._read_column(attribute)
            except Exception:
                # The boundary to a class derived from HostState: it may be a host that is no candidate.
                column = None
            self._columns[attribute] = (self.change_count, column)
        if column is None:
            raise NotVectorizable
        return column

    def _read_column(self, attribute: str) -> Column | None:
        if not self._is_default(attribute):
            return as_column(self._read(attribute))
        one = as_column([getattr(self._host_class, attribute)])
        if one is None:
            return None
        missing = None if one.missing is None else one.missing.repeat(len(self))
        return Column(one.values.repeat(len(self)), missing, one.max_abs_int)

    def _is_default(self, attribute: str) -> bool:
        """Whether no host was given the attribute, so that all have the default of the class."""
        return (
            bool(self._given)
            and not self._made
            and attribute not in self._given
            and hasattr(self._host_class, attribute)
        )

    def _read(self, attribute: str) -> Sequence[Any] | None:
        """The attribute of every row, or None if some host does not have it."""
        if not self._given:
            try:
                return list(map(attrgetter(attribute), self._hosts))
            except AttributeError:
                return None
        if attribute in self._given:
            values = self._given[attribute]
        elif hasattr(self._host_class, attribute):
            values = [getattr(self._host_class, attribute)] * len(self._hosts)
        else:
            return None
        if not self._made:
            return values
        made = [getattr(self._hosts[row], attribute) for row in self._made]
        if isinstance(values, np.ndarray):
            values = values.copy() if _holds(values.dtype, made) else values.tolist()
        else:
            values = list(values)
        for row, value in zip(self._made, made, strict=True):
            values[row] = value
        return values

    def codes(self, attributes: tuple[Name, ...]) -> Codes | None:
        """The distinct values of an attribute or its items, or of several together; None if they cannot be read."""
        then, codes = self._codes.get(attributes, (-1, None))
        if then != self.change_count:
            try:
                codes = self._codes_now(attributes, then, codes)
            except Exception:
                # The boundary to a class derived from HostState: it may be a host that is no candidate.
                codes = None
            if attributes not in self._codes and Items in map(type, attributes):
                self._forget_codes_of_items()
            self._codes[attributes] = (self.change_count, codes)
        return codes

    def _forget_codes_of_items(self) -> None:
        """Make room for others: the oldest go."""
        of_items = [attributes for attributes in self._codes if Items in map(type, attributes)]
        for attributes in of_items[: 1 - _MOST_CODES_OF_ITEMS]:
            del self._codes[attributes]

    def _codes_now(self, attributes: tuple[Name, ...], then: int, codes: Codes | None) -> Codes | None:
        """The codes of `then` with the dirty rows coded anew, or all rows."""
        dirty = self.dirty_rows_since(then, self.watched_attributes(attributes)) if codes is not None else None
        if codes is None or dirty is None:
            return self._coded(attributes)
        for row in dirty:
            codes.put(row, coded_value(self.host(row), attributes))
        return codes

    def _coded(self, attributes: tuple[Name, ...]) -> Codes | None:
        if len(attributes) > 1:
            parts = [self.codes((attribute,)) for attribute in attributes]
            known = [part for part in parts if part is not None]
            return combined(known) if len(known) == len(parts) else None
        (name,) = attributes
        if self._is_default(attribute_of(name)):
            codes = Codes([read(self._host_class, name)])
            codes.codes = codes.codes.repeat(len(self))
            return codes
        values = self._read(attribute_of(name))
        if values is None:
            return Codes([read(host, name, MISSING) for host in self.hosts()])
        return Codes(name.of_each(values) if type(name) is Items else values)

    def of_each(self, attribute: Name, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of the attribute and the arguments, called once for each distinct value of it.

        A Column, or the one answer if it is the same for every host; None is missing.
        """
        codes = self.codes((attribute,))
        if codes is None or not self._hosts:
            raise NotVectorizable
        key = (function, typed_key(arguments)) if arguments else function
        answers = codes.seen.pop(key, None) or Answers()
        if _is_lasting(function):
            # The one used last comes last.
            codes.seen[key] = answers
            if len(codes.seen) > max(_LEAST_SEEN, min(_MOST_SEEN, _MOST_SEEN_ROWS // len(self))):
                del codes.seen[next(iter(codes.seen))]
        try:
            return answers.of(codes, lambda value: function(_present(value), *arguments))
        except Exception:
            # The boundary to the plug-in: what raises here may be a value that no candidate has.
            raise NotVectorizable from None

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up: a Column, or one value that all hosts have. Raises NotVectorizable."""
        if not self._hosts:
            raise NotVectorizable
        try:
            return look_up.column(self)
        except Exception:
            # The boundary to a class derived from HostState: it may be a host that is no candidate.
            raise NotVectorizable from None

    def values(self, attribute: str) -> Sequence[Any]:
        """The attribute of every row. Raises NotVectorizable if some host does not have it."""
        found = self._read(attribute)
        if found is None:
            raise NotVectorizable
        return found

    def changed_rows(self, then: int, attributes: Collection[str]) -> list[int] | None:
        """The rows in which one of these attributes has changed since; None if all may have."""
        return self.dirty_rows_since(then, self.watched_attributes(tuple(attributes)))

    def attribute_names(self) -> set[str]:
        """The names of attributes that some host may have been given; of others none has any."""
        then, names = self.kept.get("attribute names", (-1, None))
        if then != self.change_count:
            dirty = None if names is None else self.dirty_rows_since(then, None)
            if names is None or dirty is None:
                names = set(dir(self._host_class)).union(self._given, *map(dir, set(map(type, self._hosts))))
                dirty = [row for row, host in enumerate(self._hosts) if host is not None]
            for row in dirty:
                names.update(self.host(row).__dict__)
            self.kept["attribute names"] = (self.change_count, names)
        return names  # type: ignore[no-any-return]

    # -- indexes -----------------------------------------------------------------------------

    def rows_named(self, name: str) -> list[int]:
        """The rows of the host of that name, several if it has several nodes."""
        return list(self._index_of_names()[name])

    def rows_named_like(self, name: str) -> list[int]:
        """The rows of the hosts of that name without regard to case."""
        if self._by_lower is None:
            by_lower: dict[str, list[str]] = {}
            for known in self._index_of_names():
                by_lower.setdefault(known.lower(), []).append(known)
            self._by_lower = by_lower
        return sorted(row for known in self._by_lower.get(name.lower(), ()) for row in self.rows_named(known))

    def row_of(self, host: str, nodename: str) -> int | None:
        """The row of a node of a host; None if there is none."""
        for row in self._index_of_names()[host]:
            if self._node(row) == nodename:
                return row
        return None

    def _node(self, row: int) -> str:
        found = self._hosts[row]
        return str(self._given["nodename"][row]) if found is None else found.nodename

    def _index_of_names(self) -> RowsByName:
        if self._by_name is None:
            self._by_name = RowsByName(self.names())
        return self._by_name

    def named(self, names: Collection[str]) -> Column:
        """Whether the host's name is one of `names`."""
        mask = np.zeros(len(self), dtype=np.bool_)
        for name in names:
            mask[self.rows_named(name)] = True
        return Column(mask)

    def rows_with(self, uuid: str) -> Collection[int]:
        """The rows of the hosts that an instance is on."""
        return self._index().rows_with(uuid)

    def members_of(self, group: str) -> Collection[str]:
        """The uuids of the instances that are in a server group."""
        return self._index().members_of(group)

    def count_instances(self, uuids: Collection[str]) -> Any:
        """How many of these instances are on the host: a Column, or 0 if none is on any."""
        index = self._index()
        found = [row for uuid in frozenset(uuids) for row in index.rows_with(uuid)]
        return counted(found, len(self)) if found else 0

    def _index(self) -> InstanceIndex:
        index = self._instances
        if index is not None and index.change_count == self.change_count:
            return index
        # Not kept if it is left half done, by a host whose instances cannot be read.
        self._instances = None
        watched = self.watched_attributes(("instances",))
        dirty = None if index is None else self.dirty_rows_since(index.change_count, watched)
        if index is None or dirty is None:
            index, dirty = InstanceIndex(self._read("instances") or ()), []
        for row in dirty:
            index.put(row, self.host(row).instances)
        index.change_count = self.change_count
        self._instances = index
        return index


def _present(value: Any) -> Any:
    if value is MISSING:
        raise AttributeError("a host does not have the attribute")
    return value


def _holds(dtype: np.dtype[Any], values: Sequence[Any]) -> bool:
    """Whether an array of that type holds Python values as they are."""
    kinds = set(map(type, values))
    if dtype == np.float64 or dtype == np.bool_:
        return kinds <= {float if dtype == np.float64 else bool}
    if dtype.kind not in "iu" or not kinds <= {int}:
        return False
    ends = np.iinfo(dtype)
    return all(ends.min <= value <= ends.max for value in values)


def _is_lasting(function: Callable[[Any], Any]) -> bool:
    """Whether the function is the same object at every call, and so worth remembering answers for."""
    return type(function) is FunctionType and function.__closure__ is None and "<" not in function.__qualname__


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
