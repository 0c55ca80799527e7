"""AggregateDiskFilter: DiskFilter with the ratio set by aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.filters.disk_filter import DiskFilter
from filtersched.hosts.host_state import HostState


class AggregateDiskFilter(DiskFilter):
    """Refuse hosts without enough disk for the flavor, the ratio set by aggregates.

    The host's aggregates may set `disk_allocation_ratio`; the lowest value counts. If none does, or if a value
    is not a number, the filter works like DiskFilter.
    """

    host_reads: Any = ("aggregates", *DiskFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = DiskFilter.spec_reads
    columnar = True
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"disk_allocation_ratio": "disk_allocation_ratio"}

    def ratio(self, host: HostState) -> Any:
        return self.aggregate_number(host, "disk_allocation_ratio", super().ratio(host))
