"""RamFilter: enough memory, oversubscription included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import RAM_ALLOCATION_RATIO


class RamFilter(CapacityFilter):
    """Refuse hosts without enough memory for the flavor, oversubscription included.

    A host may give out `ratio` times its memory, where the ratio is its own or else the configured
    one. A single instance never gets more than the host has. A host of 4096 MiB with ratio 1.5:

    | given out so far | asked | verdict                      |
    |------------------|-------|------------------------------|
    | 5120             | 1024  | pass, exactly enough is left |
    | 5120             | 1025  | refuse                       |
    | 0                | 4096  | pass                         |
    | 0                | 4097  | refuse, it has only 4096     |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (RAM_ALLOCATION_RATIO,)
    host_reads: Sequence[str] = ("total_usable_ram_mb", "free_ram_mb", "ram_allocation_ratio")
    spec_reads: ClassVar[Sequence[str]] = ("memory_mb",)
    columnar = True

    what = "RAM"
    unit = "MB"

    def needed(self, spec: RequestSpec) -> Any:
        return spec.memory_mb

    def total(self, host: HostState) -> Any:
        return host.total_usable_ram_mb

    def used(self, host: HostState) -> Any:
        return host.total_usable_ram_mb - host.free_ram_mb

    def ratio(self, host: HostState) -> Any:
        return self.allocation_ratio(host.ram_allocation_ratio, "ram_allocation_ratio")

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        return {"memory_mb": self.total(host_state) * self.ratio(host_state)}
