"""Whether the service of a host is up: one rule for every driver and filter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from filtersched.columns.values import naive_utc


def last_heartbeat(service: Any) -> datetime | None:
    """When the service was last heard of: `last_seen_up` or `updated_at`, else `created_at`."""
    for name in ("last_seen_up", "updated_at", "created_at"):
        heartbeat = naive_utc(service_fact(service, name))
        if heartbeat is not None:
            return heartbeat
    return None


def is_forced_down(service: Any) -> bool:
    """Whether an operator (or an evacuation) has declared the service down, whatever its heartbeat."""
    return bool(service_fact(service, "forced_down"))


def service_is_up(service: Any, now: datetime, down_time_s: float) -> bool:
    """Whether the service is not forced down and its last heartbeat is at most `down_time_s` from `now`.

    A service that is not known, or has no heartbeat, counts as up. A heartbeat in the future counts
    like one in the past, as in Nova.
    """
    if is_forced_down(service):
        return False
    heartbeat = last_heartbeat(service)
    return heartbeat is None or abs((now - heartbeat).total_seconds()) <= down_time_s


def service_fact(service: Any, name: str) -> Any:
    """One field of a service record, a mapping or an object; None if it does not say."""
    return service.get(name) if isinstance(service, Mapping) else getattr(service, name, None)
