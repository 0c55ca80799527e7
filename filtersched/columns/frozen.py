"""Read-only containers, so that assigning an attribute is the only way to change what holds them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar, NoReturn, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Item = TypeVar("_Item", covariant=True)


def by_values(record: Any) -> tuple[Any, ...]:
    """How a frozen dataclass is pickled by the values of its fields: the `__reduce__` of the class."""
    kind: Any = type(record)
    fields = _fields_of(kind)
    assert fields is not None
    return _of_values, (kind, *fields(record))


def _of_values(kind: Any, *values: Any) -> Any:
    made = object.__new__(kind)
    for name, value in zip(kind.__dataclass_fields__, values, strict=False):
        object.__setattr__(made, name, value)
    return made


class FrozenDict(dict[_Key, _Value]):
    """A dict that refuses to be written to; frozen all the way down, so hashable if its leaves are.

    A dict and not a Mapping of its own, because filters ask `isinstance(value, dict)` and json
    writes nothing else. Writing raises TypeError. `is_plain` is set once everything in it is known to
    be plain data.
    """

    __slots__ = ("_hash", "is_plain")

    def __hash__(self) -> int:  # type: ignore[override]
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(frozenset(self.items()))
            return self._hash

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is read-only; assign a new one to the attribute instead")

    __setitem__: ClassVar[Callable[..., NoReturn]] = _refuse
    __delitem__: ClassVar[Callable[..., NoReturn]] = _refuse
    __ior__: ClassVar[Callable[..., NoReturn]] = _refuse
    update: ClassVar[Callable[..., NoReturn]] = _refuse
    clear: ClassVar[Callable[..., NoReturn]] = _refuse
    pop: ClassVar[Callable[..., NoReturn]] = _refuse
    popitem: ClassVar[Callable[..., NoReturn]] = _refuse
    setdefault: ClassVar[Callable[..., NoReturn]] = _refuse

    def __copy__(self) -> FrozenDict[_Key, _Value]:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> FrozenDict[_Key, _Value]:
        return self

    def __reduce__(self) -> tuple[type[FrozenDict[_Key, _Value]], tuple[dict[_Key, _Value]]]:
        return type(self), (dict(self),)


class FrozenList(tuple[_Item, ...]):
    """A list that refuses to be written to: a tuple that equals every list and tuple of the same items.

    Filters compare what they read with lists, as in `hints.get("_nova_check_type") == ["resize"]`.
    Writing raises TypeError.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return tuple.__ne__(self, tuple(other) if isinstance(other, list) else other)

    __hash__: ClassVar[Callable[[Any], int]] = tuple.__hash__

    def __add__(self, other: Any) -> Any:
        if isinstance(other, list):
            return [*self, *other]
        sum_: Any = tuple.__add__(self, other)
        return type(self)(sum_) if isinstance(sum_, tuple) else sum_

    def __radd__(self, other: Any) -> Any:
        return [*other, *self] if isinstance(other, list) else NotImplemented

    def copy(self) -> list[_Item]:
        """A list of the same items, to write to."""
        return list(self)

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this list is read-only; assign a new one to the attribute instead")

    __setitem__: ClassVar[Callable[..., NoReturn]] = _refuse
    __delitem__: ClassVar[Callable[..., NoReturn]] = _refuse
    append: ClassVar[Callable[..., NoReturn]] = _refuse
    extend: ClassVar[Callable[..., NoReturn]] = _refuse
    insert: ClassVar[Callable[..., NoReturn]] = _refuse
    remove: ClassVar[Callable[..., NoReturn]] = _refuse
    pop: ClassVar[Callable[..., NoReturn]] = _refuse
    clear: ClassVar[Callable[..., NoReturn]] = _refuse
    sort: ClassVar[Callable[..., NoReturn]] = _refuse
    reverse: ClassVar[Callable[..., NoReturn]] = _refuse


class FrozenNames(FrozenList[str]):
    """A FrozenList of names that finds a name without a look at the others."""

    def __contains__(self, name: object) -> bool:
        return name in self.as_set()

    def as_set(self) -> frozenset[str]:
        """The names as a set, made once."""
        known: frozenset[str] | None = self.__dict__.get("_set")
        if known is None:
            known = self.__dict__["_set"] = frozenset(self)
        return known

    def __reduce__(self) -> tuple[type[FrozenNames], tuple[tuple[str, ...]]]:
        return type(self), (tuple(self),)


class GrowingDict(FrozenDict[_Key, _Value]):
    """A FrozenDict that the one who made it goes on changing, until it freezes."""

    __slots__ = ()

    def put(self, key: _Key, value: _Value) -> None:
        """Add an item."""
        dict.__setitem__(self, key, value)

    def discard(self, key: _Key) -> None:
        """Drop an item, if it is there."""
        dict.pop(self, key, None)

    def freeze(self) -> None:
        """Become an ordinary FrozenDict."""
        self.__class__ = FrozenDict  # type: ignore[assignment]


EMPTY: FrozenDict[Any, Any] = FrozenDict()


# Most values are of these; asking an abstract class takes longer.
_SCALARS = frozenset((str, int, float, bool, type(None)))


def thaw(value: Any) -> Any:
    """The same data as plain dicts and lists, sets sorted and times as ISO text: what json writes."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [thaw(item) for item in value]
    if isinstance(value, Set):
        return sorted(thaw(item) for item in value)
    return value


def typed_key(value: Any) -> Any:
    """A key that is equal only for values which no code can tell apart: 1, 1.0 and True differ.

    Objects of classes that are not ours to know are told apart by identity.
    """
    kind: Any = type(value)
    if kind is str or value is None:
        return value
    if kind in (int, float, bool):
        return kind, repr(value) if kind is float else value
    if isinstance(value, dict):
        return kind, tuple([(typed_key(name), typed_key(item)) for name, item in value.items()]) if value else ()
    if isinstance(value, tuple | list):
        return kind, tuple(map(typed_key, value))
    if isinstance(value, frozenset):
        return kind, frozenset(map(typed_key, value))
    if kind is datetime and value.tzinfo is None:
        return kind, value, value.fold
    if getattr(kind, "is_canonical", False):
        # Equal ones cannot be told apart.
        return value
    fields = _fields_of(kind)
    if fields is None:
        return OnlyItself(value)
    values = fields(value)
    kinds = tuple(map(type, values))
    return kind, kinds, tuple([one if of in _EXACT else typed_key(one) for one, of in zip(values, kinds, strict=True)])


# Of these types, equal values cannot be told apart.
_EXACT = frozenset((str, int, bool, type(None)))


@functools.cache
def _fields_of(kind: type) -> Callable[[Any], tuple[Any, ...]] | None:
    """What reads the fields of a dataclass; None for another class."""
    names = getattr(kind, "__dataclass_fields__", None)
    if names is None:
        return None
    # Of one name it would give no tuple.
    return attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, name) for name in names)


class OnlyItself:
    """A key that is equal for the very same object only, and keeps it alive: an address is used again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OnlyItself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
