"""ExactCoreFilter: exactly the virtual CPUs asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.capacity import ExactFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import filled
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


class ExactCoreFilter(ExactFilter):
    """Refuse hosts whose free CPUs are not exactly what the flavor asks for.

    A host whose number of CPUs is 0 or unknown is refused, whatever is asked.
    """

    host_reads: Sequence[str] = ("vcpus_total", "vcpus_used")
    spec_reads: ClassVar[Sequence[str]] = ("vcpus",)
    columnar = True

    what = "vCPUs"

    def needed(self, spec: RequestSpec) -> Any:
        return spec.vcpus

    def free(self, host: HostState) -> Any:
        return filled(host.vcpus_total, 0) - host.vcpus_used

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return (filled(host_state.vcpus_total, 0) > 0) & super().host_passes(host_state, spec)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | str:
        return super().rejection_reason(host_state, spec) if host_state.vcpus_total else "its vCPUs are not known"

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        return {"vcpu": host_state.vcpus_total}
