"""Overlay: the rows of a pool as one decision sees them, with what it has depleted so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any

from filtersched.columns.column import Column, NotVectorizable, count_instances, counted
from filtersched.columns.distinct_values import is_same
from filtersched.columns.frozen import typed_key
from filtersched.hosts.declared_items import Name, read
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.row_changes import MISSING


class Overlay:
    """Rows of hosts, some of them in another state; the rows underneath stay as they are."""

    def __init__(self, rows: HostRows) -> None:
        self.rows = rows
        self.depleted: dict[int, HostState] = {}
        # The rows in the order in which hosts were depleted. What was made of some of them is brought up to date
        # when somebody asks.
        self._log: list[int] = []
        self._columns: dict[Any, tuple[Column, int]] = {}
        # Which depleted rows an instance is on; sets of uuids that were asked for, by identity.
        self._holding: tuple[dict[str, set[int]], int] = ({}, 0)
        self._wanted: dict[int, tuple[Collection[str], frozenset[str]]] = {}
        # The attributes that were asked for by functions and look-ups, and the depleted rows where each changed.
        self._changed: dict[Name, tuple[set[int], int]] = {}

    def host(self, row: int) -> HostState:
        """The host as the decision sees it."""
        found = self.depleted.get(row)
        return self.rows.host(row) if found is None else found

    def deplete(self, row: int, host: HostState) -> None:
        """Put a host in another state."""
        self.depleted[row] = host
        self._log.append(row)

    def _since(self, count: int) -> Iterable[tuple[int, HostState]]:
        """The hosts that were depleted after so many, as they are now."""
        return ((row, self.depleted[row]) for row in dict.fromkeys(self._log[count:]))

    def _differs(self, row: int, host: HostState, attribute: Name) -> bool:
        """Whether a depleted host has another value than the host underneath."""
        try:
            return not is_same(read(host, attribute, MISSING), read(self.rows.host(row), attribute, MISSING))
        except Exception:
            # The boundary to a class derived from HostState: it raises only if somebody asks.
            return True

    def is_as_underneath(self, attributes: Iterable[Name]) -> bool:
        """Whether no depleted host has another value of these attributes than the host underneath."""
        for attribute in attributes:
            changed, count = self._changed.get(attribute, (set(), 0))
            for row, host in self._since(count):
                (changed.add if self._differs(row, host, attribute) else changed.discard)(row)
            self._changed[attribute] = changed, len(self._log)
            if changed:
                return False
        return True

    def _holders(self) -> dict[str, set[int]]:
        holding, count = self._holding
        for row, host in self._since(count):
            for uuid in host.instances:
                holding.setdefault(uuid, set()).add(row)
        self._holding = holding, len(self._log)
        return holding

    def _seen(self, key: Any, underneath: Callable[[], Column], of_host: Callable[[HostState], Any]) -> Column:
        """A column of the rows underneath with the depleted ones written over it, kept by the key.

        of_host : the value of one host.
        """
        if not self.depleted:
            return underneath()
        column, count = self._columns.pop(key, (None, 0))
        if column is None:
            below = underneath()
            missing = None if below.missing is None else below.missing.copy()
            column = Column(below.values.copy(), missing, below.max_abs_int)
        for row, host in self._since(count):
            column.put(row, of_host(host))
        self._columns[key] = column, len(self._log)
        return column

    def column(self, attribute: str) -> Column:
        """The attribute as numbers; see HostRows."""
        return self._seen(attribute, lambda: self.rows.column(attribute), attrgetter(attribute))

    def of_each(self, attribute: Name, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of each distinct value of the attribute; see HostRows."""
        below = self.rows.of_each(attribute, function, *arguments)
        if self.is_as_underneath((attribute,)):
            return below
        key = (attribute, function, typed_key(arguments))
        return self._over(key, below, lambda host: function(read(host, attribute), *arguments))

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up; see HostRows."""
        below = self.rows.look_up(look_up)
        if self.is_as_underneath(look_up.attributes):
            return below
        return self._over(look_up, below, look_up.of)

    def _over(self, key: Any, below: Any, of_host: Callable[[HostState], Any]) -> Any:
        """What all rows answer, with the depleted ones; the answer underneath may be one for all."""
        if isinstance(below, Column):
            return self._seen(key, lambda: below, of_host)
        if all(is_same(of_host(host), below) for host in self.depleted.values()):
            return below
        raise NotVectorizable

    def count_instances(self, uuids: Collection[str]) -> Any:
        """How many of these instances are on the host: a Column, or 0 if none is on any."""
        if len(uuids) > 1:
            # The members of a group are the same object for every instance of a request.
            wanted = self._wanted.get(id(uuids))
            if wanted is None:
                wanted = self._wanted[id(uuids)] = (uuids, frozenset(uuids))
            holders = (row for uuid in wanted[1] for row in self.rows.rows_with(uuid))
            return self._seen(
                wanted[1], lambda: counted(list(holders), len(self.rows)), lambda host: count_instances(host, uuids)
            )
        rows = [row for uuid in uuids for row in self.rows.rows_with(uuid) if row not in self.depleted]
        holding = self._holders()
        found = ((row, uuid) for uuid in uuids for row in holding.get(uuid, ()))
        rows += [row for row, uuid in found if uuid in self.depleted[row].instances]
        return counted(rows, len(self.rows)) if rows else 0
