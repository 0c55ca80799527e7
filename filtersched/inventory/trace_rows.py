"""Requests from what sites have of their past: rows of Nova's database, a packing trace, a list of servers.

| record | what it becomes |
|---|---|
| a row of Nova's table `instances` as CSV | `created_at` to `deleted_at`, sizes, project, user |
| the same with rows of `instance_actions` | the times are those of the actions `create` and `delete` |
| Azure's packing trace: vm id, type, start, end | days as seconds; a types file says what a type needs |
| `openstack server list --long -f json` | a request for each server, arriving at `Created At` if that is listed |

Times of Nova are UTC and become seconds since 1970. The zone and the host of a row are where the instance
was, not what it asked for, and are left out.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from filtersched.columns.values import naive_utc
from filtersched.errors import InventoryError
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.flavor_reader import Flavors
from filtersched.inventory.record_reader import RecordReader
from filtersched.inventory.source import Record

_DAY_S = 86_400
_NULLS = ("", "NULL", "\\N", "None")
_AZURE = {
    "vmid": "id",
    "vmtypeid": "type",
    "vmtype": "type",
    "type": "type",
    "starttime": "start",
    "start": "start",
    "endtime": "end",
    "end": "end",
    "tenantid": "tenant",
    "priority": "priority",
}
_NOVAS = ("uuid", "created_at", "memory_mb", "vcpus")
_ACTIONS = ("instance_uuid", "action", "start_time")


def kind_of_header(names: Iterable[str]) -> str | None:
    """Whose rows are under a CSV header of these columns: "nova", "azure"; None for others."""
    known = {name.strip() for name in names}
    if known.issuperset(_NOVAS):
        return "nova"
    roles = {_AZURE.get(_plain(name)) for name in known}
    return "azure" if roles.issuperset(("id", "type", "start", "end")) and "flavor" not in known else None


def is_server(data: Mapping[str, Any]) -> bool:
    """Whether the record is a server as `openstack server list` prints it."""
    return "ID" in data and "Status" in data and ("Flavor" in data or "Flavor Name" in data or "Flavor ID" in data)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def request_of_row(
    data: Mapping[str, Any], times: Mapping[str, tuple[float | None, float | None]]
) -> dict[str, Any]:
    """The request of a row of Nova's `instances`; `times` are those of actions, by uuid."""
    row = {key: None if value in _NULLS else value for key, value in data.items()}
    if row["uuid"] is None:
        raise ValueError("an instance needs a 'uuid'", "uuid")
    created, deleted = times.get(row["uuid"], (None, None))
    arrives = _seconds(row, "created_at") if created is None else created
    departs = deleted if deleted is not None else _seconds(row, "deleted_at", "terminated_at")
    if arrives is None:
        raise ValueError("an instance needs a 'created_at'", "created_at")
    sizes = {name: _whole(row, name) for name in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")}
    flavor = {"name": f"c{sizes['vcpus']}.m{sizes['memory_mb']}", **sizes, "flavorid": row.get("instance_type_id")}
    return {
        "request_id": row["uuid"],
        "instance_uuid": row["uuid"],
        "flavor": {key: value for key, value in flavor.items() if value is not None},
        "project_id": row.get("project_id"),
        "user_id": row.get("user_id"),
        "arrives_at": arrives,
        "departs_at": departs,
    }


def request_of_azure(data: Mapping[str, Any], flavors: Flavors) -> dict[str, Any]:
    """The request of a row of Azure's packing trace, whose times are days, below zero before it begins."""
    row: dict[str, Any] = {}
    for key, value in data.items():
        role = _AZURE.get(_plain(key))
        if role is not None and value not in _NULLS:
            row[role] = value
    for role in ("id", "type", "start"):
        if role not in row:
            raise ValueError(f"a VM needs its {role}", role)
    return {
        "request_id": str(row["id"]),
        "flavor": flavors.wanted(row["type"]),
        "project_id": row.get("tenant"),
        "arrives_at": _days(row, "start"),
        "departs_at": _days(row, "end"),
    }


def request_of_server(data: Mapping[str, Any], flavors: Flavors) -> dict[str, Any]:
    """The request that a server of `openstack server list --long` is now."""
    flavor = flavors.wanted(*server_flavor(data))
    created = data.get("Created At") or data.get("Created")
    return {
        "request_id": data.get("Name") or data["ID"],
        "instance_uuid": data["ID"],
        "flavor": flavor,
        "project_id": data.get("Project ID") or None,
        "user_id": data.get("User ID") or None,
        "availability_zone": data.get("Pinned Availability Zone") or None,
        "arrives_at": None if not created else _moment(created, "Created At"),
    }


def server_flavor(data: Mapping[str, Any]) -> list[Any]:
    """What a listed server says of its flavor: names and ids, the surest first."""
    return [data[key] for key in ("Flavor ID", "Flavor Name", "Flavor") if data.get(key)]


class _ActionReader(RecordReader[tuple[str, str, float | None]]):
    """The actions that create and delete instances: uuid, action, and when it began."""

    _lists = ("actions",)
    _required = "action"

    def _records(self) -> Iterator[tuple[str, Record | InventoryError]]:
        # The table has further columns, which nothing here reads.
        header = self._source.first().decode(errors="replace")
        names = [name.strip() for name in next(csv.reader([header]), [])]
        self._columns = Columns((*names, *_ACTIONS), "action", names)
        return super()._records()

    def _items(self, name: str, record: Record) -> Iterable[tuple[str, str, float | None]]:
        return self._made(record.data, self._action)

    def _action(self, data: dict[str, Any]) -> tuple[str, str, float | None] | None:
        missing = next((column for column in _ACTIONS[:2] if not data.get(column)), None)
        if missing is not None:
            raise ValueError(f"an action needs {missing!r}", missing)
        began = data.get("start_time")
        when = None if began is None or began in _NULLS else _moment(began, "start_time")
        return (data["instance_uuid"], data["action"], when) if data["action"] in ("create", "delete") else None


def read_actions(path: str | os.PathLike[str]) -> dict[str, tuple[float | None, float | None]]:
    """When each instance was created and deleted, by uuid, from rows of `instance_actions` as CSV.

    The first `create` and the last `delete` count; other actions do not. Raises InventoryError.
    """
    times: dict[str, tuple[float | None, float | None]] = {}
    for uuid, action, when in _ActionReader(path):
        created, deleted = times.get(uuid, (None, None))
        if when is not None and action == "create":
            created = when if created is None else min(created, when)
        elif when is not None:
            deleted = when if deleted is None else max(deleted, when)
        times[uuid] = created, deleted
    return times


def _seconds(row: Mapping[str, Any], *names: str) -> float | None:
    name = next((name for name in names if row.get(name) is not None), None)
    return None if name is None else _moment(row[name], name)


def _moment(value: Any, name: str) -> float:
    try:
        when = naive_utc(value)
    except ValueError:
        when = None
    if when is None:
        raise ValueError(f"{name} must be a time such as 2026-01-31 12:00:00, not {value!r}", name)
    return datetime.timestamp(when.replace(tzinfo=UTC))


def _days(row: Mapping[str, Any], name: str) -> float | None:
    if name not in row:
        return None
    try:
        days = float(row[name])
    except ValueError:
        days = math.nan
    if not math.isfinite(days):
        raise ValueError(f"{name} must be a number of days, not {row[name]!r}", name)
    # What ran before the trace began is there at its beginning.
    return max(0.0, days * _DAY_S)


def _whole(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    try:
        return None if value is None else int(value)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {value!r}", name) from None
