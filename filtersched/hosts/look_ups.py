"""Look-ups: what filters and weighers ask of hosts beyond the value of an attribute.

Each takes one host, or columns of many in the place of one. On columns the pool answers from what
it keeps: an item of a mapping as a column, the instances of all hosts as one table. A change of a host
updates its row of these caches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from filtersched.columns.column import Column, HostColumns, NotVectorizable
from filtersched.columns.distinct_values import as_column
from filtersched.hosts.field_table import FieldTable
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.recipes import Gathered
from filtersched.hosts.row_caches import Recipe

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


def is_named(host: Any, names: Collection[str]) -> Any:
    """Whether the host's name is one of `names`. Reads `host`."""
    if not isinstance(host, HostColumns):
        return host.host in names
    return host.look_up(IsNode(tuple((name, None) for name in names)))


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


def may_have(rows: HostRows, attribute: str, key: str | None = None) -> bool:
    """Whether a host may have an attribute, or an item of a mapping."""
    try:
        if key is not None:
            return key in rows.current(keys, attribute)
        return not rows.is_plain(attribute) or rows.may_have(attribute)
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

    def column(self, rows: HostRows) -> Any:
        """The answers of all hosts, or one that all have. Raises NotVectorizable."""
        return rows.current(each_host, type(self), self) if self.key in rows.current(keys, self.attribute) else None


class HasKey(NamedTuple):
    """Whether a mapping has an item."""

    attribute: str
    key: str

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.attribute,)

    def of(self, host: Any) -> Any:
        return self.key in getattr(host, self.attribute)

    def column(self, rows: HostRows) -> Any:
        return rows.current(each_host, type(self), self) if self.key in rows.current(keys, self.attribute) else False


class HasAttribute(NamedTuple):
    """Whether a host has an attribute."""

    name: str

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.name,)

    def of(self, host: Any) -> Any:
        return hasattr(host, self.name) and not callable(getattr(host, self.name))

    def column(self, rows: HostRows) -> Any:
        # Attributes that only some hosts may have are looked for host by host.
        if not rows.is_plain(self.name):
            raise NotVectorizable
        return rows.current(each_host, type(self), self) if rows.may_have(self.name) else False


class IsNode(NamedTuple):
    """Whether a host is one of some nodes."""

    nodes: tuple[tuple[str, str | None], ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("host", "nodename") if any(node is not None for _name, node in self.nodes) else ("host",)

    def of(self, host: Any) -> Any:
        return any(name == host.host and node in (None, host.nodename) for name, node in self.nodes)

    def column(self, rows: HostRows) -> Any:
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
        field = attrgetter(self.field)
        return sum(1 for one in host.instances.values() if field(one) == self.value)

    def column(self, rows: HostRows) -> Any:
        is_known = rows.current(field_table, self.field).has(self.value)
        return rows.current(instances_with, *self) if is_known else 0


class Instances(NamedTuple):
    """How many instances a host has."""

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("instances",)

    def of(self, host: Any) -> Any:
        return len(host.instances)

    def column(self, rows: HostRows) -> Any:
        return rows.current(each_host, type(self), self)


def rows_of_node(rows: HostRows, host: str, node: str | None) -> list[int]:
    """The rows of a node of a host; None is all of its nodes."""
    found = rows.rows_named(host)
    return found if node is None else [row for row in found if rows.host(row).nodename == node]


# -- recipes of what the pool keeps for them ---------------------------------------------------


def each_host(_kind: type, look_up: Any) -> Recipe[Column]:
    """The answers to a look-up, host by host."""
    return Recipe(look_up.attributes, look_up.of, lambda rows: as_column(list(map(look_up.of, rows.hosts()))), 1)


def instances_with(field: str, value: Any) -> Recipe[Column]:
    """How many instances with a value each host has."""
    of = InstancesWith(field, value).of
    return Recipe(("instances",), of, lambda rows: rows.current(field_table, field).counts(value), 1)


def field_table(field: str) -> Recipe[FieldTable]:
    """A field of the instances of all hosts."""
    return Recipe(
        ("instances",),
        attrgetter("instances"),
        lambda rows: FieldTable(rows.values("instances"), rows.numbers, field),
        1,
    )


def keys(attribute: str) -> Recipe[Gathered]:
    """The keys that a mapping has on any host, or had."""

    def of(host: Any) -> Collection[str]:
        found: Collection[str] = getattr(host, attribute).keys()
        return found

    def make(rows: HostRows) -> Gathered:
        return Gathered(chain.from_iterable(mapping.keys() for mapping in rows.values(attribute)))

    return Recipe((attribute,), of, make)
