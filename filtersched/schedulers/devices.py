"""NUMA cells and PCI devices of a request that is made ready: what the configuration says of them."""

from __future__ import annotations

from collections.abc import Mapping

from filtersched.errors import ConfigurationError
from filtersched.filters.numa_topology_filter import NUMATopologyFilter
from filtersched.hosts.narrowing import skips_filters
from filtersched.requests.numa_topology import NUMALimits
from filtersched.requests.pci_aliases import ALIAS_SPEC, PciAlias, read_aliases, requests_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings import SchedulerSettings, spelled


def aliases_of(settings: SchedulerSettings) -> Mapping[str, PciAlias]:
    """The PCI aliases of the configuration. Raises ConfigurationError."""
    try:
        return read_aliases(settings.pci_aliases)
    except ValueError as problem:
        group, option = settings.spellings["pci_aliases"]
        said = f"{spelled((group, option))}: {problem}."
        raise ConfigurationError(said, group=group, option=option, value=settings.pci_aliases) from None


def with_devices(
    spec: RequestSpec,
    numa: NUMATopologyFilter | None,
    aliases: Mapping[str, PciAlias],
    settings: SchedulerSettings,
    *,
    fits_devices: bool,
) -> None:
    """Complete a request by what it needs of cells and devices. The request is private to the decision.

    numa : the filter in use that fits cells. fits_devices : whether one fits devices.

    Raises InvalidRequest for wishes that contradict each other, if a filter in use looks at them.
    """
    if aliases and spec.flavor.extra_specs.get(ALIAS_SPEC) and spec.given("pci_requests") is None:
        spec.pci_requests = requests_of(spec.flavor, spec.image, aliases)
    if numa is None:
        if fits_devices:
            # Read now, so that a wrong wish is refused whatever the other filters say.
            _ = spec.pci_requests
        if settings.packs_numa_cells:
            spec.with_numa_limits(NUMALimits(pack=True))
        return
    _ = spec.pci_requests
    if spec.numa_topology is None:
        return
    spec.with_numa_limits(
        NUMALimits(
            is_limited=not skips_filters(spec),
            cpu_ratio=numa.allocation_ratio(None, "cpu_allocation_ratio"),
            ram_ratio=numa.allocation_ratio(None, "ram_allocation_ratio"),
            pack=settings.packs_numa_cells,
        )
    )
