"""HostAttribute: one row of the table of a host class's attributes, and how a class declares them.

The table is the class body: `HostState.attributes` holds what its annotated attributes say, by name. The constructor,
`to_dict`, inventories, columns and samples read it there. A class derived from HostState adds rows the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import get_annotations
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, dataclass_transform, get_origin

from filtersched.columns.frozen import thaw
from filtersched.columns.plain_data import plain_data
from filtersched.columns.stored import Stored
from filtersched.columns.values import amount, number, optional, optional_text, text
from filtersched.errors import InvalidHost, must_be, nearest, shown
from filtersched.hosts.attribute_kinds import RATIO, Kind, kind_of, whole_number
from filtersched.requests.parts import Malformed
from filtersched.requests.seal import decision

REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAttribute:
    """What is known of one attribute of a host class.

    Read it in the table of the class, such as `HostState.attributes["free_ram_mb"]`.
    """

    #: The name of the attribute.
    name: str
    #: What values it may have.
    kind: Kind
    #: The value of a host that is given none; see `is_required`.
    default: Any = None
    #: Whether it may be None.
    is_optional: bool = False
    #: Such as "MiB".
    unit: str = ""
    #: What it says about the host, in one sentence.
    doc: str = ""
    #: Values to try plug-ins on.
    samples: tuple[Any, ...] = ()
    #: Makes the value to keep of a given one, or raises ValueError.
    check: Callable[[Any], Any] = field(repr=False)
    #: Makes plain data of the value, which `check` reads back.
    plain: Callable[[Any], Any] = field(repr=False)

    @property
    def is_required(self) -> bool:
        """Whether every host must be given a value."""
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class _Row:
    """What `host_attribute` was given; the class that it is assigned in makes a HostAttribute of it."""

    default: Any
    kind: Kind | None
    check: Callable[[Any], Any] | None
    plain: Callable[[Any], Any] | None
    samples: Sequence[Any]
    unit: str
    doc: str


def host_attribute(
    *,
    default: Any = REQUIRED,
    kind: Kind | None = None,
    check: Callable[[Any], Any] | None = None,
    plain: Callable[[Any], Any] | None = None,
    samples: Sequence[Any] = (),
    unit: str = "",
    doc: str = "",
    kw_only: bool = True,
) -> Any:
    """Declare an attribute of a class derived from HostState, with more than a type and a default.

    default : the value of a host that is given none; without it, every host must be given one.
    check : makes the value to keep of a given one, or of what `plain` wrote; raises an exception that
        says what is wrong with it. By default the annotation says what is checked.
    plain : makes plain data of the value, for `to_dict` and so for files.
    samples : values for `filtersched.testing.sample_hosts`; by default the kind's, or the default.
    unit, doc : for readers.
    kw_only : for type checkers.
    """
    return _Row(default, kind, check, plain, samples, unit, doc)


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(host_attribute,))
class Declared:
    """A base for HostState: collects the annotated attributes of each derived class in `attributes`.

    Type checkers know the attributes as keywords of the constructor, and refuse a misspelt one.
    """

    __slots__ = ()

    #: The attributes of the class and of its bases, by name.
    attributes: ClassVar[Mapping[str, HostAttribute]] = MappingProxyType({})

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    _required: ClassVar[tuple[str, ...]] = ()
    # The name as Python's own text (attributes are found by it twice as fast as by a copy of it), the check, and the
    # type of values that it returns unchanged: text, or whole numbers of zero or more, below USUAL.
    _rows: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any], type | None]]] = {}
    # Attributes for which the class has a setter.
    _with_setters: ClassVar[tuple[str, ...]] = ()
    # Attributes with read-only values.
    _read_only: ClassVar[frozenset[str]] = frozenset()

    if not TYPE_CHECKING:

        def __new__(cls, *_arguments: Any, **_attributes: Any) -> Self:
            if hasattr(cls, "__dataclass_fields__"):
                said = f"{cls.__name__} is a dataclass, and HostState collects annotated attributes itself"
                raise InvalidHost(f"{said}; remove @dataclass, and leave the annotations as they are")
            return object.__new__(cls)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        table: dict[str, HostAttribute] = {}
        for base in reversed(cls.__mro__[1:]):
            table.update(vars(base).get("attributes", {}))
        annotations = get_annotations(cls)
        for name, value in list(vars(cls).items()):
            if name in table and isinstance(value, property) and value.fset is None:
                # A property instead, which takes no value.
                del table[name]
            elif name in table and name not in annotations and not hasattr(value, "__get__"):
                # Another default, and nothing else.
                table[name] = replace(table[name], default=value)
            elif isinstance(value, _Row) and name not in annotations:
                raise _misdeclared(cls, name, f"needs an annotation, such as {name}: str")
        for name, annotation in annotations.items():
            given = vars(cls).get(name, REQUIRED)
            if name.startswith("_") or hasattr(given, "__get__") or _is_of_class(found := _type_of(cls, annotation)):
                continue
            row = given if isinstance(given, _Row) else _Row(given, None, None, None, (), "", "")
            table[name] = declared = _declared(cls, name, found, row, table.get(name))
            if declared.kind is RATIO and declared.default is None:
                setattr(cls, name, _Ratio(name))
            elif not declared.is_required:
                setattr(cls, name, declared.default)
            elif given is not REQUIRED:
                delattr(cls, name)
        cls.attributes = MappingProxyType(table)
        cls._checks = {name: attribute.check for name, attribute in table.items()}
        cls._rows = {name: (sys.intern(name), one.check, _unchanged(one)) for name, one in table.items()}
        cls._with_setters = tuple(name for name in table if _has_setter(cls, name))
        cls._required = tuple(name for name, attribute in table.items() if attribute.is_required and name != "host")
        cls._read_only = frozenset(name for name, attribute in table.items() if attribute.kind.is_read_only)


class _Ratio:
    """An allocation ratio: None where the host has none, except for plug-ins that are to read the configured one."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, host: Any, _cls: type) -> Any:
        if host is None:
            return None  # what a host has by default
        own = host.__dict__.get(self.name)
        if own is None and decision.ratios is not None:
            return decision.ratios.get(self.name)
        return own

    def __set__(self, host: Any, value: Any) -> None:
        host.__dict__[self.name] = value


def _unchanged(attribute: HostAttribute) -> type | None:
    """The type whose values the check returns unchanged: str, or int from 0 up to USUAL; None if neither."""
    kind = attribute.kind
    if attribute.is_optional and kind.or_none not in (None, optional_text):
        return None
    if kind.check in (number, amount, whole_number):
        return int
    return str if kind.check is text else None


def _has_setter(cls: type, name: str) -> bool:
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    return hasattr(type(found), "__set__") and type(found) is not _Ratio


def _type_of(cls: type, annotation: Any) -> Any:
    """The type that an annotation names; `object` where that is not known yet."""
    if not isinstance(annotation, str):
        return annotation
    module = sys.modules.get(cls.__module__)
    try:
        # The boundary to the code of another author: what its annotations say.
        return eval(annotation, dict(vars(module)) if module else {}, dict(vars(cls)))
    except Exception:
        return object


def _is_of_class(found: Any) -> bool:
    return found in (ClassVar, Final) or get_origin(found) in (ClassVar, Final)


def _declared(cls: type, name: str, found: Any, row: _Row, inherited: HostAttribute | None) -> HostAttribute:
    """The attribute that a class declares with a type."""
    known = next((vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)), None)
    if inherited is None and (hasattr(known, "__get__") or name in vars(Declared)):
        raise _misdeclared(cls, name, "cannot be declared: HostState has a method or property of that name")
    if inherited is not None and (row.kind, row.check, row.plain) == (None, None, None):
        default = inherited.default if row.default is REQUIRED else row.default
        declared = replace(inherited, default=default, unit=row.unit or inherited.unit, doc=row.doc or inherited.doc)
    else:
        declared = _of_row(name, found, row)
    if declared.is_required or declared.default is None:
        return declared
    try:
        return replace(declared, default=declared.check(declared.default))
    except (ValueError, TypeError) as problem:
        raise _misdeclared(cls, name, f"has a wrong default: {must_be('it', problem, declared.default)}") from None


def _by_author(function: Callable[[Any], Any], sentence: str) -> Callable[[Any], Any]:
    """The function of another author; whatever it raises becomes a ValueError with a sentence."""

    def call(value: Any) -> Any:
        try:
            return function(value)
        except RecursionError:
            raise
        except Exception as problem:
            # The boundary to the author of the class.
            said = str(problem) or type(problem).__name__
            raise ValueError(sentence.format(value=shown(value), problem=said)) from problem

    return call


def _kind_by_author(kind: Kind, row: _Row) -> Kind:
    """The kind of values with the functions that the row gives."""
    check = kind.check if row.check is None else _by_author(row.check, "cannot be {value}: {problem}")
    plain = kind.plain if row.plain is None else _by_author(row.plain, "cannot be made plain data: {problem}")
    if row.check is None:
        return replace(kind, plain=lambda value: thaw(plain_data(plain(value))))
    return Kind("value", check, plain=lambda value: thaw(plain_data(plain(value))))


def _of_row(name: str, found: Any, row: _Row) -> HostAttribute:
    kind, is_optional = kind_of(found)
    is_optional = is_optional or (row.default is None and get_origin(found) is not Stored)
    kind = row.kind or kind
    if row.check is not None or row.plain is not None:
        kind = _kind_by_author(kind, row)
    return HostAttribute(
        name=name,
        kind=kind,
        default=row.default,
        samples=tuple(row.samples) or kind.samples or (() if row.default is REQUIRED else (row.default,)),
        is_optional=is_optional,
        unit=row.unit,
        doc=row.doc,
        check=(kind.or_none or optional(kind.check)) if is_optional else kind.check,
        plain=optional(kind.plain) if is_optional else kind.plain,
    )


def _misdeclared(cls: type, name: str, problem: str) -> InvalidHost:
    return InvalidHost(f"{cls.__name__}.{name} {problem}", attribute=name)


def checked(check: Callable[[Any], Any], host: Any, attribute: str, value: Any) -> Any:
    """What `check` makes of the value. Raises InvalidHost naming the host and the attribute."""
    try:
        return check(value)
    except (ValueError, TypeError, RecursionError) as problem:
        raise refused(host, attribute, value, problem) from None


def refused(host: Any, attribute: str, value: Any, problem: Exception) -> InvalidHost:
    """The error for a value that a check refuses."""
    if isinstance(problem, RecursionError):
        said = f"{attribute} is nested too deeply"
    elif isinstance(problem, Malformed) and problem.path:
        path = problem.below(attribute)
        said, attribute, value = must_be(path.path, path.problem, path.value), path.path, path.value
    else:
        said = must_be(attribute, problem, value)
    if attribute != "host":
        said = f"host {shown(host)}: {said}"
    return InvalidHost(said, host=host, attribute=attribute, value=value)


def unknown_attribute(cls: type[Declared], attribute: str, *, host: Any = None, value: Any = None) -> InvalidHost:
    """The error for an attribute that hosts of the class do not have."""
    said = f"{attribute!r} is not an attribute of {cls.__name__}. {nearest(attribute, cls.attributes)}".rstrip()
    if host is not None:
        said = f"host {host!r}: {said}"
    return InvalidHost(said, host=host, attribute=attribute, value=value)
