"""AggregateIoOpsFilter: IoOpsFilter with the number set by aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.filters.io_ops_filter import IoOpsFilter
from filtersched.hosts.host_state import HostState


class AggregateIoOpsFilter(IoOpsFilter):
    """Refuse hosts with too many I/O operations running, the number set by aggregates.

    The host's aggregates may set `max_io_ops_per_host`; the lowest value counts. If none does, or if a value
    is not an integer, the filter works like IoOpsFilter.
    """

    host_reads: Any = ("aggregates", *IoOpsFilter.host_reads)
    spec_reads: ClassVar[Sequence[str]] = IoOpsFilter.spec_reads
    columnar = True
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"max_io_ops_per_host": "max_io_ops_per_host"}

    def most(self, host: HostState) -> Any:
        return self.aggregate_number(host, "max_io_ops_per_host", super().most(host))
