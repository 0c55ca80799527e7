"""AggregateRamFilter: RamFilter with the ratio set by aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.filters.ram_filter import RamFilter
from filtersched.hosts.host_state import HostState


class AggregateRamFilter(RamFilter):
    """Refuse hosts without enough memory for the flavor, the ratio set by aggregates.

    The host's aggregates may set `ram_allocation_ratio`; the lowest value counts. If none does, or if a value
    is not a number, the filter works like RamFilter.
    """

    host_reads: Any = ("aggregates", *RamFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = RamFilter.spec_reads
    columnar = True
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"ram_allocation_ratio": "ram_allocation_ratio"}

    def ratio(self, host: HostState) -> Any:
        return self.aggregate_number(host, "ram_allocation_ratio", super().ratio(host))
