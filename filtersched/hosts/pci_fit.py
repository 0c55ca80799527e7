"""Which PCI devices of a host an instance gets: pools, wishes, and how close they are to its cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from filtersched.hosts.numa_topology import NUMATopology
from filtersched.hosts.pci_stats import PciStats
from filtersched.requests.pci_requests import LEGACY, PREFERRED, REQUIRED, SOCKET, InstancePCIRequest, is_true

# What Placement looks at, and no pool is compared with.
_NOT_COMPARED = frozenset(("resource_class", "traits", "rp_uuids"))
_PF, _VDPA = "type-PF", "vdpa"


class TakenDevices(NamedTuple):
    """So many devices of the pool at this place."""

    at: int
    amount: int


class DeviceSearch:
    """The devices of one host and the requests of one instance."""

    def __init__(
        self, stats: PciStats, requests: Sequence[InstancePCIRequest], topology: NUMATopology | None
    ) -> None:
        self.pools: Sequence[Mapping[str, Any]] = stats.pools
        self.requests = requests
        self._cells = () if topology is None else topology.cells
        self._allowed = [[at for at, pool in enumerate(self.pools) if is_allowed(pool, one)] for one in requests]
        self._matching = [[at for at, pool in enumerate(self.pools) if matches(pool, one)] for one in requests]
        self._asks_sockets = any(_policy(one) == SOCKET for one in requests)
        self._nodes = {pool["numa_node"] for pool in self.pools}

    def free_by_node(self) -> dict[int | None, int]:
        """How many devices are free by the cell that they are close to."""
        counts: dict[int | None, int] = {}
        for pool in self.pools:
            counts[pool["numa_node"]] = counts.get(pool["numa_node"], 0) + pool["count"]
        return counts

    def depends_on(self, cell: int) -> bool:
        """Whether it matters if the cell is among the chosen."""
        return self._asks_sockets or cell in self._nodes

    def is_possible(self, n_cells: int) -> bool:
        """False only if no choice of so many cells allows the devices; a quick look before the search."""
        for at, request in enumerate(self.requests):
            counts: dict[int | None, int] = {}
            for place in self._both(at):
                node = self.pools[place]["numa_node"]
                counts[node] = counts.get(node, 0) + self.pools[place]["count"]
            unknown = counts.pop(None, 0)
            policy = _policy(request)
            if policy == REQUIRED:
                unknown = 0
            near = sorted(counts.values(), reverse=True)
            most = sum(near[:n_cells] if policy in (REQUIRED, LEGACY) else near) + unknown
            if most < request.count:
                return False
        return True

    def _both(self, at: int) -> list[int]:
        allowed = set(self._allowed[at])
        return [place for place in self._matching[at] if place in allowed]

    def take(self, cells: Collection[int] | None = None) -> list[TakenDevices] | None:
        """The devices for all requests, one after the other; None if there are not enough for one.

        cells : the cells of the host that the instance is on; None or empty if it is on none.
        """
        left = [pool["count"] for pool in self.pools]
        taken: list[TakenDevices] = []
        for at, request in enumerate(self.requests):
            allowed = set(self._allowed[at])
            places = [place for place in self._near(at, cells, left) if place in allowed]
            missing = request.count
            if sum(left[place] for place in places) < missing:
                return None
            for place in places:
                count = min(missing, left[place])
                if count:
                    left[place] -= count
                    missing -= count
                    taken.append(TakenDevices(place, count))
        return taken

    def most_free(self) -> list[tuple[InstancePCIRequest, int]]:
        """For each request, how many free devices it might have if it were alone, wherever they are."""
        return [
            (request, sum(self.pools[place]["count"] for place in self._both(at)))
            for at, request in enumerate(self.requests)
        ]

    def _near(self, at: int, cells: Collection[int] | None, left: Sequence[int]) -> Sequence[int]:
        """The matching pools that are close enough to the cells, the better ones first.

        A stricter policy than the one asked for is kept where it has enough devices, those included
        that the instance may not use after all.
        """
        places = self._matching[at]
        if not cells:
            return places
        request, node_of = self.requests[at], [pool["numa_node"] for pool in self.pools]
        policy = _policy(request)
        same = [place for place in places if node_of[place] in cells]
        if policy == REQUIRED or sum(left[place] for place in same) >= request.count:
            return same
        if policy == SOCKET:
            nodes = self._same_sockets(cells)
            return [place for place in places if node_of[place] in nodes]
        here = {*cells, None}
        known = [place for place in places if node_of[place] in here]
        if policy == LEGACY or sum(left[place] for place in known) >= request.count:
            return known
        return sorted(places, key=lambda place: node_of[place] not in here)

    def _same_sockets(self, cells: Collection[int]) -> Collection[int]:
        """The cells on the sockets of these cells; none if the host does not tell its sockets."""
        if any(cell.socket is None for cell in self._cells):
            return ()
        sockets = {cell.socket for cell in self._cells if cell.id in cells}
        return {cell.id for cell in self._cells if cell.socket in sockets}


def _policy(request: InstancePCIRequest) -> str:
    return request.numa_policy or LEGACY


def matches(pool: Mapping[str, Any], request: InstancePCIRequest) -> bool:
    """Whether devices of the pool are what one of the request's specs describes; case does not matter."""
    return any(
        all(_is_same(pool.get(name), value) for name, value in spec.items() if name not in _NOT_COMPARED)
        for spec in request.spec
    )


def _is_same(have: Any, want: Any) -> bool:
    if isinstance(have, str) and isinstance(want, str):
        return have.lower() == want.lower()
    return bool(have == want)


def is_allowed(pool: Mapping[str, Any], request: InstancePCIRequest) -> bool:
    """Whether the request may have devices that need to be asked for: whole cards, vDPA, remote-managed ones."""
    specs = request.spec
    kind = pool.get("dev_type")
    if kind in (_PF, _VDPA) and all(spec.get("dev_type") != kind for spec in specs):
        return False
    if is_true(pool.get("remote_managed")) and not any(is_true(spec.get("remote_managed")) for spec in specs):
        return False
    for wish in ("true", "false"):
        if all(spec.get("live_migratable") == wish for spec in specs):
            return pool.get("live_migratable") == wish
    return True


__all__ = ["PREFERRED", "DeviceSearch", "TakenDevices", "is_allowed", "matches"]
