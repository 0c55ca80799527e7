"""What is made of the instances of hosts in rows: which rows an instance is on, which instances a group has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from filtersched.hosts.row_index import HostNumbers, RowIndex


class InstancesOfRows:
    """What is made of the instances of each row; a class derived from it notes which arrive and which leave."""

    def __init__(self, instances: Iterable[Mapping[str, Any]], numbers: HostNumbers) -> None:
        """instances : of each row, by uuid."""
        self._numbers = numbers
        self._known: list[Mapping[str, Any]] = []
        for one in instances:
            self.append(one)

    def append(self, instances: Mapping[str, Any]) -> None:
        """Add a row with these instances."""
        self._known.append({})
        if instances:
            self.change(len(self._known) - 1, instances, instances, ())

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self.put(row, {})
        del self._known[row]

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        known = self._known[row]
        if instances is not known:
            changed = {uuid for uuid in instances.keys() & known.keys() if instances[uuid] is not known[uuid]}
            arrived = [uuid for uuid in instances if uuid not in known or uuid in changed]
            self.change(row, instances, arrived, (known.keys() - instances.keys()) | changed)

    def change(self, row: int, instances: Mapping[str, Any], arrived: Iterable[str], left: Iterable[str]) -> None:
        """The same, where it is known which instances arrived and which left."""
        known, number = self._known[row], self._numbers.of_rows[row]
        for uuid in left:
            # A change that was interrupted behind this is made again.
            if uuid in known:
                self._leave(number, known[uuid], uuid)
        for uuid in arrived:
            self._arrive(number, instances[uuid], uuid)
        self._known[row] = instances

    def _arrive(self, number: int, instance: Any, uuid: str) -> None:
        """An instance came to the host of that number."""
        raise NotImplementedError

    def _leave(self, number: int, instance: Any, uuid: str) -> None:
        """An instance left it."""
        raise NotImplementedError


class InstanceIndex(InstancesOfRows, RowIndex):
    """Uuid of an instance to the rows of the hosts that have it, nearly always one."""

    def __init__(self, instances: Iterable[Mapping[str, Any]], numbers: HostNumbers) -> None:
        RowIndex.__init__(self, numbers)
        # Of each group the members, as keys in the order in which they came.
        self._members: dict[str, dict[str, None]] = {}
        super().__init__(instances, numbers)

    def members_of(self, group: str) -> Collection[str]:
        """The uuids of the instances that are in a group."""
        return self._members.get(group, {}).keys()

    def _arrive(self, number: int, instance: Any, uuid: str) -> None:
        self._add(uuid, number)
        for group in groups_of(instance):
            self._members.setdefault(group, {})[uuid] = None

    def _leave(self, number: int, instance: Any, uuid: str) -> None:
        if self._discard(uuid, number):
            for group in groups_of(instance):
                members = self._members.get(group, {})
                members.pop(uuid, None)
                if not members:
                    self._members.pop(group, None)


def groups_of(instance: Any) -> Sequence[str]:
    """The groups of an instance; a class derived from HostState may keep other records."""
    return getattr(instance, "groups", ())
