"""HostRows: hosts in rows, with numpy columns of the attributes that somebody asked for.

The object is the truth, a column is a cache. Whoever changes a host marks its row; dirty rows are
read again when a column is next asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from filtersched.columns.column import Column, NotVectorizable, counted
from filtersched.columns.distinct_values import Codes, OneAnswer
from filtersched.columns.frozen import typed_key
from filtersched.hosts import recipes
from filtersched.hosts.declared_items import Items, Name, attribute_of, read
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import InstanceIndex
from filtersched.hosts.owner import Owner
from filtersched.hosts.row_caches import RowCaches
from filtersched.hosts.row_changes import MISSING
from filtersched.hosts.row_index import HostNumbers

_MOST_GONE = 65536
_Repeated = TypeVar("_Repeated", Column, Codes)


class HostRows(RowCaches):
    """Hosts in rows, known by their place.

    given : columns that were handed over instead of objects, name to (n_rows,) sequence; a row is
        the truth until its host's object is asked for, and from then on the object is.
    host_class : of the objects that are made of them.
    owner : of these objects.
    """

    def __init__(
        self,
        hosts: Iterable[HostState | None] = (),
        *,
        given: Mapping[str, Sequence[Any]] | None = None,
        host_class: type[HostState] = HostState,
        owner: Owner | None = None,
    ) -> None:
        self._hosts: list[HostState | None] = list(hosts)
        self._given = dict(given or {})
        self.host_class: type[HostState] = host_class
        self._made: list[int] = []
        self._owner = owner
        super().__init__()
        self.drop_caches()

    def drop_caches(self) -> None:
        """Forget everything that was made of the hosts, whatever state it may be in."""
        self._made = [row for row, host in enumerate(self._hosts) if host is not None] if self._given else []
        #: Of the hosts.
        self.numbers: HostNumbers = HostNumbers(len(self._hosts))
        self._forget()

    def __len__(self) -> int:
        return len(self._hosts)

    # -- objects -----------------------------------------------------------------------------

    def host(self, row: int) -> HostState:
        """The object of a row, made now if only columns were given."""
        found = self._hosts[row]
        return self._make(row) if found is None else found

    @property
    def has_objects(self) -> bool:
        """Whether every row has its object; if only columns were given, objects are made one by one."""
        return not self._given

    def hosts(self) -> list[HostState]:
        """All objects, in order of rows."""
        if self._given:
            return [self.host(row) for row in range(len(self._hosts))]
        return self._hosts  # type: ignore[return-value]

    def objects(self) -> Iterable[HostState]:
        """Those that are there already."""
        return (host for host in self._hosts if host is not None)

    def _make(self, row: int) -> HostState:
        made = self.host_class(**{name: _python(values[row]) for name, values in self._given.items()})
        made._owner = self._owner
        made._scratch = None
        self._hosts[row] = made
        self._made.append(row)
        return made

    def exchange(self, row: int, host: HostState) -> None:
        """Let another object of the same name and values have a row."""
        self._hosts[row] = host

    def extend(self, hosts: Iterable[HostState]) -> None:
        """Give hosts the next rows."""
        self._hosts.extend(hosts)
        self.drop_caches()

    def append(self, host: HostState, row: int) -> None:
        """Give the host the next row, unless it has it."""
        self._use_objects()
        if len(self._hosts) == row:
            self.numbers.append()
            self._move_rows(lambda made, recipe: made.append(recipe.of(host)), lambda: self._hosts.append(host))

    def remove(self, host: HostState, row: int) -> None:
        """Take the host out of its row, unless that is done; the ones behind move up."""
        self._use_objects()
        if row < len(self._hosts) and self._hosts[row] is host:
            self._move_rows(lambda made, _recipe: made.remove(row), lambda: self._take_out(row))
            if self.numbers.next > 2 * len(self._hosts) + _MOST_GONE or not self._hosts:
                # Most numbers belong to hosts that went, or no host is left whose values tell the kind of a column.
                self.drop_caches()

    def _take_out(self, row: int) -> None:
        del self._hosts[row]
        self.numbers.remove(row)
        self._move_up(row)

    def _use_objects(self) -> None:
        """From here on every host is an object: rows are about to move."""
        if self._given:
            self.hosts()
            self._given = {}
            self._made = []

    def mark_instances(
        self, row: int, attributes: Collection[str] | None, arrived: Iterable[str], left: Iterable[str]
    ) -> None:
        """Mark a host whose instances have changed by these, and no others."""
        key = (recipes.instance_index,)
        cached = self._caches.get(key)
        is_current = cached is not None and cached.made is not None and cached.change_count == self.change_count
        self.mark_dirty(row, attributes)
        if cached is not None and is_current:
            # Taken out while it changes, as by `current`.
            del self._caches[key]
            cached.made.change(row, self.host(row).instances, arrived, left)
            cached.change_count = self.change_count
            self._caches[key] = cached

    # -- attributes of all hosts -------------------------------------------------------------

    def column(self, attribute: str) -> Column:
        """The attribute as numbers: float64, or bool if all are truth values.

        Raises NotVectorizable if they are not numbers that a column holds exactly.
        """
        return self.current(recipes.numbers, attribute)

    def codes(self, attributes: tuple[Name, ...]) -> Codes | None:
        """The distinct values of an attribute or its items, or of several together.

        None if they cannot be read, and of no attributes.
        """
        try:
            return self.current(recipes.codes_of, attributes) if attributes else None
        except NotVectorizable:
            return None

    def of_each(self, attribute: Name, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of the attribute and the arguments, called once for each distinct value of it.

        A Column, or the one answer if it is the same for every host; None is missing.
        """
        asked = (attribute, function, arguments, typed_key(arguments) if arguments else None)
        try:
            if _is_lasting(function):
                found = self.current(recipes.answers_of, *asked)
            else:
                found = recipes.answers_of(*asked).make(self)
        except Exception:
            # The boundary to the plug-in: what raises here may be a value that no candidate has.
            raise NotVectorizable from None
        return found.value if type(found) is OneAnswer else found

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up: a Column, or one value that all hosts have. Raises NotVectorizable."""
        if not self._hosts:
            raise NotVectorizable
        try:
            return look_up.column(self)
        except Exception:
            # The boundary to a class derived from HostState: it may be a host that is no candidate.
            raise NotVectorizable from None

    def values(self, name: Name) -> Sequence[Any]:
        """The attribute, or items of it, of every row; MISSING of a host that does not have it."""
        values = self._values(attribute_of(name))
        return name.of_each(values) if type(name) is Items else values

    def _values(self, attribute: str) -> Sequence[Any]:
        if not self._given or not self.is_plain(attribute):
            hosts = self.hosts()
            try:
                return list(map(attrgetter(attribute), hosts))
            except AttributeError:
                return [getattr(host, attribute, MISSING) for host in hosts]
        values = self._given.get(attribute)
        if values is None:
            values = [getattr(self.host_class, attribute, MISSING)] * len(self._hosts)
        if not self._made:
            return values
        made = [getattr(self._hosts[row], attribute, MISSING) for row in self._made]
        if isinstance(values, np.ndarray):
            array = np.array(made)
            is_held = array.dtype == values.dtype and len(set(map(type, made))) == 1
            values = values.copy() if is_held else values.tolist()
        else:
            values = list(values)
        for row, value in zip(self._made, made, strict=True):
            values[row] = value
        return values

    def made(self, make: Callable[[Sequence[Any]], _Repeated], name: Name) -> _Repeated:
        """What is made of the values of every row; of one value if all hosts have the default of their class."""
        attribute = attribute_of(name)
        is_given = not self._given or bool(self._made) or attribute in self._given or not self.is_plain(attribute)
        if is_given or not hasattr(self.host_class, attribute):
            return make(self.values(name))
        made = make([read(self.host_class, name)])
        made.repeat(len(self))
        return made

    def kinds(self) -> Collection[type]:
        """The classes of the hosts, and perhaps of hosts that went."""
        return {self.host_class, *self.current(recipes.gathered, _kind_of, ())}

    def may_have(self, attribute: str) -> bool:
        """Whether some host may have an attribute."""
        if attribute in self._given or any(hasattr(kind, attribute) for kind in self.kinds()):
            return True
        return attribute in self.current(recipes.gathered, vars, None)

    # -- indexes -----------------------------------------------------------------------------

    def host_names(self) -> HostNames:
        """What the hosts are called; the same object until rows come or go."""
        index = self.current(recipes.name_index)
        if index.host_names is None:
            index.host_names = HostNames(index.names, index.several(), lambda: self.values("nodename"))
        return index.host_names

    def rows_named(self, name: str) -> list[int]:
        """The rows of the host of that name, several if it has several nodes."""
        return list(self.current(recipes.name_index).rows(name))

    def rows_named_like(self, name: str) -> list[int]:
        """The rows of the hosts of that name without regard to case."""
        index = self.current(recipes.name_index)
        return sorted(row for known in index.like(name) for row in index.rows(known))

    def row_of(self, host: str, nodename: str) -> int | None:
        """The row of a node of a host; None if there is none."""
        for row in self.current(recipes.name_index).rows(host):
            if self._node(row) == nodename:
                return row
        return None

    def _node(self, row: int) -> str:
        found = self._hosts[row]
        return str(self._given["nodename"][row]) if found is None else found.nodename

    def rows_with(self, uuid: str) -> Collection[int]:
        """The rows of the hosts that an instance is on."""
        return self._index().rows(uuid)

    def members_of(self, group: str) -> Collection[str]:
        """The uuids of the instances that are in a server group."""
        return self._index().members_of(group)

    def count_instances(self, uuids: Collection[str]) -> Any:
        """How many of these instances are on the host: a Column, or 0 if none is on any."""
        index = self._index()
        found = [row for uuid in frozenset(uuids) for row in index.rows(uuid)]
        return counted(found, len(self)) if found else 0

    def _index(self) -> InstanceIndex:
        try:
            return self.current(recipes.instance_index)
        except NotVectorizable:
            # A class derived from HostState raises again what it raised.
            return InstanceIndex([host.instances for host in self.hosts()], self.numbers)


def _kind_of(host: HostState) -> tuple[type]:
    return (type(host),)


def _is_lasting(function: Callable[[Any], Any]) -> bool:
    """Whether the function is the same object at every call, and so worth remembering answers for."""
    return type(function) is FunctionType and function.__closure__ is None and "<" not in function.__qualname__


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
