"""AggregateNumInstancesFilter: NumInstancesFilter with the number set by aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.filters.num_instances_filter import NumInstancesFilter
from filtersched.hosts.host_state import HostState


class AggregateNumInstancesFilter(NumInstancesFilter):
    """Refuse hosts with too many instances, the number set by aggregates.

    The host's aggregates may set `max_instances_per_host`; the lowest value counts. If none does, or if a value
    is not an integer, the filter works like NumInstancesFilter.
    """

    host_reads: Any = ("aggregates", *NumInstancesFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = NumInstancesFilter.spec_reads
    columnar = True
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"max_instances_per_host": "max_instances_per_host"}

    def most(self, host: HostState) -> Any:
        return self.aggregate_number(host, "max_instances_per_host", super().most(host))
