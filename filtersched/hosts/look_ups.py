"""Look-ups: what filters and weighers ask of hosts beyond the value of an attribute.

Each takes one host, or columns of many in the place of one. On columns the pool answers from what
it keeps: an item of a mapping as a column, the instances of all hosts as one table. A change of a host
updates its row of these caches.
"""

from __future__ import annotations

import contextlib
import operator
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, HostColumns, NotVectorizable, put, with_row, without_row
from filtersched.columns.distinct_values import as_column
from filtersched.hosts.instance_table import InstanceTable

# The most bytes of columns that a pool keeps for look-ups.
_KEPT_BYTES = 32 * 1024 * 1024
_T = TypeVar("_T")


class Rows(Protocol):
    """The rows of a pool; kept : what look-ups keep, until rows come or go."""

    kept: dict[Any, Any]
    change_count: int

    def __len__(self) -> int: ...
    def host(self, row: int) -> Any: ...
    def values(self, attribute: str) -> Any: ...
    def changed_rows(self, then: int, attributes: Collection[str]) -> list[int] | None: ...
    def rows_named(self, name: str) -> list[int]: ...
    def is_plain(self, attribute: str) -> bool: ...
    def attribute_names(self) -> set[str]: ...


# -- what plug-ins call ------------------------------------------------------------------------


def item(host: Any, attribute: str, key: str, function: Callable[[Any], Any] | None = None) -> Any:
    """The item `key` of a mapping, or `function` of it; None is missing.

    function : of a module, without a closure. It returns a number, a truth value or None.
    """
    return asked(host, Item(attribute, key, function))


def has_key(host: Any, attribute: str, key: str) -> Any:
    """Whether a mapping has an item `key`."""
    return asked(host, HasKey(attribute, key))


def has_attribute(host: Any, name: str) -> Any:
    """Whether the host has an attribute of that name that is no method."""
    return asked(host, HasAttribute(name))


def is_node(host: Any, nodes: Collection[tuple[str, str | None]]) -> Any:
    """Whether the host is one of `nodes`: names of host and node, None for all nodes of a host.

    Reads `host` and `nodename`.
    """
    return asked(host, IsNode(tuple(nodes)))


def count_instances_with(host: Any, field: str, value: Any) -> Any:
    """How many instances on the host have that value in a field of Instance. Reads `instances`."""
    return asked(host, InstancesWith(field, value))


def number_of_instances(host: Any) -> Any:
    """How many instances are on the host. Reads `instances`."""
    return asked(host, Instances())


def asked(host: Any, look_up: Any) -> Any:
    """The answer to a look-up, for one host or for columns."""
    return host.look_up(look_up) if isinstance(host, HostColumns) else look_up.of(host)


def may_have(rows: Rows, attribute: str, key: str | None = None) -> bool:
    """Whether a host may have an attribute, or an item of a mapping."""
    try:
        if key is not None:
            return _keys(rows, attribute).has(key)
        return not rows.is_plain(attribute) or attribute in rows.attribute_names()
    except Exception:
        # The boundary to a class derived from HostState.
        return True


# -- how they are answered ---------------------------------------------------------------------


class Item(NamedTuple):
    """An item of a mapping."""

    attribute: str
    key: str
    function: Callable[[Any], Any] | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it reads."""
        return (self.attribute,)

    def of(self, host: Any) -> Any:
        """The answer for one host."""
        found = getattr(host, self.attribute).get(self.key)
        return found if found is None or self.function is None else self.function(found)

    def column(self, rows: Rows) -> Any:
        """The answers of all hosts, or one that all have. Raises NotVectorizable."""
        return _kept_column(self, rows) if _keys(rows, self.attribute).has(self.key) else None


class HasKey(NamedTuple):
    """Whether a mapping has an item."""

    attribute: str
    key: str

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.attribute,)

    def of(self, host: Any) -> Any:
        return self.key in getattr(host, self.attribute)

    def column(self, rows: Rows) -> Any:
        return _kept_column(self, rows) if _keys(rows, self.attribute).has(self.key) else False


class HasAttribute(NamedTuple):
    """Whether a host has an attribute."""

    name: str

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.name,)

    def of(self, host: Any) -> Any:
        return hasattr(host, self.name) and not callable(getattr(host, self.name))

    def column(self, rows: Rows) -> Any:
        # Attributes that only some hosts may have are looked for host by host.
        if not rows.is_plain(self.name):
            raise NotVectorizable
        if self.name in rows.attribute_names():
            return _kept_column(self, rows)
        return False


class IsNode(NamedTuple):
    """Whether a host is one of some nodes."""

    nodes: tuple[tuple[str, str | None], ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("host", "nodename")

    def of(self, host: Any) -> Any:
        return any(name == host.host and node in (None, host.nodename) for name, node in self.nodes)

    def column(self, rows: Rows) -> Any:
        mask = np.zeros(len(rows), dtype=np.bool_)
        for name, node in self.nodes:
            mask[rows_of_node(rows, name, node)] = True
        return Column(mask)


class InstancesWith(NamedTuple):
    """How many instances of a host have a value in a field."""

    field: str
    value: Any

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("instances",)

    def of(self, host: Any) -> Any:
        field = operator.attrgetter(self.field)
        return sum(1 for one in host.instances.values() if field(one) == self.value)

    def column(self, rows: Rows) -> Any:
        table = _instances(rows)
        return _kept_column(self, rows, self._of_all) if table.has(self.field, self.value) else 0

    def _of_all(self, rows: Rows) -> Column:
        return _counts(_instances(rows).counts(self.field, self.value))


class Instances(NamedTuple):
    """How many instances a host has."""

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("instances",)

    def of(self, host: Any) -> Any:
        return len(host.instances)

    def column(self, rows: Rows) -> Any:
        return _kept_column(self, rows, self._of_all)

    def _of_all(self, rows: Rows) -> Column:
        return _counts(_instances(rows).totals())


# -- what the pool keeps for them --------------------------------------------------------------


def _kept_column(look_up: Any, rows: Rows, of_all: Callable[[Rows], Column] | None = None) -> Column:
    """The column of a look-up, kept; the least recently used goes first.

    of_all : makes it; by default the look-up is answered host by host.
    """
    columns: OrderedDict[Any, tuple[int, Column]] = rows.kept.setdefault("columns", OrderedDict())
    found = columns.pop(look_up, None)
    if found is not None:
        then, column = found
        dirty = rows.changed_rows(then, look_up.attributes) if then != rows.change_count else []
        if dirty is None or not all(put(column, row, look_up.of(rows.host(row))) for row in dirty):
            found = None
    if found is None:
        column = _host_by_host(look_up, rows) if of_all is None else of_all(rows)
    columns[look_up] = (rows.change_count, column)
    while len(columns) > 1 and len(columns) * column.values.nbytes > _KEPT_BYTES:
        columns.popitem(last=False)
    return column


def _counts(counts: NDArray[np.float64]) -> Column:
    return Column(counts, max_abs_int=float(counts.max(initial=0.0)))


def rows_of_node(rows: Rows, host: str, node: str | None) -> list[int]:
    """The rows of a node of a host; None is all of its nodes."""
    return [row for row in rows.rows_named(host) if node in (None, rows.host(row).nodename)]


def _host_by_host(look_up: Any, rows: Rows) -> Column:
    column = as_column([look_up.of(rows.host(row)) for row in range(len(rows))])
    if column is None:
        raise NotVectorizable
    return column


def _current(rows: Rows, name: str, attribute: str, make: Callable[[Any], _T]) -> _T:
    """Something that is made of an attribute of all rows, kept, and brought up to date by its `put`."""
    # Taken out while it changes: an exception must not leave half-done work in use.
    then, made = rows.kept.pop((name, attribute), (-1, None))
    dirty = rows.changed_rows(then, (attribute,)) if made is not None and then != rows.change_count else []
    if made is None or dirty is None:
        made = make(rows.values(attribute))
    else:
        for row in dirty:
            made.put(row, getattr(rows.host(row), attribute))
    rows.kept[name, attribute] = (rows.change_count, made)
    return made  # type: ignore[no-any-return]


def kept_with(rows: Rows, host: Any) -> dict[Any, Any]:
    """What `rows` keeps, with a host more at the end."""
    return _changed(
        rows,
        lambda made, attribute: made.append(getattr(host, attribute)),
        lambda column, look_up: with_row(column, look_up.of(host)),
    )


def kept_without(rows: Rows, row: int) -> dict[Any, Any]:
    """What `rows` keeps, without a row."""
    return _changed(
        rows, lambda made, _attribute: made.remove(row), lambda column, _look_up: without_row(column, row)
    )


def _changed(
    rows: Rows, change: Callable[[Any, str], None], changed: Callable[[Column, Any], Column | None]
) -> dict[Any, Any]:
    """What is kept, brought up to date and changed; what cannot be is made anew when it is asked for.

    change : changes what is made of an attribute; changed : returns another column of a look-up.
    """
    kept: dict[Any, Any] = {}
    columns: OrderedDict[Any, tuple[int, Column]] = OrderedDict()
    for name, attribute in [key for key in rows.kept if type(key) is tuple]:
        # What an exception leaves half done is not kept.
        with contextlib.suppress(Exception):
            made = _current(rows, name, attribute, _MAKERS[name])
            change(made, attribute)
            kept[name, attribute] = (rows.change_count, made)
    for look_up in list(rows.kept.get("columns", ())):
        with contextlib.suppress(Exception):
            column = changed(_kept_column(look_up, rows), look_up)
            if column is not None:
                columns[look_up] = (rows.change_count, column)
    return {**kept, "columns": columns} if rows.kept else {}


def _keys(rows: Rows, attribute: str) -> _Keys:
    return _current(rows, "keys", attribute, _Keys)


def _instances(rows: Rows) -> InstanceTable:
    return _current(rows, "table", "instances", InstanceTable)


class _Keys:
    """The keys that a mapping has on any host."""

    def __init__(self, mappings: Collection[Mapping[str, Any]]) -> None:
        self._mappings = list(mappings)
        self._counts: Counter[str] = Counter()
        for mapping in self._mappings:
            self._counts.update(mapping.keys())

    def has(self, key: str) -> bool:
        """Whether a host has it."""
        return self._counts[key] > 0

    def put(self, row: int, mapping: Mapping[str, Any]) -> None:
        """Give a row another mapping."""
        known = self._mappings[row]
        if mapping is not known:
            self._counts.subtract(known.keys())
            self._counts.update(mapping.keys())
            self._mappings[row] = mapping
            if len(self._counts) > 10_000:
                self._counts = +self._counts

    def append(self, mapping: Mapping[str, Any]) -> None:
        """Add a row with this mapping."""
        self._mappings.append(mapping)
        self._counts.update(mapping.keys())

    def remove(self, row: int) -> None:
        """Take a row out."""
        self._counts.subtract(self._mappings.pop(row).keys())


# What is made of an attribute of all hosts, and how.
_MAKERS: Mapping[str, Callable[[Any], Any]] = {"keys": _Keys, "table": InstanceTable}
