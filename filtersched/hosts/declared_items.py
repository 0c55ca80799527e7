"""Items: some items of an attribute, in the place of its name; and the attribute with these items only."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, NoReturn

from filtersched.columns.frozen import FrozenDict, OnlyItself
from filtersched.errors import UndeclaredRead
from filtersched.hosts.host_values import Metrics

# Either the name of an attribute, or items of one.
Name = Any

_NO_ITEM = object()
_PLAIN = frozenset((str, int, float, bool, type(None), object))


class Items(NamedTuple):
    """The items of an attribute whose keys are these; `*` in a key stands for text, as `key_pattern` says.

    An attribute that is neither a mapping nor metrics has no items, and is read whole.
    """

    attribute: str
    keys: tuple[str, ...]

    @property
    def has_patterns(self) -> bool:
        """Whether a key stands for several."""
        return any("*" in key for key in self.keys)

    def cover(self, key: Any) -> bool:
        """Whether the item of that key is one of them."""
        return key in self.keys or (
            isinstance(key, str) and any("*" in one and key_pattern(one).fullmatch(key) for one in self.keys)
        )

    def of(self, value: Any) -> Any:
        """These items of the value of the attribute, in its order; the value itself if it has none."""
        if isinstance(value, Mapping):
            if not self.has_patterns:
                return FrozenDict({key: value[key] for key in self.keys if key in value})
            return FrozenDict({key: item for key, item in value.items() if self.cover(key)})
        if isinstance(value, Metrics):
            return Metrics(metric for metric in value if self.cover(metric.name))
        return value

    def of_each(self, values: Sequence[Any]) -> list[Any]:
        """These items of many values; where they are alike, mostly one object."""
        made: dict[Any, Any] = {}
        found: list[Any] = []
        has_patterns, keys = self.has_patterns, self.keys
        for value in values:
            alike: Any = None
            if not has_patterns and isinstance(value, FrozenDict):
                items = tuple([value.get(key, _NO_ITEM) for key in keys])
                kinds = tuple(map(type, items))
                if _PLAIN.issuperset(kinds):
                    # 0.0 equals -0.0, and can be told from it.
                    alike = kinds, tuple(map(repr, items)) if float in kinds else items
            if alike is None:
                alike = OnlyItself(value)
            if alike not in made:
                made[alike] = self.of(value)
            found.append(made[alike])
        return found


class DeclaredItems(Mapping[str, Any]):
    """A mapping with the declared items. A read that depends on the others raises UndeclaredRead.

    What is declared by a pattern can be iterated over. Items that are declared by key are read by key.
    """

    __slots__ = ("_value",)
    _items: ClassVar[Items]
    _keys: ClassVar[frozenset[str]]
    _plugin: ClassVar[str]
    _declaration: ClassVar[str]

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def are_of(self, value: object) -> bool:
        """Whether these are items of this very mapping."""
        return self._value is value

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys and not self._items.cover(key):
            self._refuse(key)
        return self._value[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The item, or `default`."""
        if key not in self._keys and not self._items.cover(key):
            self._refuse(key)
        return self._value.get(key, default)

    def __contains__(self, key: object) -> bool:
        if not self._items.cover(key):
            self._refuse(key)
        return key in self._value

    def __iter__(self) -> Iterator[str]:
        if not self._items.has_patterns:
            self._refuse_all()
        return iter(self._items.of(self._value))

    def __len__(self) -> int:
        self._refuse_all()

    def __bool__(self) -> bool:
        self._refuse_all()

    def __eq__(self, other: object) -> bool:
        self._refuse_all()

    def __hash__(self) -> int:
        self._refuse_all()

    def __repr__(self) -> str:
        return repr(dict(self._items.of(self._value)))

    def _refuse(self, key: object) -> NoReturn:
        raise undeclared(self._plugin, self._declaration, f"{self._items.attribute}.{key}")

    def _refuse_all(self) -> NoReturn:
        attribute, keys = self._items
        raise UndeclaredRead(
            f"{self._plugin} reads {attribute!r} as a whole, of which its {self._declaration} names "
            f"{', '.join(map(repr, keys))} only; read these by key, such as {attribute}.get({keys[0]!r}), or declare "
            f"{attribute!r}",
            plugin=self._plugin,
            attribute=attribute,
        )


def undeclared(plugin: str, declaration: str, name: str) -> UndeclaredRead:
    """The error for a read that the plug-in did not declare."""
    return UndeclaredRead(
        f"{plugin} reads {name!r}, which its {declaration} does not name", plugin=plugin, attribute=name
    )


def of_declared(value: Any, function: Any, items: Items, plugin: str, *arguments: Any) -> Any:
    """`function` of the value as a plug-in sees it, and of the arguments."""
    return function(seen_items(items, plugin, "host_reads")(value), *arguments)


@functools.lru_cache(maxsize=512)
def seen_items(items: Items, plugin: str, declaration: str) -> Callable[[Any], Any]:
    """What makes of the value of an attribute what a plug-in sees that declares these items."""
    members = {"__slots__": (), "_items": items, "_plugin": plugin, "_declaration": declaration}
    mapping: Any = type("DeclaredItems", (DeclaredItems,), {**members, "_keys": frozenset(items.keys)})

    def seen(value: Any) -> Any:
        return mapping(value) if type(value) is FrozenDict or isinstance(value, Mapping) else items.of(value)

    return seen


def attribute_of(name: Name) -> str:
    """The attribute that a name means, wholly or in part."""
    return name.attribute if type(name) is Items else name


def read(host: Any, name: Name, *default: Any) -> Any:
    """The attribute of a host, or items of it."""
    if type(name) is Items:
        return name.of(getattr(host, name.attribute, *default))
    return getattr(host, name, *default)


def reader(names: Sequence[Name]) -> Callable[[Any], Any]:
    """What reads of a host all that names mean; several as a tuple."""
    if Items not in map(type, names):
        return attrgetter(*names)
    return lambda host: tuple(read(host, name) for name in names)


def names_of(declared: tuple[Name, ...], mappings: frozenset[str] | None = None) -> tuple[Name, ...]:
    """What declared names mean: attributes, and items of those of which only items are declared; each once.

    mappings : the attributes that have items; None if any may.
    """
    return tuple(by_attribute(declared, mappings).values())


@functools.lru_cache(maxsize=1024)
def by_attribute(declared: tuple[Name, ...], mappings: frozenset[str] | None = None) -> Mapping[str, Name]:
    """The same by attribute."""
    keys: dict[str, list[str] | None] = {}
    for name in declared:
        attribute, wanted = _split(name)
        if not wanted or (mappings is not None and attribute not in mappings):
            keys[attribute] = None
        elif (known := keys.setdefault(attribute, [])) is not None:
            known.extend(wanted)
    return {name: name if some is None else Items(name, tuple(dict.fromkeys(some))) for name, some in keys.items()}


def _split(name: Name) -> tuple[str, Sequence[str]]:
    if type(name) is Items:
        return name
    attribute, _dot, key = name.partition(".")
    return attribute, (key,) if key else ()


def attributes_in(names: Iterable[Name]) -> tuple[str, ...]:
    """The attributes of names, each once, in their order."""
    return tuple(dict.fromkeys(map(attribute_of, names)))


@functools.lru_cache(maxsize=1024)
def key_pattern(key: str) -> re.Pattern[str]:
    """The keys that a declared key means."""
    scope, colon, rest = key.partition(":")
    before = "[^:]*".join(map(re.escape, scope.split("*")))
    after = ".*".join(map(re.escape, rest.split("*")))
    return re.compile(before + colon + after, re.DOTALL)
