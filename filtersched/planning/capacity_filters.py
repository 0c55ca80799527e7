"""The filters that check room for memory, CPUs and disk, as Placement does for Nova, beside those in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.errors import InvalidRequest
from filtersched.filters.core_filter import CoreFilter
from filtersched.filters.disk_filter import DiskFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.loading import FurtherFilters

_CAPACITY = (RamFilter, CoreFilter, DiskFilter)


def with_capacity_filters(scheduler: Any, named: Sequence[str] | None) -> FurtherFilters:
    """The filters that are named, or else those of the profile that decides, and those for room not among them.

    Raises InvalidRequest for a scheduler without filters, PluginNotFound for unknown names.
    """
    if not hasattr(scheduler, "catalog"):
        raise InvalidRequest(f"{type(scheduler).__name__} uses no filters", field="filters")
    if named is not None:
        scheduler.catalog.get(named)
    return FurtherFilters(_CAPACITY, named)
