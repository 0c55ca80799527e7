"""IoOpsFilter: not too many heavy operations on a host at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.capacity import CountFilter
from filtersched.hosts.host_state import HostState
from filtersched.settings.shared_options import MAX_IO_OPS_PER_HOST


class IoOpsFilter(CountFilter):
    """Refuse hosts on which ``max_io_ops_per_host`` builds, resizes, copies or moves are running, or more."""

    options: ClassVar[Sequence[cfg.Opt]] = (MAX_IO_OPS_PER_HOST,)
    host_reads: Sequence[str] = ("num_io_ops",)
    columnar = True

    what = "I/O operations running"

    def count(self, host: HostState) -> Any:
        return host.num_io_ops

    def most(self, host: HostState) -> Any:
        return self.option("max_io_ops_per_host")
