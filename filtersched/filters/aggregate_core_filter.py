"""AggregateCoreFilter: CoreFilter with the ratio set by aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.filters.core_filter import CoreFilter
from filtersched.hosts.host_state import HostState


class AggregateCoreFilter(CoreFilter):
    """Refuse hosts without enough virtual CPUs for the flavor, the ratio set by aggregates.

    The host's aggregates may set `cpu_allocation_ratio`; the lowest value counts. If none does, or if a value
    is not a number, the filter works like CoreFilter.
    """

    host_reads: Any = ("aggregates", *CoreFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = CoreFilter.spec_reads
    columnar = True
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"cpu_allocation_ratio": "cpu_allocation_ratio"}

    def ratio(self, host: HostState) -> Any:
        return self.aggregate_number(host, "cpu_allocation_ratio", super().ratio(host))
