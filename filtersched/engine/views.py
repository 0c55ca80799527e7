"""Views: hosts and requests as a declared plug-in may see them, showing what it declared and no more."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any, ClassVar, NoReturn, Protocol

from filtersched.columns.column import Column, HostColumns
from filtersched.errors import InvalidHost, InvalidRequest, UndeclaredRead
from filtersched.hosts.declared_items import Items, Name, by_attribute, of_declared, seen_items, undeclared
from filtersched.plugins.request_reads import WITH_ITEMS
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


class SpecView(View):
    """The request. It stays as it is while it is decided on: what was read once is remembered.

    attributes_read : the attributes that were, or the items of them that are declared, in that order.
    """

    __slots__ = ("attributes_read",)
    #: Where values are remembered, and what is declared of them.
    _members: ClassVar[Mapping[str, tuple[Any, Name]]] = {}

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
        if name not in self._members:
            if name in ("get", "keys", "items", "values"):
                raise self._no_mapping(f".{name}()", "flavor")
            return super().__getattr__("scheduler_hints" if name == "get_scheduler_hint" else name)
        slot, declared = self._members[name]
        self.attributes_read.append(declared)
        value = getattr(self._seen, name)
        if type(declared) is Items:
            # The method of the request asks the hints of the view.
            is_method = name == "get_scheduler_hint"
            seen = seen_items(declared, self._plugin, "spec_reads")
            value = MethodType(value.__func__, self) if is_method else seen(value)
        slot.__set__(self, value)
        return value


_note_reads: Callable[[SpecView, list[str]], None] = vars(SpecView)["attributes_read"].__set__


@functools.lru_cache(maxsize=512)
def host_view(plugin: str, reads: tuple[Name, ...]) -> type[View]:
    """The class of views on one host for a plug-in that declared `reads`."""
    shown = {attribute: property(_reader(plugin, attribute, name)) for attribute, name in by_attribute(reads).items()}
    return type("HostView", (View,), {"__slots__": (), "_plugin": plugin, **shown})


@functools.lru_cache(maxsize=512)
def spec_view(plugin: str, reads: tuple[Name, ...]) -> type[SpecView]:
    """The class of views on a request for a plug-in that declared `reads`."""
    names = by_attribute(reads, WITH_ITEMS)
    shown = dict.fromkeys((*names, "get_scheduler_hint") if "scheduler_hints" in names else names)
    members = {"_plugin": plugin, "_declaration": "spec_reads", "__slots__": tuple(shown)}
    view: type[SpecView] = type("SpecView", (SpecView,), members)
    of_hints = {"get_scheduler_hint": "scheduler_hints"}
    view._members = {name: (vars(view)[name], names[of_hints.get(name, name)]) for name in shown}
    return view


def _reader(plugin: str, attribute: str, name: Name) -> Callable[[Any], Any]:
    """What reads an attribute through a view; where only items are declared, it shows these."""
    of_view = attrgetter(f"_seen.{attribute}")
    if type(name) is not Items:
        return of_view
    seen = seen_items(name, plugin, "host_reads")
    return lambda view: seen(of_view(view))


class ColumnSource(Protocol):
    """Where columns come from: rows of hosts."""

    def column(self, attribute: str) -> Column: ...

    def of_each(self, attribute: Name, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def look_up(self, look_up: Any) -> Any: ...

    def count_instances(self, uuids: Collection[str]) -> Column: ...


class ColumnView(HostColumns):
    """All hosts in the place of one, with the declared attributes only.

    attributes_read : the attributes that were read.
    gaps : the columns with missing values that were handed out.
    reads_may_differ : for other hosts the body may read something else. It was given one value that all
        hosts share, on which it can branch; or a function of single values looks at more than its argument.
    """

    __slots__ = ("_names", "_plugin", "_source", "attributes_read", "gaps", "reads_may_differ")

    def __init__(self, plugin: str, reads: tuple[Name, ...], source: ColumnSource) -> None:
        self._plugin = plugin
        self._names = by_attribute(reads)
        self._source = source
        self.attributes_read: list[Name] = []
        self.gaps: list[Column] = []
        self.reads_may_differ: bool = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._declared(name)
        return self._noted(self._source.column(name))

    def _declared(self, attribute: str) -> Name:
        name = self._names.get(attribute)
        if name is None:
            raise undeclared(self._plugin, "host_reads", attribute)
        self.attributes_read.append(name)
        return name

    def of_each(self, attribute: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of the attribute and the arguments, called once for each distinct value of it."""
        name = self._declared(attribute)
        if not is_closed(function):
            self.reads_may_differ = True
        if type(name) is Items:
            return self._noted(self._source.of_each(name, of_declared, function, name, self._plugin, *arguments))
        return self._noted(self._source.of_each(name, function, *arguments))

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up."""
        for attribute in look_up.attributes:
            name = self._declared(attribute)
            if type(name) is Items and not name.cover(getattr(look_up, "key", None)):
                key = getattr(look_up, "key", "")
                raise undeclared(self._plugin, "host_reads", f"{attribute}.{key}" if key else attribute)
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
