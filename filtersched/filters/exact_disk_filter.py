"""ExactDiskFilter: exactly the disk asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.capacity import ExactFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class ExactDiskFilter(ExactFilter):
    """Refuse hosts whose free disk is not exactly the root, ephemeral and swap disks of the flavor."""

    host_reads: Sequence[str] = ("free_disk_mb",)
    spec_reads: ClassVar[Sequence[str]] = ("root_gb", "ephemeral_gb", "swap")
    columnar = True

    what = "disk"
    unit = "MB"

    def needed(self, spec: RequestSpec) -> Any:
        return 1024 * (spec.root_gb + spec.ephemeral_gb) + spec.swap

    def free(self, host: HostState) -> Any:
        return host.free_disk_mb

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        return {"disk_gb": host_state.total_usable_disk_gb}
