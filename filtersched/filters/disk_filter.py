"""DiskFilter: enough disk, oversubscription included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import DISK_ALLOCATION_RATIO


class DiskFilter(CapacityFilter):
    """Refuse hosts without enough disk for the flavor, oversubscription included.

    The flavor needs its root and ephemeral disks and its swap. They must fit in the total, and in
    total × ratio − used; exactly enough passes. The ratio is the host's own, or else the configured
    one. As in Nova, the filter counts swap, but placing an instance does not take it.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (DISK_ALLOCATION_RATIO,)
    host_reads: Sequence[str] = ("total_usable_disk_gb", "free_disk_mb", "disk_allocation_ratio")
    spec_reads: ClassVar[Sequence[str]] = ("root_gb", "ephemeral_gb", "swap")
    columnar = True

    what = "disk"
    unit = "MB"

    def needed(self, spec: RequestSpec) -> Any:
        return 1024 * (spec.root_gb + spec.ephemeral_gb) + spec.swap

    def total(self, host: HostState) -> Any:
        return host.total_usable_disk_gb * 1024

    def used(self, host: HostState) -> Any:
        return self.total(host) - host.free_disk_mb

    def ratio(self, host: HostState) -> Any:
        return self.allocation_ratio(host.disk_allocation_ratio, "disk_allocation_ratio")

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        return {"disk_gb": host_state.total_usable_disk_gb * self.ratio(host_state)}
