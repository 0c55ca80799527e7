"""What the attributes of a request may be: one check for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import FrozenDict, FrozenList
from filtersched.columns.shared_values import shared_made
from filtersched.columns.values import naive_utc, utc_now
from filtersched.errors import InvalidRequest, must_be
from filtersched.requests.numa_topology import InstanceNUMATopology, NetworkMetadata
from filtersched.requests.parts import Part
from filtersched.requests.pci_requests import InstancePCIRequests
from filtersched.requests.record import (
    Record,
    checked,
    checked_mapping,
    checked_names,
    checked_size,
    checked_text,
    truth,
)
from filtersched.requests.request_values import (
    Destination,
    Flavor,
    Image,
    InstanceGroup,
    RequestContext,
    Retry,
    wish_records,
)

MAX_INSTANCES = 1_000_000


def _hints(field: str, value: Any) -> FrozenDict[str, Any]:
    given = checked_mapping(field, value)
    return FrozenDict({name: hint if isinstance(hint, tuple) else FrozenList((hint,)) for name, hint in given.items()})


def _count(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_INSTANCES:
        problem = must_be(field, f"a whole number from 1 to {MAX_INSTANCES}", value)
        raise InvalidRequest(problem, field=field, value=value)
    return int(value)


def _time(field: str, value: Any) -> datetime:
    time: datetime | None = checked(field, value, naive_utc)
    return utc_now() if time is None else time


def _seconds(field: str, value: Any) -> float | None:
    return None if value is None else checked_size(field, value)


def _truth(field: str, value: Any) -> bool:
    found: bool = checked(field, value, truth)
    return found


def _wishes(field: str, value: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = checked(field, value, wish_records)
    return found


def _record_of(kind: type[Record]) -> Callable[[str, Any], Any]:
    def check(field: str, value: Any) -> Any:
        if value is None:
            return None
        return kind.of(value, field)

    return check


def _shared_record_of(kind: type[Record], field: str, absent: Record | None) -> Callable[[str, Any], Any]:
    """The same for a record that many requests have in common."""

    def make(value: Any) -> Record:
        return kind.of(value, field)

    def check(_field: str, value: Any) -> Any:
        if type(value) is kind:
            return value
        return absent if value is None else shared_made(make, value) if type(value) is dict else make(value)

    return check


def _groups(field: str, value: Any) -> FrozenList[InstanceGroup]:
    if value is None:
        return FrozenList()
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
        raise InvalidRequest(must_be(field, "a list of groups", value), field=field, value=value)
    found = FrozenList(InstanceGroup.of(one, f"{field}[{at}]") for at, one in enumerate(value))
    known: set[str] = set()
    for at, group in enumerate(found):
        if not group.uuid or group.uuid in known:
            what = "the uuid of a group that is not there twice"
            raise InvalidRequest(
                must_be(f"{field}[{at}].uuid", what, group.uuid), field=f"{field}[{at}].uuid", value=group.uuid
            )
        known.add(group.uuid)
    return found


def _part_of(kind: type[Part]) -> Callable[[str, Any], Any]:
    def check(field: str, value: Any) -> Any:
        return None if value is None else checked(field, value, kind.of)

    return check


def _context(field: str, value: Any) -> Any:
    """A mapping becomes a record; the context of a running service stays the object that it is."""
    if isinstance(value, Mapping):
        return RequestContext.of(value, field, keep=True)
    if isinstance(value, str | int | float | Iterable):
        raise InvalidRequest(must_be(field, "a mapping or an object", value), field=field, value=value)
    return value


#: By attribute; raises InvalidRequest with the field.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "flavor": _shared_record_of(Flavor, "flavor", Flavor()),
    "image": _shared_record_of(Image, "image", None),
    "requested_destination": _record_of(Destination),
    "instance_group": _record_of(InstanceGroup),
    "instance_groups": _groups,
    "retry": _record_of(Retry),
    "num_instances": _count,
    "scheduler_hints": _hints,
    **dict.fromkeys(("limits", "config_options", "further"), checked_mapping),
    **dict.fromkeys(("ignore_hosts", "force_hosts", "force_nodes", "instance_uuids", "security_groups"), checked_names),
    **dict.fromkeys(("instance_uuid", "request_id", "project_id", "user_id", "availability_zone"), checked_text),
    **dict.fromkeys(("arrives_at", "departs_at"), _seconds),
    "numa_topology": _part_of(InstanceNUMATopology),
    "pci_requests": _part_of(InstancePCIRequests),
    "network_metadata": _part_of(NetworkMetadata),
    **dict.fromkeys(("requested_networks", "requested_resources"), _wishes),
    "is_bfv": _truth,
    "context": _context,
    "now": _time,
}
