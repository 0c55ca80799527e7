"""PlacementFilter: hosts to which Placement gives no allocation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.columns.column import opposite
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import is_node
from filtersched.requests.request_spec import RequestSpec


class PlacementFilter(BaseHostFilter):
    """Refuse hosts to which Placement gives no allocation.

    A PlacementPool puts it in front of a decision's filters: for hosts without inventory of what the request
    takes, or whose smallest, largest or step of amounts excludes it, and for hosts whose claim was refused.
    """

    host_reads: Sequence[str] = ("host", "nodename")
    spec_reads: ClassVar[Sequence[str]] = ()
    columnar = True
    reason_is_text = True

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__()
        self.reasons = reasons
        self._nodes = [(name, None) for name in reasons]

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return opposite(is_node(host_state, self._nodes))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return self.reasons[host_state.host]
