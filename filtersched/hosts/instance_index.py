"""InstanceIndex: which rows an instance is on, and which instances a group has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class InstanceIndex:
    """Uuid of an instance to the rows of the hosts that have it, nearly always one.

    Each host has a number, which stays the same when rows come and go.

    change_count : how many changes of the rows are in it.
    """

    __slots__ = ("_known", "_members", "_number_of", "_row_of", "_rows", "change_count")

    def __init__(self, instances: Sequence[Mapping[str, Any]]) -> None:
        """instances : of each row, by uuid."""
        self.change_count: int = -1
        # By uuid the numbers of hosts.
        self._rows: dict[str, int | frozenset[int]] = {}
        # Of each group the members, as keys in the order in which they came.
        self._members: dict[str, dict[str, None]] = {}
        self._known = list(instances)
        # By row the number of its host, and by number the row.
        self._number_of: NDArray[np.intp] = np.arange(len(self._known), dtype=np.intp)
        self._row_of: NDArray[np.intp] = self._number_of.copy()
        for number, known in enumerate(self._known):
            for uuid, instance in known.items():
                self._add(uuid, instance, number)

    def rows_with(self, uuid: str) -> Collection[int]:
        """The rows of the hosts that the instance is on."""
        if uuid not in self._rows:
            return ()
        numbers = self._rows[uuid]
        if isinstance(numbers, int):
            return (self._row_of.item(numbers),)
        return frozenset(map(self._row_of.item, numbers))

    def append(self, instances: Mapping[str, Any]) -> None:
        """Add a row with these instances."""
        self._known.append({})
        self._number_of = np.append(self._number_of, len(self._row_of))
        self._row_of = np.append(self._row_of, len(self._known) - 1)
        self.put(len(self._known) - 1, instances)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self.put(row, {})
        del self._known[row]
        self._number_of = np.delete(self._number_of, row)
        self._row_of[self._row_of > row] -= 1

    def members_of(self, group: str) -> Collection[str]:
        """The uuids of the instances that are in a group."""
        return self._members.get(group, {}).keys()

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        known = self._known[row]
        if instances is known:
            return
        changed = {uuid for uuid in instances.keys() & known.keys() if instances[uuid] is not known[uuid]}
        arrived = [uuid for uuid in instances if uuid not in known or uuid in changed]
        self.change(row, instances, arrived, (known.keys() - instances.keys()) | changed)

    def change(self, row: int, instances: Mapping[str, Any], arrived: Iterable[str], left: Iterable[str]) -> None:
        """The same, where it is known which instances arrived and which left."""
        known, number = self._known[row], self._number_of.item(row)
        for uuid in left:
            # A change that was interrupted behind this is made again.
            if uuid in known:
                self._discard(uuid, known[uuid], number)
        for uuid in arrived:
            self._add(uuid, instances[uuid], number)
        self._known[row] = instances

    def _add(self, uuid: str, instance: Any, number: int) -> None:
        rows = self._rows.setdefault(uuid, number)
        if rows != number:
            self._rows[uuid] = frozenset((number, rows)) if isinstance(rows, int) else rows | {number}
        for group in groups_of(instance):
            self._members.setdefault(group, {})[uuid] = None

    def _discard(self, uuid: str, instance: Any, number: int) -> None:
        rows = self._rows.pop(uuid, number)
        if rows != number:
            left: frozenset[int] = (frozenset((rows,)) if isinstance(rows, int) else rows) - {number}
            only = next(iter(left))
            self._rows[uuid] = left if len(left) > 1 else only
            return
        for group in groups_of(instance):
            members = self._members.get(group, {})
            members.pop(uuid, None)
            if not members:
                self._members.pop(group, None)


def groups_of(instance: Any) -> Sequence[str]:
    """The groups of an instance; a class derived from HostState may keep other records."""
    return getattr(instance, "groups", ())
