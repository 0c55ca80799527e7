"""NumInstancesFilter: not too many instances on a host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.capacity import CountFilter
from filtersched.hosts.host_state import HostState
from filtersched.settings.shared_options import MAX_INSTANCES_PER_HOST


class NumInstancesFilter(CountFilter):
    """Refuse hosts that have ``max_instances_per_host`` instances or more."""

    options: ClassVar[Sequence[cfg.Opt]] = (MAX_INSTANCES_PER_HOST,)
    host_reads: Sequence[str] = ("num_instances",)
    columnar = True

    what = "instances"

    def count(self, host: HostState) -> Any:
        return host.num_instances

    def most(self, host: HostState) -> Any:
        return self.option("max_instances_per_host")
