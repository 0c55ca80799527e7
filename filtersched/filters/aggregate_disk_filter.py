"""AggregateDiskFilter: DiskFilter with the ratio set by aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.disk_filter import DiskFilter
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState


class AggregateDiskFilter(DiskFilter):
    """Refuse hosts without enough disk for the flavor, the ratio set by aggregates.

    The host's aggregates may set `disk_allocation_ratio`; the lowest value counts. If none does, or if a value
    is not a number, the filter works like DiskFilter.
    """

    host_reads: Any = ("aggregates", *DiskFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = DiskFilter.spec_reads
    columnar = True

    def ratio(self, host: HostState) -> Any:
        return aggregates.number(host, "disk_allocation_ratio", float, super().ratio(host))
