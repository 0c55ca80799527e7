"""Checks of the settings about NUMA cells and PCI devices: wishes that no host of the inventory can meet."""

from __future__ import annotations

from collections.abc import Iterator

from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.hosts.pci_fit import is_allowed, matches
from filtersched.requests.pci_aliases import PciAlias
from filtersched.requests.pci_requests import InstancePCIRequest
from filtersched.schedulers.devices import aliases_of


def device_findings(checked: Checked) -> Iterator[Finding]:
    """What is risky about aliases, pinned CPUs and the filters that look at them."""
    aliases, enabled = aliases_of(checked.scheduler.settings), names_of(checked.filters)
    if aliases and "PciPassthroughFilter" not in enabled:
        yield Finding(
            "devices",
            "[pci] alias is set and PciPassthroughFilter is not enabled: a request for devices goes to hosts without "
            "them. Enable the filter, or remove the aliases.",
        )
    if not checked.hosts:
        return
    for name, alias in aliases.items():
        if not any(_has_devices(host, alias) for host in checked.hosts):
            yield Finding(
                "devices",
                f"the alias {name!r} finds no device on any host of this inventory: every request for it is refused. "
                "Compare vendor_id, product_id and device_type with pci_stats of the hosts.",
            )
    if "NUMATopologyFilter" in enabled:
        yield from _numa_findings(checked)


def _has_devices(host: object, alias: PciAlias) -> bool:
    stats = getattr(host, "pci_stats", None)
    request = InstancePCIRequest(1, alias.specs)
    return stats is not None and any(matches(pool, request) and is_allowed(pool, request) for pool in stats.pools)


def _numa_findings(checked: Checked) -> Iterator[Finding]:
    topologies = [host.numa_topology for host in checked.hosts if host.numa_topology]
    if not topologies:
        yield Finding(
            "cells",
            "NUMATopologyFilter is enabled and no host of this inventory has a numa_topology: every request for cells, "
            "pinned CPUs or memory pages is refused. Disable the filter, or give the hosts theirs.",
        )
    elif not any(cell.pcpuset for topology in topologies for cell in topology.cells):
        yield Finding(
            "pinned CPUs",
            "NUMATopologyFilter is enabled and no host of this inventory has CPUs to pin to: every request with "
            "hw:cpu_policy=dedicated or mixed is refused. Give cells of hosts a pcpuset, or disable the filter.",
        )
