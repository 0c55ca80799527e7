"""Recipes of what HostRows makes of its hosts and keeps up to date."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from filtersched.columns.column import Column, NotVectorizable
from filtersched.columns.distinct_values import Codes, OneAnswer, as_column, combined
from filtersched.hosts.declared_items import Items, Name, read
from filtersched.hosts.instance_index import InstanceIndex
from filtersched.hosts.row_caches import Recipe
from filtersched.hosts.row_changes import MISSING
from filtersched.hosts.row_index import NameIndex

_MOST_GATHERED = 100_000


class Gathered(set[Any]):
    """All that hosts have, or had."""

    def put(self, _row: int, found: Iterable[Any]) -> None:
        """Note what a host has now. Raises NotVectorizable if there is too much of what hosts have, or had."""
        self.update(found)
        if len(self) > _MOST_GATHERED:
            raise NotVectorizable

    def append(self, found: Iterable[Any]) -> None:
        """Note what a further host has."""
        self.put(-1, found)

    def remove(self, _row: int) -> None:
        """A host goes."""


def numbers(attribute: str) -> Recipe[Column]:
    """An attribute as a column."""
    return Recipe((attribute,), attrgetter(attribute), lambda rows: rows.made(as_column, attribute))


def codes_of(names: tuple[Name, ...]) -> Recipe[Codes]:
    """The distinct values of an attribute, or of items of it, or of several together."""
    (first, *others), of_all = names, lambda host: tuple([read(host, name, MISSING) for name in names])

    def make(rows: Any) -> Codes:
        return combined([rows.current(codes_of, (name,)) for name in names]) if others else rows.made(Codes, first)

    # Requests may name items.
    weight = 8 if Items in map(type, names) else 0
    return Recipe(names, of_all if others else lambda host: read(host, first, MISSING), make, weight)


def answers_of(
    name: Name, function: Callable[..., Any], arguments: tuple[Any, ...], _key: Any
) -> Recipe[Column | OneAnswer]:
    """What a function says of an attribute and of further arguments; `_key` tells apart equal ones of other types."""

    def of_value(value: Any) -> Any:
        if value is MISSING:
            raise NotVectorizable
        return function(value, *arguments)

    return Recipe(
        (name,),
        lambda host: of_value(read(host, name, MISSING)),
        lambda rows: rows.current(codes_of, (name,)).column(of_value),
        1,
    )


def name_index() -> Recipe[NameIndex]:
    """The rows by the names of the hosts, which hosts keep."""
    return Recipe((), attrgetter("host"), lambda rows: NameIndex(rows.values("host"), rows.numbers))


def instance_index() -> Recipe[InstanceIndex]:
    """The rows by the instances of the hosts."""
    return Recipe(
        ("instances",), attrgetter("instances"), lambda rows: InstanceIndex(rows.values("instances"), rows.numbers)
    )


def gathered(of: Callable[[Any], Iterable[Any]], attributes: tuple[Name, ...] | None) -> Recipe[Gathered]:
    """All that a function finds on hosts that are objects; `attributes` as of Recipe."""
    return Recipe(attributes, of, lambda rows: Gathered(itertools.chain.from_iterable(map(of, rows.objects()))))
