"""Kinds: what values an attribute of a host may have, and the kinds that annotations name."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from filtersched.columns.frozen import FrozenDict, FrozenList, thaw
from filtersched.columns.plain_data import plain_data, plain_mapping
from filtersched.columns.shared_values import shared_made
from filtersched.columns.stored import Stored
from filtersched.columns.values import amount, naive_utc, name, number, optional, optional_text, ratio, text
from filtersched.errors import must_be, shown


@dataclass(frozen=True, slots=True)
class Kind:
    """What values an attribute may have."""

    #: For readers: "number", "list of text".
    words: str
    #: Makes the value to keep of a given one, or raises ValueError.
    check: Callable[[Any], Any]
    #: The same where None is a value too; by default None stays None.
    or_none: Callable[[Any], Any] | None = None
    #: Makes plain data of a value, which `check` reads back.
    plain: Callable[[Any], Any] = thaw
    #: Whether values are read-only.
    is_read_only: bool = False
    #: Whether a cell of a CSV file is text, whatever it looks like.
    is_text: bool = False
    #: Kinds of numpy arrays that hold good values if their least and greatest values are good.
    array_kinds: str = ""
    #: Values to try plug-ins on.
    samples: tuple[Any, ...] = ()


def whole_number(value: Any) -> int:
    """`value` as an int, if it is a finite number without a fraction."""
    found = number(value)
    if found != int(found):
        raise ValueError("a whole number")
    return int(found)


def truth(value: Any) -> bool:
    """`value` as a bool, if it is True or False; NumPy's become Python's."""
    found = value.item() if hasattr(value, "dtype") and not getattr(value, "shape", ()) else value
    if not isinstance(found, bool):
        raise ValueError("true or false")
    return found


def items(value: Any) -> list[Any]:
    """The items of a list or the like; not of text, and not of a mapping."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection | Iterator):
        raise ValueError("a list")
    return list(value)


def alike(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check for what many hosts have in common: equal values become one object."""
    return functools.partial(shared_made, check)


def unchecked(value: Any) -> Any:
    """`value` itself."""
    return value


def _interned(value: Any) -> str:
    return sys.intern(text(value))


def _kind(words: str, check: Callable[[Any], Any], *samples: Any, **facts: Any) -> Kind:
    return Kind(words, check, is_read_only=True, samples=samples, **facts)


TEXT = _kind("text", text, "", "a", "b", or_none=optional_text, is_text=True)
# Of which many hosts have the same.
COMMON_TEXT = _kind("text", _interned, "", "a", "b", or_none=optional(_interned), is_text=True)
NAME = _kind("text, not empty", name, "a", "b", is_text=True)
NUMBER = _kind("number", number, -1, 0, 2.5, 4096, array_kinds="iuf")
AMOUNT = _kind("number, 0 or more", amount, 0, 1, 2.5, 4096, array_kinds="iuf")
WHOLE = _kind("whole number", whole_number, -1, 0, 1, 4096, array_kinds="iu")
RATIO = _kind("number, 0 or more; 0 means None", ratio, 0.0, 1.0, 2.5, or_none=ratio, array_kinds="f")
TRUTH = _kind("true or false", truth, False, True)
TIME = _kind("time, UTC", naive_utc, "2026-01-31T12:00:00", or_none=naive_utc, is_text=True)
DATA = _kind("plain data", plain_data, "", 0, {"a": 1}, [1, "b"])
# Of a type that is not known here: whatever is given, and plain data in files.
OBJECT = Kind("object", unchecked, plain=plain_data)

_SIMPLE: dict[Any, Kind] = {
    str: TEXT,
    int: WHOLE,
    float: NUMBER,
    bool: TRUTH,
    datetime: TIME,
    Any: DATA,
}


def kind_of(annotation: Any) -> tuple[Kind, bool]:
    """The kind of values that a type names, and whether None is one of them."""
    if get_origin(annotation) is Stored:
        annotation = get_args(annotation)[1]
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [one for one in get_args(annotation) if one is not types.NoneType]
        is_optional = len(rest) < len(get_args(annotation))
        kind = kind_of(rest[0])[0] if len(rest) == 1 else NUMBER if set(rest) == {int, float} else OBJECT
        return kind, is_optional
    return _SIMPLE.get(annotation) or _container(annotation), False


def _container(annotation: Any) -> Kind:
    found = get_origin(annotation) or annotation
    inner = get_args(annotation)
    if found is Literal:
        return _choice(inner)
    if not isinstance(found, type):
        return OBJECT
    if issubclass(found, Mapping):
        return _mapping(_SIMPLE.get(inner[1], DATA) if len(inner) == 2 and inner[0] is str else DATA)
    of = _SIMPLE.get(inner[0], DATA) if inner and (found is not tuple or inner[1:] == (...,)) else DATA
    if issubclass(found, Set):
        return _several("set", frozenset, of) if of.array_kinds or of.is_text else OBJECT
    if issubclass(found, list | tuple) or found in (Sequence, Collection, Iterable):
        return _several("list", FrozenList, of)
    return OBJECT


def _choice(choices: Sequence[Any]) -> Kind:
    words = " or ".join(map(repr, choices))

    def check(value: Any) -> Any:
        if value not in choices:
            raise ValueError(words)
        return value

    return _kind(words, check, *choices, is_text=all(isinstance(choice, str) for choice in choices))


def _mapping(of: Kind) -> Kind:
    def check(value: Any) -> FrozenDict[str, Any]:
        found = plain_mapping(value)
        return found if of is DATA else FrozenDict({key: _item(of, shown(key), item) for key, item in found.items()})

    some = of.samples[:2]
    return _kind(f"{of.words} by name", alike(check), {}, *({"a": value} for value in some))


def _several(words: str, make: Callable[[Iterator[Any]], Any], of: Kind) -> Kind:
    def check(value: Any) -> Any:
        return make(_item(of, "an item", item) for item in items(value))

    return _kind(f"{words} of {of.words}", alike(check), [], [*of.samples[:1]], [*of.samples[:2]])


def _item(of: Kind, which: str, value: Any) -> Any:
    try:
        return of.check(value)
    except ValueError as problem:
        raise ValueError(f"must be of {of.words}; {must_be(which, problem, value)}") from None
