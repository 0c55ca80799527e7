"""The service of a host, and whether it is up: one rule for every driver and filter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import FrozenDict
from filtersched.columns.plain_data import USUAL, attributes_of, note_unread, plain_mapping, plain_ones
from filtersched.columns.values import naive_utc
from filtersched.errors import nearest, shown

_TIMES = ("last_seen_up", "updated_at", "created_at")
_SWITCHES = ("disabled", "forced_down")
# The keys of a record, as Nova's have them: of its objects, and of its API.
SERVICE_KEYS = {
    key: key
    for key in (
        *(*_SWITCHES, *_TIMES, "disabled_reason", "availability_zone", "host", "binary", "topic", "report_count"),
        *("id", "uuid", "version", "compute_node", "deleted", "deleted_at", "zone", "state", "status"),
    )
}


class Service(FrozenDict[str, Any]):
    """A service record: a read-only mapping, its keys can be read as attributes too.

    It has the keys of Nova's records. The library reads `disabled`, `disabled_reason`,
    `forced_down`, `state`, `last_seen_up`, `updated_at`, `created_at` and `availability_zone`.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"the service record has no {name!r}")

    @classmethod
    def of(cls, value: Any) -> Service:
        """`value` as a record: a mapping, or an object of another library whose attributes are copied.

        Times become naive UTC and everything else plain data; attributes that are neither, and those
        that Nova's records do not have, are left out. Raises ValueError, also for an unknown key of a
        mapping.
        """
        if value is None or isinstance(value, cls):
            return value or NO_SERVICE
        ordinary = cls._ordinary(value) if type(value) is dict else None
        if ordinary is not None:
            return ordinary
        facts = value if isinstance(value, Mapping) else attributes_of(value, sorted(SERVICE_KEYS))
        if facts is None:
            raise ValueError("a service record, a mapping or an object")
        is_mapping = facts is value
        unknown = [key for key in facts if key not in SERVICE_KEYS]
        if unknown and is_mapping:
            key = unknown[0]
            hint = nearest(key, SERVICE_KEYS) if isinstance(key, str) else ""
            raise ValueError(f"must be a service record; {shown(key)} is no key of one. {hint or _KEYS_HINT}")
        note_unread("a service", value, unknown)
        facts = {key: fact for key, fact in facts.items() if key in SERVICE_KEYS}
        times = {name: _time(name, facts[name]) for name in _TIMES if name in facts}
        others = {name: fact for name, fact in facts.items() if name not in times}
        plain = plain_mapping(others) if is_mapping else plain_ones(others, "a service", value)
        record = cls({**plain, **times})
        for name in _SWITCHES:
            if not isinstance(record.get(name), bool | int | None):
                raise ValueError(f"a service record with {name} true or false")
        return record


    @classmethod
    def _ordinary(cls, given: dict[Any, Any]) -> Service | None:
        """The record of what most records are: truth values, text and times as text; None for any other."""
        facts: dict[str, Any] = {}
        times: dict[str, datetime | None] = {}
        for key, fact in given.items():
            known = SERVICE_KEYS.get(key) if type(key) is str else None
            if known is None:
                return None
            if known in _TIMES:
                times[known] = _time(known, fact)
            elif type(fact) is bool or fact is None or (known not in _SWITCHES and _is_usual(fact)):
                facts[known] = fact
            else:
                return None
        return cls({**facts, **times})


_KEYS_HINT = f"Known: {', '.join(sorted(SERVICE_KEYS))}."
NO_SERVICE = Service()


def _is_usual(fact: Any) -> bool:
    return type(fact) is str or (type(fact) is int and -USUAL < fact < USUAL)


def _time(name: str, value: Any) -> datetime | None:
    try:
        return naive_utc(value)
    except ValueError as problem:
        raise ValueError(f"a service record with {name} {problem}") from None


def last_heartbeat(service: Mapping[str, Any]) -> datetime | None:
    """When the service was last heard of: `last_seen_up` or `updated_at`, else `created_at`."""
    for name in _TIMES:
        found: datetime | None = service.get(name)
        if found is not None:
            return found
    return None


def is_forced_down(service: Mapping[str, Any]) -> bool:
    """Whether an operator (or an evacuation) has declared the service down, whatever its heartbeat."""
    return bool(service.get("forced_down"))


def is_reported_down(service: Mapping[str, Any]) -> bool:
    """Whether the record itself says that the service is down: `state` is "down", as Nova's API has it."""
    return service.get("state") == "down"


def service_is_up(service: Mapping[str, Any], now: datetime, down_time_s: float) -> bool:
    """Whether nothing says that the service is down and its last heartbeat is at most `down_time_s` from `now`.

    A service without a heartbeat counts as up. A heartbeat in the future counts like one in the
    past, as in Nova.
    """
    if is_forced_down(service) or is_reported_down(service):
        return False
    heartbeat = last_heartbeat(service)
    return heartbeat is None or abs((now - heartbeat).total_seconds()) <= down_time_s
