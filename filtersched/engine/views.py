"""Views: hosts and requests as a declared plug-in may see them, showing what it declared and no more."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from types import FunctionType, MemberDescriptorType
from typing import Any, NoReturn, Protocol

from filtersched.columns.column import Column, HostColumns
from filtersched.errors import InvalidHost, InvalidRequest, UndeclaredRead
from filtersched.plugins.request_reads import attributes_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import ONLY_ANSWERS


class View:
    """One host, or the request, with the declared attributes only."""

    __slots__ = ("_seen",)
    _plugin = ""
    _declaration = "host_reads"

    def __init__(self, seen: Any) -> None:
        show(self, seen)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__dict__":
            raise AttributeError(name)
        if name != "__dict__" and hasattr(type(self), name):
            # Declared, and the host itself does not have it.
            return getattr(self._seen, name)
        raise undeclared(self._plugin, self._declaration, name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Refuse, as hosts do while they are being chosen."""
        host = getattr(self._seen, "host", None)
        raise InvalidHost(f"host {host!r}: {name} {ONLY_ANSWERS}", host=host, attribute=name, value=value)


# Lets a view show another object; cheaper than making another view.
show: Callable[[View, Any], None] = vars(View)["_seen"].__set__


def undeclared(plugin: str, declaration: str, name: str) -> UndeclaredRead:
    """The error for a read that the plug-in did not declare."""
    return UndeclaredRead(
        f"{plugin} reads {name!r}, which its {declaration} does not name", plugin=plugin, attribute=name
    )


class SpecView(View):
    """The request. It stays as it is while it is decided on: what was read once is remembered.

    been_read : the attributes that were, in that order.
    """

    __slots__ = ("attributes_read",)

    def __init__(self, seen: Any) -> None:
        show(self, seen)
        _note_reads(self, [])

    def __getitem__(self, key: object) -> NoReturn:
        raise self._no_mapping(f"[{key!r}]", key)

    def __contains__(self, key: object) -> NoReturn:
        raise self._no_mapping(f"{key!r} in", key)

    def __iter__(self) -> NoReturn:
        raise self._no_mapping("for … in", "flavor")

    def _no_mapping(self, read: str, key: object) -> UndeclaredRead:
        """The error for a read of the request as a mapping."""
        name = key if isinstance(key, str) and hasattr(RequestSpec, key) else "flavor"
        return UndeclaredRead(
            f"{self._plugin} reads the request as a mapping ({read}); a plug-in with declarations reads attributes, "
            f"such as spec.{name}",
            plugin=self._plugin,
            attribute=name,
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Refuse, as requests do."""
        raise InvalidRequest(f"{name} of the request {ONLY_ANSWERS}", field=name, value=value)

    def __getattr__(self, name: str) -> Any:
        slot = getattr(type(self), name, None)
        if not isinstance(slot, MemberDescriptorType):
            if name in ("get", "keys", "items", "values"):
                raise self._no_mapping(f".{name}()", "flavor")
            return super().__getattr__("scheduler_hints" if name == "get_scheduler_hint" else name)
        self.attributes_read.append("scheduler_hints" if name == "get_scheduler_hint" else name)
        value = getattr(self._seen, name)
        slot.__set__(self, value)
        return value


_note_reads: Callable[[SpecView, list[str]], None] = vars(SpecView)["attributes_read"].__set__


@functools.lru_cache(maxsize=512)
def host_view(plugin: str, reads: tuple[str, ...]) -> type[View]:
    """The class of views on one host for a plug-in that declared `reads`."""
    return type("HostView", (View,), {"__slots__": (), "_plugin": plugin, **_properties(attributes_of(reads))})


@functools.lru_cache(maxsize=512)
def spec_view(plugin: str, reads: tuple[str, ...]) -> type[View]:
    """The class of views on a request for a plug-in that declared `reads`."""
    names = attributes_of(reads)
    shown = dict.fromkeys((*names, "get_scheduler_hint") if "scheduler_hints" in names else names)
    members = {"_plugin": plugin, "_declaration": "spec_reads", "__slots__": tuple(shown)}
    return type("SpecView", (SpecView,), members)


def _properties(reads: tuple[str, ...]) -> dict[str, Any]:
    return {name: property(attrgetter(f"_seen.{name}")) for name in reads}


class ColumnSource(Protocol):
    """Where columns come from: rows of hosts."""

    def column(self, attribute: str) -> Column: ...

    def of_each(self, attribute: str, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def look_up(self, look_up: Any) -> Any: ...

    def named(self, names: Collection[str]) -> Column: ...

    def count_instances(self, uuids: Collection[str]) -> Column: ...


class ColumnView(HostColumns):
    """All hosts in the place of one, with the declared attributes only.

    attributes_read : the attributes that were read.
    gaps : the columns with missing values that were handed out.
    reads_may_differ : for other hosts the body may read something else. It was given one value that all
        hosts share, on which it can branch; or a function of single values looks at more than its argument.
    """

    __slots__ = ("_plugin", "_reads", "_source", "attributes_read", "gaps", "reads_may_differ")

    def __init__(self, plugin: str, reads: tuple[str, ...], source: ColumnSource) -> None:
        self._plugin = plugin
        self._reads = reads
        self._source = source
        self.attributes_read: list[str] = []
        self.gaps: list[Column] = []
        self.reads_may_differ: bool = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._declared(name)
        return self._noted(self._source.column(name))

    def _declared(self, name: str) -> None:
        if name not in self._reads:
            raise undeclared(self._plugin, "host_reads", name)
        self.attributes_read.append(name)

    def of_each(self, attribute: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of the attribute and the arguments, called once for each distinct value of it."""
        self._declared(attribute)
        if not is_closed(function):
            self.reads_may_differ = True
        return self._noted(self._source.of_each(attribute, function, *arguments))

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up."""
        for name in look_up.attributes:
            self._declared(name)
        return self._noted(self._source.look_up(look_up))

    def _noted(self, column: Any) -> Any:
        if type(column) is not Column:
            self.reads_may_differ = True
        elif column.missing is not None:
            # Use a private copy, so was_filled tells whether this body filled it. If all values are missing,
            # `filled` returns the default, one value that all hosts share.
            column = Column(column.values, column.missing, column.max_abs_int)
            self.gaps.append(column)
            self.reads_may_differ |= bool(column.missing.all())
        return column

    def named(self, names: Collection[str]) -> Column:
        """Whether the host's name is one of `names`."""
        self._declared("host")
        return self._source.named(names)

    def count_instances(self, uuids: Collection[str]) -> Any:
        """How many of these instances are on the host."""
        self._declared("instances")
        return self._noted(self._source.count_instances(uuids))


def is_closed(function: Callable[..., Any]) -> bool:
    """Whether the function can look at nothing but what it is given."""
    return (
        type(function) is FunctionType
        and function.__closure__ is None
        and function.__defaults__ is None
        and function.__kwdefaults__ is None
    )


class StandIn:
    """An object with some attributes, in the place of the hosts that have these values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
