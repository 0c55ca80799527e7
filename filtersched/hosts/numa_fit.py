"""Fitting the cells of an instance onto the cells of a host: which cell goes where, or what is lacking.

The rules are Nova's. A cell is tried on a cell of the host as both were given, so that the answer
depends on nothing that was tried before. Docs: docs/numa.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from filtersched.hosts.cell_choice import CellChoice
from filtersched.hosts.cpu_pinning import Pinning, PinningRefused, pin
from filtersched.hosts.numa_topology import KIB_IN_MIB, NUMACell, NUMATopology
from filtersched.hosts.pci_fit import DeviceSearch
from filtersched.requests.numa_topology import (
    ANY_PAGES,
    LARGE_PAGES,
    SMALL_PAGES,
    InstanceNUMACell,
    InstanceNUMATopology,
    NetworkMetadata,
)

_NO_PINNING = Pinning(frozenset(), frozenset())


class Ratios(NamedTuple):
    """How many times its CPUs and its memory a cell may give out."""

    cpu: float
    ram: float


class Lack(NamedTuple):
    """What a cell of the host has too little of, or, with a sentence, why it cannot be used."""

    what: str
    need: float = 0
    have: float = 0
    unit: str = ""
    why: str = ""


class CellFit(NamedTuple):
    """A cell of an instance on a cell of the host.

    page_kb : the size of its memory pages where it asks for one, KiB.
    """

    host: NUMACell
    guest: InstanceNUMACell
    page_kb: int | None
    pinning: Pinning = _NO_PINNING


def fit_cell(host: NUMACell, guest: InstanceNUMACell, ratios: Ratios | None, further: int = 0) -> CellFit | Lack:
    """Put a cell of an instance on a cell of the host, if it fits.

    ratios : None sets no limit to what cells give out.
    further : how many pinned CPUs more are for emulator threads, 0 or 1.
    """
    page_kb = _page_size(host, guest)
    if isinstance(page_kb, Lack):
        return page_kb
    at = f"in cell {host.id}"
    if guest.is_shared and len(guest.cpuset) > len(host.cpuset):
        return Lack(f"CPUs {at}", len(guest.cpuset), len(host.cpuset))
    pinning = _NO_PINNING
    if guest.is_pinned:
        need = len(guest.pcpuset) + further
        if need > host.avail_pcpus:
            return Lack(f"pinned CPUs {at}", need, host.avail_pcpus)
        found = pin(host, guest, further)
        if isinstance(found, PinningRefused):
            return Lack("", why=f"cell {host.id} {found.why}")
        pinning = found
    if guest.is_shared and ratios is not None:
        cpus, memory = len(host.cpuset) * ratios.cpu, host.memory * ratios.ram
        if host.cpu_usage + len(guest.cpuset) > cpus:
            return Lack(f"CPUs {at}", len(guest.cpuset), cpus - host.cpu_usage)
        if host.memory_usage + guest.memory > memory:
            return Lack(f"memory {at}", guest.memory, memory - host.memory_usage, "MB")
    return CellFit(host, guest, page_kb, pinning)


def _page_size(host: NUMACell, guest: InstanceNUMACell) -> int | Lack | None:
    """The size of the pages that the cell gets where it asks for one; what is lacking if memory is."""
    need = guest.memory * KIB_IN_MIB
    sizes = sorted((pages.size_kb for pages in host.mempages), reverse=True)
    at = f"in cell {host.id}"
    if guest.pagesize is None:
        if not sizes:
            have = host.avail_memory if guest.is_pinned else host.memory
            return None if guest.memory <= have else Lack(f"memory {at}", guest.memory, have, "MB")
        # Pages of the smallest size are given out more than once, unless CPUs are pinned.
        smallest = min(host.mempages, key=lambda pages: pages.size_kb)
        have_kb = smallest.free_kb if guest.is_pinned else smallest.total_kb
        if need <= have_kb and not need % smallest.size_kb:
            return None
        return _page_lack(host, smallest.size_kb, need, have_kb)
    asked = {SMALL_PAGES: sizes[-1:], LARGE_PAGES: sizes[:-1], ANY_PAGES: sizes}.get(guest.pagesize, [guest.pagesize])
    free = {pages.size_kb: pages.free_kb for pages in host.mempages}
    for size in asked:
        if need <= free.get(size, -1) and not need % size:
            return size
    best = max((size for size in asked if size in free), key=free.__getitem__, default=None)
    if best is None:
        return Lack("", why=f"cell {host.id} has no {_pages(guest.pagesize)}")
    return _page_lack(host, best, need, free[best])


def _page_lack(host: NUMACell, size: int, need: int, have: int) -> Lack:
    if need % size and need <= have:
        said = f"memory of {need // KIB_IN_MIB} MB is no whole number of {_pages(size)}"
        return Lack("", why=f"cell {host.id}: {said}")
    return Lack(f"{_pages(size)} in cell {host.id}", -(-need // size), have // size)


def _pages(size: int) -> str:
    words = {SMALL_PAGES: "memory pages", LARGE_PAGES: "large memory pages", ANY_PAGES: "memory pages"}
    for unit, factor in (("GiB", 1024 * 1024), ("MiB", 1024)):
        if size > 0 and not size % factor:
            return f"{size // factor} {unit} pages"
    return words.get(size, f"{size} KiB pages")


def in_order(
    topology: NUMATopology, guest: InstanceNUMATopology, *, pack: bool, devices: DeviceSearch | None
) -> Sequence[NUMACell]:
    """The cells of the host in the order in which they are tried.

    Where there are more of them than the instance needs, those with the most free memory, and among
    them the most free CPUs, come first; with `pack` those with the least. Cells with PCI devices
    come first if the instance wants some, and else last.
    """
    cells = topology.cells
    if len(cells) == len(guest):
        return cells
    ordered = sorted(cells, key=lambda cell: cell.avail_memory, reverse=not pack)
    if guest.cells[0].is_pinned:
        ordered.sort(key=lambda cell: cell.avail_pcpus, reverse=not pack)
    else:
        ordered.sort(key=lambda cell: cell.cpu_usage, reverse=pack)
    if devices is not None:
        counts = devices.free_by_node()
        ordered.sort(key=lambda cell: counts.get(cell.id, 0), reverse=bool(devices.requests))
    return ordered


def fit_topology(
    topology: NUMATopology,
    guest: InstanceNUMATopology,
    *,
    ratios: Ratios | None,
    pack: bool = False,
    devices: DeviceSearch | None = None,
    networks: NetworkMetadata | None = None,
) -> list[CellFit] | None:
    """Put the cells of an instance on cells of the host, the first way that works; None if there is none.

    devices : the PCI devices of the host and those that the instance wants; None if the host has none.
    networks : those of the instance, whose cells must be among the chosen ones.
    """
    if len(topology) < len(guest):
        return None
    cells = in_order(topology, guest, pack=pack, devices=devices)
    tried: dict[tuple[int, int], CellFit | Lack] = {}

    def fit(row: int, at: int) -> CellFit | Lack:
        found = tried.get((row, at))
        if found is None:
            further = int(guest.emulator_threads_isolated and not row)
            found = tried[row, at] = fit_cell(cells[at], guest.cells[row], ratios, further)
        return found

    choice = CellChoice(cells, len(guest), lambda row, at: isinstance(fit(row, at), CellFit), devices, networks)
    chosen = choice.first()
    # Only cells that fit are chosen.
    return None if chosen is None else [fit(row, at) for row, at in enumerate(chosen)]  # type: ignore[misc]
