"""Whether hosts are in an availability zone, for one host or columns of hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_values import Aggregate
from filtersched.plugins.columnar import filled, of_each


def is_in_zone(host: Any, zone: str, default: str) -> Any:
    """Whether one host, or which of many, is in the zone: of its aggregates, else of its service, else `default`."""
    own = of_each(host, "service", _is_of_zone, zone, default)
    return filled(of_each(host, "aggregates", _name_zone, zone), own)


def _name_zone(found: Iterable[Aggregate], zone: str) -> bool | None:
    """Whether aggregates name the zone; None if they name none at all."""
    named = aggregates.split_values(found, "availability_zone")
    return zone in named if named else None


def _is_of_zone(service: Mapping[str, Any], zone: str, default: str) -> bool:
    return bool((service.get("availability_zone") or default) == zone)
