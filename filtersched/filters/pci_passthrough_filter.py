"""PciPassthroughFilter: the PCI devices that the request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.hosts.pci_fit import DeviceSearch
from filtersched.requests.pci_requests import InstancePCIRequest
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


class PciPassthroughFilter(BaseHostFilter):
    """Refuse hosts without the PCI devices that the request asks for.

    A request asks for devices by its `pci_requests`, or by the extra spec `pci_passthrough:alias`
    with aliases of `[pci] alias`. All of its requests must be met, one after the other. Whether the
    devices are close to the instance's cells is what NUMATopologyFilter looks at.

    | request asks for devices | host tells its devices | verdict                     |
    |--------------------------|------------------------|-----------------------------|
    | no                       | yes or no              | pass                        |
    | yes                      | no                     | refuse                      |
    | yes                      | yes                    | pass if there are enough    |
    """

    spec_reads: ClassVar[Sequence[str]] = ("pci_requests",)
    spec_meets: ClassVar[Sequence[str] | None] = ("pci_requests", "extra_specs.pci_passthrough:alias")

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing for a request without a wish."""
        return ("pci_stats",) if spec.pci_requests else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        if not spec.pci_requests:
            return True
        search = _search(host_state, spec)
        return search is not None and search.take() is not None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | str | None:
        if not spec.pci_requests:
            return None
        search = _search(host_state, spec)
        if search is None:
            return "tells of no PCI devices"
        for request, have in search.most_free():
            if have < request.count:
                return Shortage(f"PCI devices {_named(request)}", need=request.count, have=have)
        return None if search.take() is not None else "has too few PCI devices for all that is asked for together"


def _search(host: HostState, spec: RequestSpec) -> DeviceSearch | None:
    if host.pci_stats is None or spec.pci_requests is None:
        return None
    return DeviceSearch(host.pci_stats, spec.pci_requests.requests, None)


def _named(request: InstancePCIRequest) -> str:
    if request.alias_name is not None:
        return f"of alias {request.alias_name!r}"
    return " or ".join(
        " ".join(f"{name}={value}" for name, value in sorted(spec.items())) or "of any kind" for spec in request.spec
    )
