"""InstanceNUMATopology: the cells that one instance of a request needs; NetworkMetadata: its networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from filtersched.columns.stored import NO_ITEMS, Stored
from filtersched.columns.values import number, text
from filtersched.requests.cpu_sets import cpu_set
from filtersched.requests.parts import Malformed, Part, items, list_of, one_of, whole_amount, whole_number

CPUs = Stored[Iterable[int] | str | None, frozenset[int]]
NO_CPUS: Any = frozenset()

SHARED, DEDICATED, MIXED = "shared", "dedicated", "mixed"
PREFER, ISOLATE, REQUIRE = "prefer", "isolate", "require"
#: Page sizes that are no sizes: the smallest of the host, any but the smallest, whichever has room.
SMALL_PAGES, LARGE_PAGES, ANY_PAGES = -1, -2, -3

check_cpu_policy = one_of(SHARED, DEDICATED, MIXED)
check_thread_policy = one_of(PREFER, ISOLATE, REQUIRE)
check_emulator_policy = one_of("share", ISOLATE)


def page_size(value: Any) -> int | None:
    """A page size in KiB, one of the three words for sizes as -1, -2 or -3, or None."""
    if value is None or value == 0:
        return None
    found = whole_number(value)
    if found < ANY_PAGES:
        raise ValueError("a size in KiB, -1 (small), -2 (large) or -3 (any)")
    return found


def _names(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        raise ValueError("a list of names")
    return frozenset(map(text, items(value)))


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


@dataclass(frozen=True, slots=True)
class NetworkMetadata(Part):
    """The networks of a request, or those that a host's cell is close to."""

    #: Names of physical networks.
    physnets: Stored[Iterable[str] | None, frozenset[str]] = NO_CPUS
    #: Whether it is about networks in tunnels too.
    tunneled: bool = False

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"physnets": _names, "tunneled": _truth}
    _nova_names: ClassVar[Sequence[str]] = ("NetworkMetadata",)


@dataclass(frozen=True, slots=True)
class InstanceNUMACell(Part):
    """One cell that an instance needs: all of it on one cell of the host."""

    #: The number of the cell.
    id: int
    #: The instance's CPUs that share CPUs of the host.
    cpuset: CPUs = NO_CPUS
    #: The instance's CPUs that are pinned, each to a CPU of the host of its own.
    pcpuset: CPUs = NO_CPUS
    #: Memory, MiB.
    memory: int = 0
    #: The size of its memory pages in KiB; -1 small, -2 large, -3 any, None no wish.
    pagesize: int | None = None
    #: "shared", "dedicated" or "mixed"; None is shared.
    cpu_policy: str | None = None
    #: "prefer", "isolate" or "require"; None is prefer.
    cpu_thread_policy: str | None = None
    #: CPUs of the host that emulator threads have; Nova's field, no filter reads it.
    cpuset_reserved: CPUs = NO_CPUS

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "id": whole_number,
        "cpuset": cpu_set,
        "pcpuset": cpu_set,
        "memory": whole_amount,
        "pagesize": page_size,
        "cpu_policy": check_cpu_policy,
        "cpu_thread_policy": check_thread_policy,
        "cpuset_reserved": cpu_set,
    }
    _nova_names: ClassVar[Sequence[str]] = ("InstanceNUMACell",)

    def _check_whole(self) -> None:
        both = self.cpuset & self.pcpuset
        if both:
            raise Malformed("other CPUs than cpuset", sorted(both), "pcpuset")

    @classmethod
    def _fields_in(cls, value: Any) -> tuple[Mapping[str, Any], bool]:
        given, is_novas = super(InstanceNUMACell, cls)._fields_in(value)
        if is_novas and given.get("cpu_policy") == DEDICATED and not given.get("pcpuset"):
            # Nova once kept pinned CPUs in cpuset, and moves them when it reads such an object.
            given = {**given, "cpuset": (), "pcpuset": given.get("cpuset")}
        return given, is_novas

    @property
    def is_pinned(self) -> bool:
        """Whether CPUs of it are pinned; its memory is never given out twice then."""
        return self.cpu_policy in (DEDICATED, MIXED)

    @property
    def is_shared(self) -> bool:
        """Whether CPUs of it share those of the host."""
        return self.cpu_policy != DEDICATED


def check_cells(cells: Iterable[Any], shown: Callable[[set[int]], Any]) -> None:
    """Raise Malformed for cells, of a host or a request, that share a number or a CPU; `shown` writes the CPUs."""
    ids: set[int] = set()
    cpus: set[int] = set()
    for at, cell in enumerate(cells):
        own = cell.cpuset | cell.pcpuset
        if cell.id in ids:
            raise Malformed("another number than the other cells'", cell.id, f"cells[{at}].id")
        if cpus & own:
            raise Malformed("CPUs of no other cell", shown(cpus & own), f"cells[{at}].cpuset")
        ids.add(cell.id)
        cpus |= own


@dataclass(frozen=True, slots=True)
class InstanceNUMATopology(Part):
    """What one instance needs, cell by cell."""

    #: The cells; no two share a cell of the host.
    cells: Stored[Iterable[InstanceNUMACell | Mapping[str, Any]], tuple[InstanceNUMACell, ...]] = NO_ITEMS
    #: "share" or "isolate"; isolate takes one more pinned CPU on the first cell. None is share.
    emulator_threads_policy: str | None = None

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "cells": list_of(InstanceNUMACell.of),
        "emulator_threads_policy": check_emulator_policy,
    }
    _nova_names: ClassVar[Sequence[str]] = ("InstanceNUMATopology",)

    def _check_whole(self) -> None:
        check_cells(self.cells, sorted)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def emulator_threads_isolated(self) -> bool:
        """Whether emulator threads have a CPU of their own."""
        return self.emulator_threads_policy == ISOLATE


class NUMALimits(NamedTuple):
    """How the cells of a host are chosen for an instance.

    is_limited : whether what cells give out is limited, by the ratios; a filter checked it then.
    cpu_ratio, ram_ratio : for hosts without ratios of their own.
    pack : whether the cells with the least room are tried first.
    """

    is_limited: bool = False
    cpu_ratio: float = 1.0
    ram_ratio: float = 1.0
    pack: bool = False

    @classmethod
    def of(cls, value: Any) -> NUMALimits:
        """The limits from their plain data. Raises ValueError with what it must be."""
        if not isinstance(value, Mapping) or value.keys() != set(cls._fields):
            raise ValueError(f"a mapping of {', '.join(cls._fields)}")
        flags = (value["is_limited"], value["pack"])
        if not all(isinstance(flag, bool) for flag in flags):
            raise ValueError("a mapping in which is_limited and pack are true or false")
        cpu_ratio, ram_ratio = (number(value[name]) for name in ("cpu_ratio", "ram_ratio"))
        return cls(flags[0], cpu_ratio, ram_ratio, flags[1])
