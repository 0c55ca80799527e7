"""Aggregates of a file, and which hosts are in them: Nova's GET /os-aggregates, or the openstack command's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from filtersched.errors import InventoryError
from filtersched.hosts.host_values import Aggregate
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.record_reader import RecordReader, first_of
from filtersched.inventory.source import Record

# Nova's own words, those of `openstack aggregate show`, and the columns of `openstack aggregate list --long`.
_NAMES = ("name", "Name")
_HOSTS = ("hosts", "Hosts")
_METADATA = ("metadata", "properties", "Metadata", "Properties")
_ZONES = ("availability_zone", "Availability Zone")
_IDS = ("id", "ID")
_NO_PART = frozenset(("uuid", "UUID", "created_at", "updated_at", "deleted_at", "deleted", "is_deleted"))
_KNOWN = frozenset((*_NAMES, *_HOSTS, *_METADATA, *_ZONES, *_IDS, *_NO_PART))
_ZONE = "availability_zone"


class HostAggregate(NamedTuple):
    """An aggregate, and the names of the hosts in it."""

    aggregate: Aggregate
    hosts: Sequence[str]


class AggregateReader(RecordReader[HostAggregate]):
    """The aggregates of a file, in its order.

    A zone that is told beside the metadata becomes a part of them, as in Nova. Raises InventoryError,
    with path, line and field, for anything that is not an aggregate.
    """

    _lists = ("aggregates",)
    _singles = {"aggregate": "aggregates"}
    _required = "hosts"
    _columns = Columns(("name", "hosts", "metadata", "availability_zone", "id"), "hosts", ("name",), ("metadata.",))

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        return super()._is_record(data) or "Hosts" in data

    def _items(self, name: str, record: Record) -> Iterable[HostAggregate]:
        return self._made(record.data, self._aggregate)

    def _aggregate(self, data: dict[str, Any]) -> HostAggregate:
        hosts = first_of(data, _HOSTS)
        if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            raise ValueError("an aggregate needs 'hosts', a list of names", "hosts")
        name = first_of(data, _NAMES)
        if not isinstance(name, str) or not name:
            raise ValueError("an aggregate needs a 'name'", "name")
        metadata = first_of(data, _METADATA) or {}
        if not isinstance(metadata, dict):
            raise ValueError(f"the metadata of aggregate {name!r} must be an object {{...}}", "metadata")
        zone = first_of(data, _ZONES)
        if zone is not None and _ZONE not in metadata:
            metadata = {**metadata, _ZONE: zone}
        number = first_of(data, _IDS)
        self._report_unread(sorted(key for key in data if key not in _KNOWN))
        return HostAggregate(Aggregate(name, metadata, number if isinstance(number, int) else None), hosts)


def read_aggregates(path: str | os.PathLike[str]) -> dict[str, list[Aggregate]]:
    """The aggregates of a file by host, for `read_inventory`. Raises InventoryError, also for a name given twice."""
    by_host: dict[str, list[Aggregate]] = {}
    reader = AggregateReader(path)
    lines: dict[str, int] = {}
    for aggregate, hosts in reader:
        if aggregate.name in lines:
            problem = f"aggregate {aggregate.name!r} stands there twice, first on line {lines[aggregate.name]}"
            raise InventoryError(
                f"{reader.path}, line {reader.line}: {problem}", path=reader.path, line=reader.line, field="name"
            )
        lines[aggregate.name] = reader.line
        for host in dict.fromkeys(hosts):
            by_host.setdefault(host, []).append(aggregate)
    return by_host
