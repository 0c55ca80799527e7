"""Nova's request filters in a scheduler: the filter that stands for them, and what it needs to know of all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.filters.prefilter_filter import PrefilterFilter
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.loading import make_plugin
from filtersched.requests.prefilters import is_for_project, is_of_zone
from filtersched.requests.request_spec import RequestSpec


def prefilters(conf: Any, enabled: Sequence[Any]) -> list[PrefilterFilter]:
    """The filter, if an option of its is on and the configuration does not name it."""
    if any(isinstance(one, PrefilterFilter) for one in enabled):
        return []
    made = make_plugin(PrefilterFilter, conf)
    return [made] if made.is_on() else []


def note_own_aggregates(
    spec: RequestSpec, rules: Sequence[PrefilterFilter], hosts: HostPool | Sequence[HostState]
) -> None:
    """Tell a request whether any host is in an aggregate for its project, or its zone, if a filter wants to know."""
    of_project = any(one.looks_for_own_aggregates for one in rules)
    of_zone = bool(spec.availability_zone) and any(one.looks_for_zone_aggregates for one in rules)
    different = _different_aggregates(hosts) if of_project or of_zone else []
    if of_project:
        spec.__dict__["_has_own_aggregates"] = any(is_for_project(one, spec.project_id) for one in different)
    if of_zone:
        spec.__dict__["_has_zone_aggregates"] = any(is_of_zone(one, spec.availability_zone) for one in different)


def _different_aggregates(hosts: HostPool | Sequence[HostState]) -> list[Sequence[Any]]:
    """What hosts are in, each once: most hosts share it."""
    codes = hosts.rows.codes(("aggregates",)) if isinstance(hosts, HostPool) else None
    if codes is not None:
        return [codes.values[code] for code in codes.live()]
    return list({id(host.aggregates): host.aggregates for host in hosts}.values())
