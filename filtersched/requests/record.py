"""How the values of a request are checked, and the records that its parts are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from filtersched.columns.frozen import EMPTY, FrozenDict, FrozenList, by_values, thaw
from filtersched.columns.plain_data import attributes_of, plain_data, plain_mapping, plain_ones
from filtersched.columns.stored import NameToValue
from filtersched.columns.values import amount, optional_text, text
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.requests.parts import Malformed, Part


def checked(field: str, value: Any, check: Callable[[Any], Any]) -> Any:
    """What `check` makes of the value. Raises InvalidRequest naming the field."""
    try:
        return check(value)
    except RecursionError:
        raise InvalidRequest(f"{field} is nested too deeply", field=field, value=value) from None
    except Malformed as problem:
        whole = problem.below(field)
        said = must_be(whole.path, whole.problem, whole.value)
        raise InvalidRequest(said, field=whole.path, value=whole.value) from None
    except ValueError as problem:
        raise InvalidRequest(must_be(field, problem, value), field=field, value=value) from None


def size(value: Any) -> Any:
    """A number of zero or more, below 1e100: no number of placements takes a host's sizes out of their bounds."""
    return value if type(value) is int and 0 <= value < 2**53 else amount(value, below=10**100)


def checked_size(field: str, value: Any) -> Any:
    return value if type(value) is int and 0 <= value < 2**53 else checked(field, value, size)


def checked_mapping(field: str, value: Any) -> FrozenDict[str, Any]:
    mapping: FrozenDict[str, Any] = checked(field, value, plain_mapping)
    return mapping


def checked_data(field: str, value: Any) -> Any:
    """Plain data, or an object of another library as a mapping of its attributes."""
    return checked(field, value, lambda given: plain_data(given, objects=True))


def checked_text(field: str, value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    found: str | None = checked(field, value, optional_text)
    return found


def checked_names(field: str, value: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = checked(field, value, names)
    return found


NO_NAMES: FrozenList[str] = FrozenList()


def names(value: Any) -> tuple[str, ...]:
    """A list of texts; one text is a list of it."""
    if value is None:
        return NO_NAMES
    if isinstance(value, str):
        return FrozenList((text(value),))
    if type(value) is list and all(type(name) is str for name in value):
        return FrozenList(value)
    try:
        found = plain_data(value)
    except ValueError:
        found = None
    if type(found) is not FrozenList or not all(isinstance(name, str) for name in found):
        raise ValueError("a list of names")
    return found


def checked_attributes(field: str, value: Any, names: Iterable[str]) -> dict[str, Any]:
    """What an object of another library says under these names and others; {} for what is no object."""
    return checked(field, value, lambda given: attributes_of(given, names)) or {}


def truth(value: Any) -> bool:
    """`value` if it is True or False."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


#: By field of a record: its default, which needs no check, and the check of other values. Raises ValueError.
Checks = Mapping[str, tuple[Any, Callable[[Any], Any]]]


class Record(Mapping[str, Any]):
    """A frozen dataclass that can also be read as a mapping: `flavor["vcpus"]`, `flavor.get("swap")`.

    `further` holds what `filter_properties`, or an object of another library, says beyond the
    fields: plain data, read like a field. It does not count when records are compared.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    further: NameToValue
    __reduce__ = by_values

    def __getitem__(self, key: str) -> Any:
        if key in self.__dataclass_fields__ and key != "further":
            return getattr(self, key)
        return self.further[key]

    def __getattr__(self, name: str) -> Any:
        # Asked for what is no field. While a record is unpickled it has no fields yet.
        if name != "further" and not name.startswith("_") and name in self.further:
            return self.further[name]
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self.__dataclass_fields__ if name != "further")
        yield from self.further

    def __len__(self) -> int:
        return len(self.__dataclass_fields__) - 1 + len(self.further)

    def obj_attr_is_set(self, name: str) -> bool:
        """Whether it says something of that name, as Nova's objects say it."""
        return self.get(name) is not None

    @classmethod
    def of(cls, value: Any, field: str, *, keep: bool = False) -> Self:
        """`value` itself, or made from a mapping or from an object of another library.

        Raises InvalidRequest for unknown keys of a mapping; with `keep` they go to `further`, as the
        plain attributes of an object always do.
        """
        if isinstance(value, cls):
            return value
        known = cls.__dataclass_fields__
        is_mapping = isinstance(value, Mapping)
        given = with_text_keys(value, field) if is_mapping else checked_attributes(field, value, known)
        own = {key: item for key, item in given.items() if key in known}
        others = {key: item for key, item in given.items() if key not in known}
        if is_mapping:
            if others and not keep:
                name = next(iter(others))
                raise unknown_field(f"{field}.{name}", name, known, others[name])
            others = {key: checked_data(f"{field}.{key}", item) for key, item in others.items()}
        elif own:
            others = plain_ones(others, field, value)
        else:
            raise InvalidRequest(must_be(field, "a mapping", value), field=field, value=value)
        if keep:
            own = {key: item for key, item in own.items() if item is not None}
        if others:
            own["further"] = {**checked_mapping(f"{field}.further", own.get("further")), **others}
        return cls(**own)

    def _check(self, part: str, checks: Checks) -> None:
        """Keep what the checks make of the fields; `part` is the record's name in a request."""
        name, value = "", None
        try:
            for name, (default, check) in checks.items():
                value = getattr(self, name)
                if value is not default and (kept := check(value)) is not value:
                    object.__setattr__(self, name, kept)
            name, value = "further", self.further
            if value is not EMPTY:
                object.__setattr__(self, name, self._beyond(value))
        except ValueError as problem:
            raise _refused(f"{part}.{name}", problem, value) from None

    def _keep(self, part: str, checks: Checks, given: Mapping[str, Any], further: Any) -> None:
        """Write what the checks make of the values given for the fields, in a record that has none yet."""
        write, name, value = object.__setattr__, "", None
        try:
            for name, value in given.items():
                default, check = checks[name]
                write(self, name, value if value is default else check(value))
            name, value = "further", further
            write(self, name, EMPTY if value is None else self._beyond(value))
        except ValueError as problem:
            raise _refused(f"{part}.{name}", problem, value) from None

    def _beyond(self, further: Any) -> FrozenDict[str, Any]:
        found = plain_mapping(further)
        own = found.keys() & self.__dataclass_fields__.keys()
        if own:
            raise ValueError(f"must not have {min(own)!r}, which is a field itself")
        return found


def _refused(field: str, problem: ValueError, value: Any) -> InvalidRequest:
    return InvalidRequest(must_be(field, problem, value), field=field, value=value)


def with_text_keys(data: Mapping[Any, Any], field: str = "a request") -> dict[str, Any]:
    """The mapping as a dict. Raises InvalidRequest for a key that is no text."""
    for key in data:
        if not isinstance(key, str):
            raise InvalidRequest(f"{field}: a key must be text, not {shown(key)}", field=field, value=data)
    return dict(data)


def unknown_field(field: str, name: str, known: Iterable[str], value: Any) -> InvalidRequest:
    message = f"{field}: there is no {name!r} in a request. {nearest(name, known)}".rstrip()
    return InvalidRequest(message, field=field, value=value)


# What nearly every flavor says, and no data need to.
_USUAL = {"is_public": True, "disabled": False}


def plain(value: Any) -> Any:
    """An attribute of a request as data that `json` writes and the attribute's check reads back."""
    if isinstance(value, Record):
        named = ((name, plain(getattr(value, name))) for name in value.__dataclass_fields__)
        return {name: item for name, item in named if item not in (None, {}, []) and item is not _USUAL.get(name)}
    if type(value) is FrozenList and any(isinstance(one, Record) for one in value):
        return [plain(one) for one in value]
    return value.plain() if isinstance(value, Part) else thaw(value)
