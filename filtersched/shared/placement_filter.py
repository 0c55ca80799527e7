"""PlacementFilter: hosts to which Placement gives no allocation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class PlacementFilter(BaseHostFilter):
    """Refuse hosts to which Placement gives no allocation.

    A PlacementPool puts it in front of a decision's filters: for hosts without inventory of what the request
    takes, or whose smallest, largest or step of amounts excludes it, and for hosts whose claim was refused.
    """

    host_reads: Sequence[str] = ("host",)
    spec_reads: ClassVar[Sequence[str]] = ()
    reason_is_text = True

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__()
        self._reasons = reasons

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return host_state.host not in self._reasons

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return self._reasons[host_state.host]
