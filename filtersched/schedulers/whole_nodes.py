"""WholeNodeFilter: no second instance on a node that is given away whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.bare_metal_host import is_given_whole
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class WholeNodeFilter(BaseHostFilter):
    """Refuse nodes that are given away whole and have an instance.

    FilterScheduler puts it in front of its filters if `scheduler_host_manager` says that nodes are given away
    whole: the sizes of a flavor may be 0, and filters of capacity need not be configured.
    """

    host_reads: Sequence[str] = ("hypervisor_type", "num_instances")
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return host_state.num_instances == 0 or not is_given_whole(host_state)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return "is given away whole, and has an instance"
