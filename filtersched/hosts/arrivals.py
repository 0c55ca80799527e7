"""Instances that come to hosts and leave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import FrozenDict, GrowingDict
from filtersched.errors import InvalidHost, shown
from filtersched.hosts.host_state import BUILDING, HostState
from filtersched.hosts.placement import Placement
from filtersched.hosts.shared_amounts import SHARED_RESOURCES
from filtersched.requests.instance import Instance


@dataclass(frozen=True, slots=True)
class Leaving:
    """An instance that leaves its host; `spec` where a class of hosts releases by requests only."""

    row: int
    instance: Instance
    spec: Any = None


def put_on(host: HostState, selection: Placement, now: datetime) -> None:
    """Let a host take the instance of a selection, and keep its record."""
    taken = host.consume_from_request(selection.spec)
    consumed = BUILDING
    if selection.resources is not None:
        consumed = FrozenDict({**BUILDING, SHARED_RESOURCES: selection.resources})
    record = selection.spec.as_instance(consumed=consumed, created_at=now)
    if taken is not None:
        if not isinstance(taken, Mapping):
            raise InvalidHost(
                f"host {host.host!r}: consume_from_request must return a mapping or None, not {shown(taken)}",
                host=host.host,
                value=taken,
            )
        record = replace(record, consumed={**record.consumed, **taken})
    uuid, instances = selection.instance_uuid, host.instances
    if isinstance(instances, GrowingDict):
        instances.put(uuid, record)
    elif uuid not in instances:
        # The class assigned others when it consumed.
        host._assign(instances=FrozenDict({**instances, uuid: record}))


def take_off(host: HostState, leaving: Leaving) -> None:
    """Give a host back what an instance took, and forget its record."""
    if leaving.spec is not None and not type(host).releases_instances():
        host.release_request(leaving.spec)
    else:
        host.release_instance(leaving.instance)
    instances = host.instances
    if isinstance(instances, GrowingDict):
        instances.discard(leaving.instance.uuid)
