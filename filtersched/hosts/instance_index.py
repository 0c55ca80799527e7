"""InstanceIndex: which rows an instance is on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any


class InstanceIndex:
    """Uuid of an instance to the rows of the hosts that have it, nearly always one.

    change_count : how many changes of the rows are in it.
    """

    __slots__ = ("_known", "_rows", "change_count")

    def __init__(self, instances: Sequence[Mapping[str, Any]]) -> None:
        """instances : of each row, by uuid."""
        self.change_count: int = -1
        self._rows: dict[str, int | frozenset[int]] = {}
        self._known = list(instances)
        for row, known in enumerate(self._known):
            for uuid in known:
                self._add(uuid, row)

    def rows_with(self, uuid: str) -> Collection[int]:
        """The rows of the hosts that the instance is on."""
        rows = self._rows.get(uuid, ())
        return (rows,) if isinstance(rows, int) else rows

    def put(self, row: int, instances: Mapping[str, Any]) -> None:
        """Note which instances the host of a row has now."""
        known = self._known[row]
        if instances is not known:
            self.change(row, instances, instances.keys() - known.keys(), known.keys() - instances.keys())

    def change(
        self, row: int, instances: Mapping[str, Any], arrived: Iterable[str], left: Iterable[str]
    ) -> None:
        """The same, where it is known which instances arrived and which left."""
        for uuid in left:
            self._discard(uuid, row)
        for uuid in arrived:
            self._add(uuid, row)
        self._known[row] = instances

    def _add(self, uuid: str, row: int) -> None:
        rows = self._rows.setdefault(uuid, row)
        if rows != row:
            self._rows[uuid] = frozenset((row, rows)) if isinstance(rows, int) else rows | {row}

    def _discard(self, uuid: str, row: int) -> None:
        rows = self._rows.pop(uuid, row)
        if rows != row:
            left: frozenset[int] = (frozenset((rows,)) if isinstance(rows, int) else rows) - {row}
            only = next(iter(left))
            self._rows[uuid] = left if len(left) > 1 else only
