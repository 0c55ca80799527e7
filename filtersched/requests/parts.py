"""Part: a read-only record inside a host or a request, such as one NUMA cell, with a check for each field."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, ClassVar, Self

from filtersched.columns.plain_data import attributes_of
from filtersched.columns.values import number
from filtersched.errors import InvalidRequest, must_be, nearest

# An iterator may have no end.
_MOST_ITEMS = 100_000
_USUAL = 2**53
# How Nova writes an object as text: its class and its fields under these keys.
_NOVA_NAME, _NOVA_DATA = "nova_object.name", "nova_object.data"


class Malformed(ValueError):
    """What is wrong with a part; `path` leads to the field, such as `cells[1].memory`."""

    def __init__(self, problem: object, value: Any, path: str = "") -> None:
        super().__init__(f"must be well formed; {must_be(path, problem, value)}" if path else str(problem))
        self.problem: object = problem
        self.value: Any = value
        self.path: str = path

    def below(self, step: str) -> Malformed:
        """The same for what the part is in."""
        between = "." if self.path and not self.path.startswith("[") else ""
        return Malformed(self.problem, self.value, f"{step}{between}{self.path}")


def _invalid_request(problem: Malformed) -> Exception:
    said = must_be(problem.path, problem.problem, problem.value)
    return InvalidRequest(said, field=problem.path, value=problem.value)


class Part:
    """A base for frozen dataclasses: `of` makes one of whatever describes it.

    Making one by its class raises InvalidRequest, or InvalidHost for what hosts are made of.
    """

    __slots__ = ()

    #: Whether equal ones cannot be told apart, so that each may be its own key.
    is_canonical: ClassVar[bool] = True

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    # The names of Nova's classes that hold the same.
    _nova_names: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        try:
            self._check()
        except Malformed as problem:
            raise self._refused(problem) from None

    @staticmethod
    def _refused(problem: Malformed) -> Exception:
        return _invalid_request(problem)

    def _check(self) -> None:
        for name, check in self._checks.items():
            value = getattr(self, name)
            try:
                kept = check(value)
            except Malformed as problem:
                raise problem.below(name) from None
            except ValueError as problem:
                raise Malformed(problem, value, name) from None
            if kept is not value:
                object.__setattr__(self, name, kept)
        self._check_whole()

    def _check_whole(self) -> None:
        """Raise Malformed for fields that do not belong together."""

    @classmethod
    def of(cls, value: Any) -> Self:
        """The part that `value` is or describes: a mapping, Nova's object, or either as JSON text.

        Raises Malformed.
        """
        if isinstance(value, cls):
            return value
        return cls._of_fields(*cls._fields_in(decoded(value)))

    @classmethod
    def _of_fields(cls, given: Mapping[str, Any], is_novas: bool) -> Self:
        known = _defaults_of(cls)  # type: ignore[arg-type]
        for name in given:
            if name not in known and not is_novas:
                raise Malformed(f"cannot be there. {nearest(name, known)}".rstrip(), given[name], name)
        new = object.__new__(cls)
        for name, default in known.items():
            if name not in given and default is dataclasses.MISSING:
                raise Malformed("must be given", None, name)
            object.__setattr__(new, name, given.get(name, default))
        new._check()
        return new

    @classmethod
    def _fields_in(cls, value: Any) -> tuple[Mapping[str, Any], bool]:
        """The fields by name, and whether they may be more than are known here."""
        if isinstance(value, Mapping):
            return fields_in(value, cls._nova_names)
        names = list(_defaults_of(cls))  # type: ignore[arg-type]
        known = attributes_of(value, names) or _own_attributes(value, names)
        if not known:
            raise Malformed("a mapping", value)
        return known, True

    def plain(self) -> Any:
        """The part as plain data that `of` reads back; fields with their default value are left out."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        given = ((field, getattr(self, field.name)) for field in fields)
        return {field.name: _plain(value) for field, value in given if value != field.default}


@functools.cache
def _defaults_of(cls: type) -> Mapping[str, Any]:
    """The fields of a class of parts, and their defaults."""
    return {field.name: field.default for field in dataclasses.fields(cls)}


def _own_attributes(value: Any, names: Sequence[str]) -> dict[str, Any]:
    """The attributes of a record that is a collection besides, as some objects of Nova are."""
    is_set = getattr(type(value), "obj_attr_is_set", None)
    if is_set is None:
        return {}
    return {name: getattr(value, name) for name in names if name in value.fields and is_set(value, name)}


def decoded(value: Any) -> Any:
    """What JSON text says; anything else unchanged. Raises Malformed."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Malformed("a mapping or list, or JSON text of one", value) from None


def fields_in(value: Mapping[str, Any], nova_names: Sequence[str]) -> tuple[Mapping[str, Any], bool]:
    """The fields of a mapping or of one of Nova's objects, and whether it is Nova's."""
    if _NOVA_DATA not in value:
        for name in value:
            if not isinstance(name, str):
                raise Malformed("a mapping with text as keys", value)
        return value, False
    kind, data = value.get(_NOVA_NAME), value[_NOVA_DATA]
    if kind not in nova_names:
        raise Malformed(" or ".join(nova_names), kind, _NOVA_NAME)
    if not isinstance(data, Mapping):
        raise Malformed("a mapping", data, _NOVA_DATA)
    return data, True


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.plain()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return sorted(value) if isinstance(value, Set) else value


def list_of(check: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A check for lists of what `check` takes."""

    def each(value: Any) -> tuple[Any, ...]:
        found = []
        for at, item in enumerate(items(value)):
            try:
                found.append(check(item))
            except Malformed as problem:
                raise problem.below(f"[{at}]") from None
            except ValueError as problem:
                raise Malformed(problem, item, f"[{at}]") from None
        return tuple(found)

    return each


def items(value: Any) -> Sequence[Any]:
    """The items of a list, tuple, set or iterator, or of another library's list of objects."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Iterator):
        return list(itertools.islice(value, _MOST_ITEMS))
    if value is None:
        return ()
    if isinstance(value, Set):
        try:
            return sorted(value)
        except TypeError:
            return sorted(value, key=repr)
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__") or not hasattr(value, "__len__"):
        raise ValueError("a list")
    return list(value)


def whole_number(value: Any) -> int:
    """A whole number as an int."""
    if type(value) is int and -_USUAL < value < _USUAL:
        return value
    found = number(value)
    if found != int(found):
        raise ValueError("a whole number")
    return int(found)


def whole_amount(value: Any) -> int:
    """A whole number of zero or more."""
    found = whole_number(value)
    if found < 0:
        raise ValueError("zero or more")
    return found


def one_of(*choices: str) -> Callable[[Any], str | None]:
    """A check for one of a few words, or None."""

    def check(value: Any) -> str | None:
        if value is not None and value not in choices:
            raise ValueError(" or ".join(map(repr, choices)))
        return None if value is None else str(value)

    return check
