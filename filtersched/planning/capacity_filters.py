"""The filters that check room for memory, CPUs and disk, as Placement does for Nova, beside those in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.errors import InvalidRequest
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.core_filter import CoreFilter
from filtersched.filters.disk_filter import DiskFilter
from filtersched.filters.ram_filter import RamFilter

_CAPACITY = (RamFilter, CoreFilter, DiskFilter)


def with_capacity_filters(scheduler: Any, named: Sequence[str] | None) -> list[str | BaseHostFilter]:
    """The filters that are named, or else configured, and those for room that are not among them.

    Raises InvalidRequest for a scheduler without filters.
    """
    if not hasattr(scheduler, "catalog"):
        raise InvalidRequest(f"{type(scheduler).__name__} uses no filters", field="filters")
    used = list(scheduler.filters if named is None else scheduler.catalog.get(named))
    missing = [cls for cls in _CAPACITY if not any(isinstance(one, cls) for one in used)]
    return [*used, *scheduler.catalog.get(missing)]
