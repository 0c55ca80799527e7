"""Nova's request filters in a scheduler: the filter that stands for them, and what it needs to know of all hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from filtersched.filters.prefilter_filter import PrefilterFilter
from filtersched.hosts.host_state import HostState
from filtersched.loading import make_plugin
from filtersched.requests.prefilters import is_for_project
from filtersched.requests.request_spec import RequestSpec


def prefilters(conf: Any, enabled: Sequence[Any]) -> list[PrefilterFilter]:
    """The filter, if an option of its is on and the configuration does not name it."""
    if any(isinstance(one, PrefilterFilter) for one in enabled):
        return []
    made = make_plugin(PrefilterFilter, conf)
    return [made] if made.is_on() else []


def note_own_aggregates(spec: RequestSpec, filters: Sequence[Any], hosts: Iterable[HostState]) -> None:
    """Tell a request whether an aggregate of any host is for its project, if a filter wants to know."""
    spec.__dict__.pop("_has_own_aggregates", None)
    if any(isinstance(one, PrefilterFilter) and one.looks_for_own_aggregates for one in filters):
        # Most hosts share what they are in.
        different = {id(host.aggregates): host.aggregates for host in hosts}
        spec.__dict__["_has_own_aggregates"] = any(
            is_for_project(aggregates, spec.project_id) for aggregates in different.values()
        )
