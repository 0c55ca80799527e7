"""NUMATopology: the cells of a host, what they have and how much of it is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from filtersched.columns.stored import NO_ITEMS, Stored
from filtersched.errors import InvalidHost, must_be
from filtersched.hosts.attribute_kinds import alike
from filtersched.requests.cpu_sets import as_ranges, cpu_set
from filtersched.requests.numa_topology import NO_CPUS, CPUs, NetworkMetadata, check_cells
from filtersched.requests.parts import Malformed, Part, list_of, whole_amount, whole_number

KIB_IN_MIB = 1024

# Cells of one kind of hardware have the same CPUs and cores, however much of them is in use.
_shared_cpus = alike(cpu_set)
_shared_cores = alike(list_of(cpu_set))


class HostPart(Part):
    """A base for parts of hosts: making one by its class raises InvalidHost."""

    __slots__ = ()

    @staticmethod
    def _refused(problem: Malformed) -> Exception:
        said = must_be(problem.path, problem.problem, problem.value)
        return InvalidHost(said, attribute=problem.path, value=problem.value)

    def changed(self, **values: Any) -> Self:
        """The part with other values of some fields, which are known to be right."""
        new = object.__new__(type(self))
        for field in fields(self):  # type: ignore[arg-type]
            object.__setattr__(new, field.name, values.get(field.name, getattr(self, field.name)))
        return new


@dataclass(frozen=True, slots=True)
class NUMAPages(HostPart):
    """The memory pages of one size that a cell has."""

    #: The size of one page, KiB.
    size_kb: int
    #: How many pages there are.
    total: int = 0
    #: How many of them are in use.
    used: int = 0
    #: How many of them the host keeps for itself.
    reserved: int = 0

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "size_kb": whole_amount,
        "total": whole_amount,
        "used": whole_amount,
        "reserved": whole_amount,
    }
    _nova_names: ClassVar[Sequence[str]] = ("NUMAPagesTopology",)

    def _check_whole(self) -> None:
        if not self.size_kb:
            raise Malformed("1 or more", self.size_kb, "size_kb")

    @property
    def free(self) -> int:
        """How many pages are free."""
        return self.total - self.used - self.reserved

    @property
    def free_kb(self) -> int:
        """The memory of the free pages, KiB."""
        return self.free * self.size_kb

    @property
    def total_kb(self) -> int:
        """The memory of all pages, KiB."""
        return self.total * self.size_kb


def _network(value: Any) -> NetworkMetadata | None:
    return None if value is None else NetworkMetadata.of(value)


def _socket(value: Any) -> int | None:
    return None if value is None else whole_number(value)


@dataclass(frozen=True, slots=True)
class NUMACell(HostPart):
    """One cell of a host."""

    #: The number of the cell.
    id: int
    #: The CPUs that instances share.
    cpuset: CPUs = NO_CPUS
    #: The CPUs that instances are pinned to.
    pcpuset: CPUs = NO_CPUS
    #: Memory, MiB.
    memory: int = 0
    #: How many CPUs of instances use `cpuset`.
    cpu_usage: int = 0
    #: The memory in use, MiB.
    memory_usage: int = 0
    #: The CPUs of `pcpuset` that instances are pinned to already.
    pinned_cpus: CPUs = NO_CPUS
    #: The CPUs that are threads of one core, core by core.
    siblings: Stored[Iterable[Iterable[int] | str], tuple[frozenset[int], ...]] = NO_ITEMS
    #: The memory pages, size by size; without any, memory is given out by the MiB.
    mempages: Stored[Iterable[NUMAPages | Mapping[str, Any]], tuple[NUMAPages, ...]] = NO_ITEMS
    #: The number of the socket, where it is known.
    socket: int | None = None
    #: The networks that the cell is close to; None if it is close to none.
    network_metadata: Stored[NetworkMetadata | Mapping[str, Any] | None, NetworkMetadata | None] = None  # type: ignore[assignment]

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "id": whole_number,
        "cpuset": _shared_cpus,
        "pcpuset": _shared_cpus,
        "memory": whole_amount,
        "cpu_usage": whole_amount,
        "memory_usage": whole_amount,
        "pinned_cpus": cpu_set,
        "siblings": _shared_cores,
        "mempages": list_of(NUMAPages.of),
        "socket": _socket,
        "network_metadata": _network,
    }
    _nova_names: ClassVar[Sequence[str]] = ("NUMACell",)

    def _check_whole(self) -> None:
        if self.pinned_cpus - self.pcpuset:
            raise Malformed(f"among pcpuset ({as_ranges(self.pcpuset)})", sorted(self.pinned_cpus), "pinned_cpus")
        threads: set[int] = set()
        for at, core in enumerate(self.siblings):
            if threads & core:
                raise Malformed("CPUs of no other core", sorted(core), f"siblings[{at}]")
            threads |= core
        sizes = [pages.size_kb for pages in self.mempages]
        for at, size in enumerate(sizes):
            if size in sizes[:at]:
                raise Malformed("another size than the other pages'", size, f"mempages[{at}].size_kb")

    @property
    def free_pcpus(self) -> frozenset[int]:
        """The CPUs that nothing is pinned to."""
        return self.pcpuset - self.pinned_cpus

    @property
    def avail_pcpus(self) -> int:
        """How many CPUs there are that nothing is pinned to."""
        return len(self.pcpuset) - len(self.pinned_cpus)

    @property
    def free_siblings(self) -> list[frozenset[int]]:
        """The threads of each core that nothing is pinned to."""
        free = self.free_pcpus
        return [core & free for core in self.siblings]

    @property
    def avail_memory(self) -> int:
        """The free memory, MiB."""
        return self.memory - self.memory_usage

    @property
    def has_threads(self) -> bool:
        """Whether a core has more than one thread."""
        return any(len(core) > 1 for core in self.siblings)


@dataclass(frozen=True, slots=True)
class NUMATopology(HostPart):
    """The cells of a host."""

    #: The cells, in the host's order.
    cells: Stored[Iterable[NUMACell | Mapping[str, Any]], tuple[NUMACell, ...]] = NO_ITEMS

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"cells": list_of(NUMACell.of)}
    _nova_names: ClassVar[Sequence[str]] = ("NUMATopology",)

    def _check_whole(self) -> None:
        check_cells(self.cells, as_ranges)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def has_threads(self) -> bool:
        """Whether a core of any cell has more than one thread."""
        return any(cell.has_threads for cell in self.cells)
