"""NUMATopologyFilter: cells of the host for the cells that the request asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.device_usage import device_search
from filtersched.hosts.host_state import HostState
from filtersched.hosts.numa_fit import CellFit, Lack, Ratios, fit_cell, fit_topology
from filtersched.hosts.numa_topology import NUMATopology
from filtersched.requests.numa_topology import DEDICATED, REQUIRE, InstanceNUMATopology
from filtersched.requests.numa_wishes import WISHES
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage
from filtersched.settings.shared_options import CPU_ALLOCATION_RATIO, RAM_ALLOCATION_RATIO

_MOST_ANSWERS = 2000


class NUMATopologyFilter(BaseHostFilter):
    """Refuse hosts whose NUMA cells cannot take the cells that the request asks for.

    A request asks for cells by its `numa_topology`, or by extra specs and image properties such as
    `hw:numa_nodes` and `hw:cpu_policy`. Each of its cells needs a separate cell of the host, with
    the memory, the memory pages and the CPUs. The cells must be close to the PCI devices and the
    networks of the request.

    | request asks for cells | host has cells | verdict                     |
    |------------------------|----------------|-----------------------------|
    | no                     | yes or no      | pass                        |
    | yes                    | no             | refuse                      |
    | yes                    | yes            | pass if they fit            |

    Cells are given out more than once by the ratios of CPUs and memory, but not to a single
    instance, and not pinned CPUs, nor the memory of an instance that has some.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (CPU_ALLOCATION_RATIO, RAM_ALLOCATION_RATIO)
    spec_reads: ClassVar[Sequence[str]] = ("numa_topology", "pci_requests", "network_metadata", "extra_specs", "image")
    spec_meets: ClassVar[Sequence[str] | None] = (
        *("numa_topology", "network_metadata"),
        *(f"extra_specs.{key}" for key in WISHES if ":" in key),
        *(f"image.properties.{key}" for key in WISHES if ":" not in key),
        "extra_specs.hw:pci_numa_affinity_policy",
        "image.properties.hw_pci_numa_affinity_policy",
    )

    # Answers by the objects that they are about, until there are too many.
    _answers: dict[Any, Any] | None = None

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing for a request without a wish."""
        if spec.numa_topology:
            return ("numa_topology", "pci_stats", "cpu_allocation_ratio", "ram_allocation_ratio")
        return ("numa_topology",) if _needs_threads(spec) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        guest = spec.numa_topology
        if not guest and not _needs_threads(spec):
            return True
        topology = host_state.numa_topology
        if topology and _needs_threads(spec) and not topology.has_threads:
            return False
        if not guest:
            return True
        if not topology:
            return False
        return self._fits(host_state, spec, topology, guest)

    def _fits(
        self, host: HostState, spec: RequestSpec, topology: NUMATopology, guest: InstanceNUMATopology
    ) -> bool:
        ratios, networks = self.ratios(host), spec.network_metadata

        def fits() -> bool:
            search = device_search(host, spec)
            return fit_topology(topology, guest, ratios=ratios, devices=search, networks=networks) is not None

        return bool(self._known(fits, topology, host.pci_stats, guest, spec.pci_requests, networks, *ratios))

    def _known(self, answer: Callable[[], Any], *of: Any) -> Any:
        """What `answer` says, remembered for these very objects: explanations ask about many hosts alike."""
        known = self._answers
        if known is None or len(known) >= _MOST_ANSWERS:
            known = self._answers = {}
        key = (answer.__name__, *(value if type(value) is float else id(value) for value in of))
        found = known.get(key)
        if found is None:
            # With the objects, since an address is used again.
            found = known[key] = (answer(), of)
        return found[0]

    def ratios(self, host: HostState) -> Ratios:
        """How many times its CPUs and its memory the host may give out."""
        return Ratios(
            self.allocation_ratio(host.cpu_allocation_ratio, "cpu_allocation_ratio"),
            self.allocation_ratio(host.ram_allocation_ratio, "ram_allocation_ratio"),
        )

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | str | None:
        guest, topology = spec.numa_topology, host_state.numa_topology
        if topology and _needs_threads(spec) and not topology.has_threads:
            return "has no thread siblings, which the thread policy 'require' needs"
        if not guest:
            return None
        if not topology:
            return "has no NUMA cells"
        if len(topology) < len(guest):
            return Shortage("NUMA cells", need=len(guest), have=len(topology))
        ratios = self.ratios(host_state)

        def lacking() -> Shortage | str | None:
            return self._lacking(host_state, spec, topology, guest)

        known = (topology, host_state.pci_stats, guest, spec.pci_requests, spec.network_metadata, *ratios)
        reason: Shortage | str | None = self._known(lacking, *known)
        return reason

    def _lacking(
        self, host: HostState, spec: RequestSpec, topology: NUMATopology, guest: InstanceNUMATopology
    ) -> Shortage | str | None:
        """What the nearest cell lacks for the first cell of the request that none can take."""
        ratios = self.ratios(host)
        for at, wanted in enumerate(guest.cells):
            further = int(guest.emulator_threads_isolated and not at)
            found = [fit_cell(cell, wanted, ratios, further) for cell in topology.cells]
            if not any(isinstance(one, CellFit) for one in found):
                return _nearest(one for one in found if isinstance(one, Lack))
        if self._fits(host, spec, topology, guest):
            return None
        bare = fit_topology(topology, guest, ratios=ratios)
        if bare is None:
            return f"has no {len(guest)} cells that each take another cell of the request"
        if fit_topology(topology, guest, ratios=ratios, networks=spec.network_metadata) is None:
            return "the cells that the networks are close to do not take the request"
        return "the cells that take the request have too few PCI devices close to them"

    def limits(self, host_state: HostState, spec: RequestSpec) -> Mapping[str, Any]:
        if not spec.numa_topology or not host_state.numa_topology:
            return {}
        ratios = self.ratios(host_state)
        limits: dict[str, Any] = {"cpu_allocation_ratio": ratios.cpu, "ram_allocation_ratio": ratios.ram}
        if spec.network_metadata is not None:
            limits["network_metadata"] = spec.network_metadata.plain()
        return {"numa_topology": limits}


def _nearest(lacks: Iterable[Lack]) -> Shortage | str:
    """The lack with the smallest missing share; a sentence if none is an amount."""
    said = list(lacks)
    short = [Shortage(one.what, need=one.need, have=max(0, one.have), unit=one.unit) for one in said if not one.why]
    if short:
        return min(short, key=lambda one: one.share)
    return said[0].why


def _needs_threads(spec: RequestSpec) -> bool:
    """Whether flavor or image ask for pinned CPUs whose thread siblings are used together."""
    specs, properties = spec.extra_specs, {} if spec.image is None else spec.image.properties
    policies = specs.get("hw:cpu_policy"), properties.get("hw_cpu_policy")
    threads = specs.get("hw:cpu_thread_policy"), properties.get("hw_cpu_thread_policy")
    return DEDICATED in policies and REQUIRE in threads
