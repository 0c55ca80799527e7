"""Nova's capacity filters with the hook that derived classes override: a ratio or a limit for a host and a request."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

from filtersched.filters import (
    aggregate_core_filter,
    aggregate_disk_filter,
    aggregate_io_ops_filter,
    aggregate_num_instances_filter,
    aggregate_ram_filter,
    core_filter,
    disk_filter,
    io_ops_filter,
    num_instances_filter,
    ram_filter,
)
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class _Hooked(BaseHostFilter):
    """A mixin in front of a filter of the library: `figure`, one of its methods, answers what `hook` answers."""

    figure: ClassVar[str]
    hook: ClassVar[str]

    def _asking(self, host: HostState, spec: RequestSpec) -> Self:
        # A copy, since other threads may use this filter.
        asking = copy.copy(self)
        vars(asking)[self.figure] = lambda _host: getattr(self, self.hook)(host, spec)
        return asking

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return super(_Hooked, self._asking(host_state, spec)).host_passes(host_state, spec)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Any:
        return super(_Hooked, self._asking(host_state, spec)).rejection_reason(host_state, spec)

    def limits(self, host_state: HostState, spec: RequestSpec) -> Any:
        return super(_Hooked, self._asking(host_state, spec)).limits(host_state, spec)


class RamFilter(_Hooked, ram_filter.RamFilter):
    """Refuse hosts without enough memory for the flavor, oversubscription included."""

    figure, hook = "ratio", "_get_ram_allocation_ratio"

    def _get_ram_allocation_ratio(self, host_state: HostState, spec_obj: RequestSpec) -> Any:
        return super().ratio(host_state)


class AggregateRamFilter(RamFilter, aggregate_ram_filter.AggregateRamFilter):
    """Refuse hosts without enough memory for the flavor, the ratio set by aggregates."""


class CoreFilter(_Hooked, core_filter.CoreFilter):
    """Refuse hosts without enough virtual CPUs for the flavor, oversubscription included."""

    figure, hook = "ratio", "_get_cpu_allocation_ratio"

    def _get_cpu_allocation_ratio(self, host_state: HostState, spec_obj: RequestSpec) -> Any:
        return super().ratio(host_state)


class AggregateCoreFilter(CoreFilter, aggregate_core_filter.AggregateCoreFilter):
    """Refuse hosts without enough virtual CPUs for the flavor, the ratio set by aggregates."""


class DiskFilter(_Hooked, disk_filter.DiskFilter):
    """Refuse hosts without enough disk for the flavor, oversubscription included."""

    figure, hook = "ratio", "_get_disk_allocation_ratio"

    def _get_disk_allocation_ratio(self, host_state: HostState, spec_obj: RequestSpec) -> Any:
        return super().ratio(host_state)


class AggregateDiskFilter(DiskFilter, aggregate_disk_filter.AggregateDiskFilter):
    """Refuse hosts without enough disk for the flavor, the ratio set by aggregates."""


class IoOpsFilter(_Hooked, io_ops_filter.IoOpsFilter):
    """Refuse hosts with too many I/O operations running."""

    figure, hook = "most", "_get_max_io_ops_per_host"

    def _get_max_io_ops_per_host(self, host_state: HostState, spec_obj: RequestSpec) -> Any:
        return super().most(host_state)


class AggregateIoOpsFilter(IoOpsFilter, aggregate_io_ops_filter.AggregateIoOpsFilter):
    """Refuse hosts with too many I/O operations running, the number set by aggregates."""


class NumInstancesFilter(_Hooked, num_instances_filter.NumInstancesFilter):
    """Refuse hosts with too many instances."""

    figure, hook = "most", "_get_max_instances_per_host"

    def _get_max_instances_per_host(self, host_state: HostState, spec_obj: RequestSpec) -> Any:
        return super().most(host_state)


class AggregateNumInstancesFilter(NumInstancesFilter, aggregate_num_instances_filter.AggregateNumInstancesFilter):
    """Refuse hosts with too many instances, the number set by aggregates."""


BaseRamFilter, BaseCoreFilter = RamFilter, CoreFilter
