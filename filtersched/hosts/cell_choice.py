"""Choosing cells of a host for the cells of an instance: all different, the first way that works.

The order is that of the permutations of the host's cells. The time does not grow with their number:
a choice is begun only where the other cells of the instance can be placed too, where devices and
networks can still be had, and none twice for the same set of cells.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from filtersched.hosts.numa_topology import NUMACell
from filtersched.hosts.pci_fit import DeviceSearch, Quota
from filtersched.requests.numa_topology import NetworkMetadata

# A search that looks at cells so often is a long one.
_FEW_LOOKS = 64


class CellChoice:
    """One search; sets of cells are bits by their place in the order of trying."""

    def __init__(
        self,
        cells: Sequence[NUMACell],
        n_rows: int,
        fits: Callable[[int, int], bool],
        devices: DeviceSearch | None,
        networks: NetworkMetadata | None,
    ) -> None:
        """cells : all cells of the host, in the order of trying.

        n_rows : how many cells the instance has.
        fits : whether a cell of the instance fits one of the host, by their places; asked only if it matters.
        devices : None, or without requests, if no devices are wanted.
        """
        self._cells = cells
        self._n_rows = n_rows
        self._fits = fits
        self._devices = devices if devices is not None and devices.requests else None
        self._networks = networks
        self._quotas: list[Quota] = []
        matters = [False] * len(cells)
        if self._devices is not None:
            self._quotas += self._devices.quotas([cell.id for cell in cells])
            matters = [self._devices.depends_on(cell.id) for cell in cells]
        if networks is not None:
            self._quotas += _network_quotas(cells, networks)
            matters = [known or cell.network_metadata is not None for known, cell in zip(matters, cells, strict=True)]
        # Only some cells matter to devices and networks: sets with the same of these are asked about once.
        self._matters = sum(1 << at for at, does in enumerate(matters) if does)
        self._accepted: dict[tuple[int, frozenset[int | None]], bool] = {}
        # A long search asks each row about all cells, once.
        self._looks = 0
        self._fitting: dict[int, int] = {}
        # The next row, and the cells that are taken before it, from where no way leads to the end.
        self._dead: set[tuple[int, int]] = set()

    def first(self) -> list[int] | None:
        """The places of the chosen cells, one for each row; None if there is no way."""
        return self._rest(0, 0) if self._is_promising(0, 0) else None

    def _rest(self, row: int, used: int) -> list[int] | None:
        if row == self._n_rows:
            return [] if self._accepts(used) else None
        for cell in self._open(row, used):
            taken = used | 1 << cell
            if (row + 1, taken) in self._dead:
                continue
            if self._is_promising(row + 1, taken):
                rest = self._rest(row + 1, taken)
                if rest is not None:
                    return [cell, *rest]
            self._dead.add((row + 1, taken))
        return None

    def _open(self, row: int, used: int) -> Iterable[int]:
        """The cells that are not taken and that the row fits, in the order of trying."""
        self._looks += 1
        if self._looks <= _FEW_LOOKS:
            return (cell for cell in range(len(self._cells)) if not used >> cell & 1 and self._fits(row, cell))
        fitting = self._fitting.get(row)
        if fitting is None:
            fitting = sum(1 << cell for cell in range(len(self._cells)) if self._fits(row, cell))
            self._fitting[row] = fitting
        return _places(fitting & ~used)

    def _is_promising(self, row: int, used: int) -> bool:
        left = self._n_rows - row
        return all(quota.can_be_met(used, left) for quota in self._quotas) and self._can_complete(row, used)

    def _can_complete(self, start: int, used: int) -> bool:
        """Whether each row from `start` on can have a cell of its own: a matching by augmenting paths."""
        owner: dict[int, int] = {}

        def place(row: int, seen: set[int]) -> bool:
            for cell in self._open(row, used):
                if cell in seen:
                    continue
                seen.add(cell)
                if cell not in owner or place(owner[cell], seen):
                    owner[cell] = row
                    return True
            return False

        return all(place(row, set()) for row in range(start, self._n_rows))

    def _accepts(self, chosen: int) -> bool:
        """Whether devices and networks allow a whole set of cells."""
        some = [cell for at, cell in enumerate(self._cells) if chosen >> at & 1]
        ids = [cell.id for cell in some]
        key = (chosen & self._matters, frozenset() if self._devices is None else self._devices.sockets(ids))
        if key not in self._accepted:
            self._accepted[key] = (self._devices is None or self._devices.take(ids) is not None) and (
                self._networks is None or _are_close(self._cells, some, self._networks)
            )
        return self._accepted[key]


@functools.lru_cache(4096)
def _places(bits: int) -> tuple[int, ...]:
    """The places of the bits that are set, the lowest first."""
    return tuple(at for at in range(bits.bit_length()) if bits >> at & 1)


def _are_close(every: Sequence[NUMACell], chosen: Sequence[NUMACell], networks: NetworkMetadata) -> bool:
    """Whether each network that any cell is close to has one such cell among the chosen."""
    return _near(chosen, networks) == _near(every, networks)


def _near(cells: Sequence[NUMACell], networks: NetworkMetadata) -> tuple[frozenset[str], bool]:
    """The wanted networks that some of the cells are close to."""
    known = [cell.network_metadata for cell in cells if cell.network_metadata is not None]
    names = frozenset[str]().union(*(one.physnets for one in known))
    return names & networks.physnets, networks.tunneled and any(one.tunneled for one in known)


def _network_quotas(cells: Sequence[NUMACell], networks: NetworkMetadata) -> list[Quota]:
    """One cell for each network that some cell is close to, and enough cells for all of them."""
    names, is_tunneled = _near(cells, networks)
    near = [_near([cell], networks) for cell in cells]
    found = [Quota.of(1, [int(name in own) for own, _ in near]) for name in sorted(names)]
    found.append(Quota.of(len(names), [len(own) for own, _ in near]))
    if is_tunneled:
        found.append(Quota.of(1, [int(tunneled) for _, tunneled in near]))
    return found
