"""What an instance takes of a host's cells and PCI devices, written down so that it can be given back exactly.

The record is plain data under the names of the attributes that change:

    numa_topology   one mapping a cell: `id`, `memory` (MiB), `cpus` (how many shared ones), `pinned_cpus`,
                    `page_kb` and `pages` (how many of that size)
    pci_stats       one mapping a pool: `at` (its place), `count`, `pool` (its keys without the count)
    providers       one mapping a group: `provider` (its name), `resources`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from filtersched.columns.frozen import FrozenDict
from filtersched.columns.plain_data import plain_data
from filtersched.errors import InvalidHost, must_be
from filtersched.hosts.numa_fit import CellFit, Ratios, fit_topology
from filtersched.hosts.numa_topology import KIB_IN_MIB, NUMACell, NUMAPages, NUMATopology
from filtersched.hosts.pci_fit import DeviceSearch, TakenDevices
from filtersched.hosts.pci_stats import PciStats
from filtersched.hosts.providers import taken_of_providers, with_taken
from filtersched.requests.cpu_sets import cpu_set
from filtersched.requests.numa_topology import ISOLATE
from filtersched.requests.parts import items, whole_amount, whole_number
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.resource_groups import groups_of

#: The attributes of a host that these records are about.
DEVICE_ATTRIBUTES = ("numa_topology", "pci_stats", "providers")


class HostDevices(Protocol):
    """The part of a host that is read here."""

    @property
    def numa_topology(self) -> NUMATopology | None:
        """Its cells."""

    @property
    def pci_stats(self) -> PciStats | None:
        """Its PCI devices."""

    @property
    def providers(self) -> Mapping[str, Any]:
        """Its parts with resources of their own."""

    @property
    def cpu_allocation_ratio(self) -> float | None:
        """How many times its CPUs it may give out."""

    @property
    def ram_allocation_ratio(self) -> float | None:
        """How many times its memory it may give out."""


def device_search(host: HostDevices, spec: RequestSpec) -> DeviceSearch | None:
    """The host's devices and those that the request wants; None for a host without any."""
    if host.pci_stats is None:
        return None
    wanted = spec.pci_requests
    return DeviceSearch(host.pci_stats, () if wanted is None else wanted.requests, host.numa_topology)


def taken_by(host: HostDevices, spec: RequestSpec) -> dict[str, Any]:
    """What one instance of the request takes of the host's cells and devices.

    Of what it does not fit it takes nothing: a forced host may be full.
    """
    found: dict[str, Any] = {}
    topology, search = host.numa_topology, device_search(host, spec)
    if not (topology or search or host.providers):
        return found
    if host.providers and (asked := groups_of(spec.extra_specs)).groups:
        taken = taken_of_providers(host.providers, asked)
        found |= {"providers": tuple(taken)} if taken else {}
    if topology is None and search is None:
        return {name: plain_data(value) for name, value in found.items()}
    guest = spec.numa_topology
    fits = None
    if topology and guest:
        limits = spec.numa_limits
        ratios = None
        if limits.is_limited:
            cpu, ram = host.cpu_allocation_ratio, host.ram_allocation_ratio
            ratios = Ratios(limits.cpu_ratio if cpu is None else cpu, limits.ram_ratio if ram is None else ram)
        networks = spec.network_metadata if limits.is_limited else None
        fits = fit_topology(topology, guest, ratios=ratios, pack=limits.pack, devices=search, networks=networks)
        if fits is not None:
            found["numa_topology"] = tuple(map(_taken_of_cell, fits))
    if search is not None and search.requests:
        devices = search.take(None if fits is None else [fit.host.id for fit in fits])
        if devices:
            found["pci_stats"] = tuple(_taken_of_pool(search, one) for one in devices)
    return {name: plain_data(value) for name, value in found.items()}


def _taken_of_cell(fit: CellFit) -> dict[str, Any]:
    host, guest = fit.host, fit.guest
    taken: dict[str, Any] = {"id": host.id, "memory": guest.memory, "cpus": len(guest.cpuset)}
    cpus = fit.pinning.pinned | fit.pinning.reserved
    if guest.is_pinned and guest.cpu_thread_policy == ISOLATE:
        cores = (core for core in host.siblings if core & cpus)
        cpus = cpus.union(*cores) & host.free_pcpus
    if cpus:
        taken["pinned_cpus"] = sorted(cpus)
    size = fit.page_kb or min((pages.size_kb for pages in host.mempages), default=0)
    if size:
        taken |= {"page_kb": size, "pages": guest.memory * KIB_IN_MIB // size}
    return taken


def _taken_of_pool(search: DeviceSearch, devices: TakenDevices) -> dict[str, Any]:
    pool = search.pools[devices.at]
    return {"at": devices.at, "count": devices.amount, "pool": _keys_of(pool)}


def _keys_of(pool: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pool.items() if name != "count"}


def changes(host: Any, taken: Mapping[str, Any], sign: int) -> dict[str, Any]:
    """The attributes of the host that a record changes, with their new values; see `with_usage`."""
    named = [name for name in DEVICE_ATTRIBUTES if name in taken]
    return {name: with_usage(host, name, getattr(host, name), taken, sign) for name in named}


def with_usage(host: Any, name: str, value: Any, taken: Mapping[str, Any], sign: int) -> Any:
    """The value of an attribute with what an instance takes (sign 1), or without it (sign -1).

    Raises InvalidHost for a record that is none.
    """
    record = taken.get(name)
    if value is None or record is None:
        return value
    try:
        return _WITH_USAGE[name](value, items(record), sign)
    except (ValueError, TypeError, KeyError, AttributeError):
        said = f"host {host.host!r}: {must_be(f'consumed.{name} of an instance', 'a record of what it took', record)}"
        raise InvalidHost(said, host=host.host, attribute=f"instances.consumed.{name}", value=record) from None


def _with_cells(topology: NUMATopology, taken: Sequence[Mapping[str, Any]], sign: int) -> NUMATopology:
    by_id = {whole_number(one["id"]): one for one in taken}
    if not any(cell.id in by_id for cell in topology.cells):
        return topology
    return topology.changed(
        cells=tuple(_with_cell(cell, by_id[cell.id], sign) if cell.id in by_id else cell for cell in topology.cells)
    )


def _with_cell(cell: NUMACell, taken: Mapping[str, Any], sign: int) -> NUMACell:
    pinned = cpu_set(taken.get("pinned_cpus")) & cell.pcpuset
    size, count = taken.get("page_kb"), whole_amount(taken.get("pages", 0))
    return cell.changed(
        memory_usage=_moved(cell.memory_usage, taken["memory"], sign),
        cpu_usage=_moved(cell.cpu_usage, taken["cpus"], sign),
        pinned_cpus=cell.pinned_cpus | pinned if sign > 0 else cell.pinned_cpus - pinned,
        mempages=tuple(_with_pages(one, count, sign) if one.size_kb == size else one for one in cell.mempages),
    )


def _with_pages(pages: NUMAPages, count: int, sign: int) -> NUMAPages:
    return pages.changed(used=_moved(pages.used, count, sign))


def _moved(used: int, amount: Any, sign: int) -> int:
    return max(0, used + sign * whole_amount(amount))


def _with_pools(stats: PciStats, taken: Iterable[Mapping[str, Any]], sign: int) -> PciStats:
    pools = list(stats.pools)
    for one in taken:
        keys, count = dict(one["pool"]), whole_amount(one["count"])
        at = _place_of(pools, keys, whole_amount(one["at"]))
        if at is not None:
            pools[at] = FrozenDict({**pools[at], "count": max(0, pools[at]["count"] - sign * count)})
        elif sign < 0:
            # A report that names no pools without a free device left it out.
            pools = [*stats.of([*pools, {**keys, "count": count}]).pools]
    return stats.changed(pools=tuple(pools))


def _place_of(pools: Sequence[Mapping[str, Any]], keys: Mapping[str, Any], at: int) -> int | None:
    """Where the pool with these keys is: at its old place, or the first one like it."""
    places = [at] if at < len(pools) else []
    return next((place for place in [*places, *range(len(pools))] if _keys_of(pools[place]) == keys), None)


_WITH_USAGE: Mapping[str, Callable[..., Any]] = {
    "numa_topology": _with_cells,
    "pci_stats": _with_pools,
    "providers": with_taken,
}
