"""Plain data: what JSON can hold, made read-only. It is what hosts and requests are made of.

    None, True, False           themselves
    text, numbers               themselves; a number must be finite, a whole number at most 300 digits long
    mappings                    FrozenDict, the keys are text
    lists, tuples, iterators    FrozenList, a tuple that equals lists too
    sets                        FrozenList, sorted
    datetime, date              ISO text
    UUID                        text
    numpy numbers and arrays    those of Python

So `json` writes and reads such data without loss. Anything else is refused.
"""

from __future__ import annotations

import functools
import itertools
import logging
import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from datetime import date
from types import ModuleType
from typing import Any
from uuid import UUID

from filtersched.columns.frozen import EMPTY, FrozenDict, FrozenList
from filtersched.errors import shown

LOG = logging.getLogger(__name__)

# Of the data that the `to_dict` methods of hosts, requests and selections write.
FORMAT_VERSION = 1
MAX_DEPTH = 100
MAX_DIGITS = 300
# An iterator may have no end.
_MAX_ITEMS = 1_000_000
_TOO_LARGE = 10**MAX_DIGITS
# Whole numbers below this are plain data without a closer look.
USUAL = 2**63
_INFINITE = math.inf


class NotPlainData(ValueError):
    """A value that JSON cannot hold; `path` are the keys that lead to it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []

    def __str__(self) -> str:
        where = f"under {'.'.join(self.path)[:100]!r}: " if self.path else ""
        return f"must be plain data, as JSON holds it; {where}{self.args[0]}"


def plain_data(value: Any, *, objects: bool = False) -> Any:
    """`value` as plain data; what is plain and read-only already is returned itself.

    objects : objects of other libraries are read too, as mappings of their public attributes.
    Raises NotPlainData.
    """
    kind = type(value)
    if kind is str or value is None or (kind is FrozenDict and hasattr(value, "is_plain")):
        return value
    return _plain(value, objects, 0)


def plain_scalar(value: Any) -> Any:
    """The same for text, a number or None: what ids are."""
    if value is None or type(value) is str or (type(value) is int and -USUAL < value < USUAL):
        return value
    plain = _plain(value, False, 0)
    if isinstance(plain, tuple | dict):
        raise ValueError("text or a number")
    return plain


def plain_mapping(value: Any, *, objects: bool = False) -> FrozenDict[str, Any]:
    """The same for a mapping; None is an empty one."""
    if value is None:
        return EMPTY
    if type(value) is FrozenDict and hasattr(value, "is_plain"):
        return value
    if type(value) is dict:
        return _plain_items(value, objects, 0)
    if not isinstance(value, Mapping) and not (objects and attributes_of(value)):
        raise ValueError("a mapping")
    mapping: FrozenDict[str, Any] = _plain(value, objects, 0)
    return mapping


def _plain(value: Any, objects: bool, depth: int) -> Any:
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is int or kind is float:
        return _checked_number(value)
    if depth >= MAX_DEPTH:
        raise NotPlainData(f"it is nested too deeply, more than {MAX_DEPTH} levels")
    if kind is list or kind is tuple or kind is FrozenList:
        return _plain_list(value, objects, depth)
    if kind is dict or isinstance(value, Mapping):
        return _plain_items(value, objects, depth)
    read = _READERS.get(kind) or next((reader for base, reader in _READERS.items() if isinstance(value, base)), None)
    if read is not None:
        return read(value)
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _plain(value.tolist(), objects, depth + 1)
    if isinstance(value, Set):
        return FrozenList(sorted((_plain(item, objects, depth + 1) for item in value), key=_sort_key))
    if isinstance(value, Collection | Iterator) and not isinstance(value, bytes | bytearray | memoryview):
        return _plain_list(value, objects, depth)
    attributes = attributes_of(value) if objects else None
    if attributes:
        return _plain_items(attributes, objects, depth)
    raise NotPlainData(f"{shown(value)} is none")


def _checked_number(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotPlainData(f"{value!r} is no finite number")
    elif not -_TOO_LARGE < value < _TOO_LARGE:
        raise NotPlainData(f"a whole number may have {MAX_DIGITS} digits, and {shown(value)} has more")
    return value


def _flat(value: dict[Any, Any]) -> FrozenDict[str, Any] | None:
    """The mapping read-only, if it holds nothing but text, truth values and numbers of the usual size."""
    items: dict[str, Any] = {}
    for key, item in value.items():
        kind = type(item)
        if type(key) is not str or not (
            kind is str
            or (kind is float and -_INFINITE < item < _INFINITE)
            or (kind is int and -USUAL < item < USUAL)
            or kind is bool
            or item is None
        ):
            return None
        # Many mappings have the same keys.
        items[sys.intern(key)] = item
    made: Any = FrozenDict(items)
    made.is_plain = True
    return made  # type: ignore[no-any-return]


def _plain_items(value: Mapping[Any, Any], objects: bool, depth: int) -> FrozenDict[str, Any]:
    if not value:
        return EMPTY if type(value) is not FrozenDict else value
    if type(value) is dict:
        flat = _flat(value)
        if flat is not None:
            return flat
    items = {}
    unchanged = isinstance(value, FrozenDict)
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotPlainData(f"a key must be text, and {shown(key)} is none")
        try:
            items[str.__str__(key)] = plain = _plain(item, objects, depth + 1)
        except NotPlainData as problem:
            problem.path.insert(0, key)
            raise
        unchanged = unchanged and plain is item
    made: Any = value if unchanged else FrozenDict(items)
    made.is_plain = True
    return made  # type: ignore[no-any-return]


def _plain_list(value: Iterable[Any], objects: bool, depth: int) -> FrozenList[Any]:
    if isinstance(value, Iterator):
        value = tuple(itertools.islice(value, _MAX_ITEMS + 1))
        if len(value) > _MAX_ITEMS:
            raise NotPlainData(f"an iterator of more than {_MAX_ITEMS} items is too long")
    items = FrozenList([item if type(item) is str else _plain(item, objects, depth + 1) for item in value])
    if type(value) is FrozenList and all(new is old for new, old in zip(items, value, strict=True)):
        return value
    return items


def _sort_key(value: Any) -> tuple[str, Any]:
    # Numbers among themselves, text among itself, anything else by how it looks.
    if isinstance(value, int | float):
        return "", value
    return type(value).__name__, value if isinstance(value, str) else repr(value)


def attributes_of(value: Any, names: Iterable[str] = ()) -> dict[str, Any] | None:
    """The public attributes of an object of another library, those of `names` first; None if it is no record."""
    if isinstance(value, type | ModuleType | str | bytes | int | float) or callable(value):
        return None
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    if isinstance(value, Collection | Iterator):
        return None
    own = getattr(type(value), "fields", None)
    if not isinstance(own, Mapping):
        slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
        own = [*getattr(value, "__dict__", ()), *slots]
    found = {}
    for name in dict.fromkeys([*names, *own]):
        attribute = None if name.startswith("_") else _attribute(value, name)
        if attribute is not None and not callable(attribute):
            found[name] = attribute
    return found if found or hasattr(value, "__dict__") else None


def _attribute(value: Any, name: str) -> Any:
    """The attribute; None if the object has none, or would have to load it."""
    try:
        # Nova's objects load some attributes from a database, and say which are there.
        is_set = getattr(type(value), "obj_attr_is_set", None)
        return getattr(value, name, None) if is_set is None or is_set(value, name) else None
    except (AttributeError, NotImplementedError):
        return None
    except Exception as problem:
        # The boundary to another library. What cannot be read is not the same as what is not there.
        raise NotPlainData(f"{name!r} cannot be read, {type(problem).__name__}: {problem}") from problem


def plain_ones(facts: Mapping[str, Any], what: str, source: Any) -> dict[str, Any]:
    """The facts that are plain data; the log names the others. For `what` and `source`, see `note_unread`."""
    found, others = {}, []
    for name, fact in facts.items():
        try:
            found[name] = plain_data(fact)
        except NotPlainData:
            others.append(name)
    note_unread(what, source, others)
    return found


def note_unread(what: str, source: Any, names: Iterable[str]) -> None:
    """Name in the log, once for each class, the attributes of another library's object that are not read.

    what : such as "an instance".
    """
    if LOG.isEnabledFor(logging.INFO):
        kind = type(source)
        _note_once(what, f"{kind.__module__}.{kind.__qualname__}", tuple(names))


@functools.lru_cache(maxsize=256)
def _note_once(what: str, kind: str, names: tuple[str, ...]) -> None:
    if names:
        said = ", ".join(name if name.isidentifier() else shown(name) for name in names)
        LOG.info("%s, an object of %s: not read: %s", what, kind, said)


_READERS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    UUID: str,
    date: lambda value: value.isoformat(),
    int: lambda value: _checked_number(int(value)),
    float: lambda value: _checked_number(float(value)),
}


def take_version(data: dict[str, Any], refuse: Callable[[str, object], Exception]) -> None:
    """Remove the version from the data of a `to_dict`.

    refuse : makes the error to raise for another version than this library's, of a sentence and the version.
    """
    version = data.pop("version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        said = f"version {shown(version)} of the format is not known here, {FORMAT_VERSION} is"
        raise refuse(said, version)
