"""ExactRamFilter: exactly the memory asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.capacity import ExactFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class ExactRamFilter(ExactFilter):
    """Refuse hosts whose free memory is not exactly what the flavor asks for."""

    host_reads: Sequence[str] = ("free_ram_mb",)
    spec_reads: ClassVar[Sequence[str]] = ("memory_mb",)
    columnar = True

    what = "RAM"
    unit = "MB"

    def needed(self, spec: RequestSpec) -> Any:
        return spec.memory_mb

    def free(self, host: HostState) -> Any:
        return host.free_ram_mb

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        return {"memory_mb": host_state.total_usable_ram_mb}
