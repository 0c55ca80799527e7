"""Telling whether a host or a request came back as it was."""

from __future__ import annotations

import copy
from typing import Any

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

# Limits may be written to; the others are what a request remembers for itself.
_MAY_CHANGE = frozenset(
    (
        "limits",
        "_resources",
        "_placements",
        "_shared_resources",
        "_has_own_aggregates",
        "_source_cpus",
        "_has_zone_aggregates",
        "_holds_place",
        "_derived_numa_topology",
        "_derived_pci_requests",
    )
)
_IMMUTABLE = frozenset((str, int, float, bool, type(None)))
_ABSENT = object()


class Snapshot:
    """What a host or a request was, to be compared with what it is."""

    def __init__(self, thing: HostState | RequestSpec) -> None:
        self.thing = thing
        self._copies = {name: copied(value) for name, value in _facts(thing).items()}

    def changed(self) -> list[str]:
        """The attributes, and for a request the keys, that are no longer what they were."""
        now = _facts(self.thing)
        names = dict.fromkeys([*self._copies, *now])
        return [name for name in names if not equal(self._copies.get(name, _ABSENT), now.get(name, _ABSENT))]


def _facts(thing: HostState | RequestSpec) -> dict[str, Any]:
    facts = {name: value for name, value in vars(thing).items() if name not in _MAY_CHANGE}
    if isinstance(thing, RequestSpec):
        facts |= {f"[{key!r}]": value for key, value in thing.items()}
    return facts


def copied(value: Any) -> Any:
    """A copy, or where that says nothing, the object itself."""
    if type(value) in _IMMUTABLE:
        return value
    try:
        duplicate = copy.deepcopy(value)
    except (TypeError, ValueError):
        return value
    return duplicate if equal(duplicate, value) else value


def equal(value: Any, other: Any) -> bool:
    """Whether two values are equal, and of one type."""
    if value is other:
        return True
    try:
        return type(value) is type(other) and bool(value == other)
    except (TypeError, ValueError):
        return False
