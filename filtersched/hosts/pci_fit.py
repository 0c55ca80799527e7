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
# The policies that allow no devices that the key does not allow, the strictest key first.
_NARROWER = {
    REQUIRED: {REQUIRED},
    LEGACY: {REQUIRED, LEGACY},
    SOCKET: {REQUIRED, SOCKET},
    PREFERRED: {REQUIRED, LEGACY, SOCKET, PREFERRED},
}


class TakenDevices(NamedTuple):
    """So many devices of the pool at this place."""

    at: int
    amount: int


class Quota(NamedTuple):
    """How many of something are needed, how many the cells of the host have, and how many there are besides.

    richest : the cells that have some, each as a bit and with its amount; those with the most first.
    """

    need: int
    richest: Sequence[tuple[int, int]]
    besides: int = 0

    @classmethod
    def of(cls, need: int, each: Sequence[int], besides: int = 0) -> Quota:
        """The quota of what each cell has, in their order."""
        having = [(1 << at, amount) for at, amount in enumerate(each) if amount]
        return cls(need, sorted(having, key=lambda one: -one[1]), besides)

    def can_be_met(self, used: int, left: int) -> bool:
        """Whether the cells in `used`, given as bits, can have enough together with so many more."""
        have = self.besides
        if have >= self.need:
            return True
        for bit, amount in self.richest:
            # Of the cells that are not in use, those that have the most come first.
            if not used & bit:
                if not left:
                    continue
                left -= 1
            have += amount
            if have >= self.need:
                return True
        return False


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
        """Whether it matters if the cell is among the chosen, beside its socket."""
        return cell in self._nodes

    def sockets(self, cells: Collection[int]) -> frozenset[int | None]:
        """The sockets of these cells, as far as they matter."""
        if not self._asks_sockets:
            return frozenset()
        return frozenset(cell.socket for cell in self._cells if cell.id in cells)

    def quotas(self, cells: Sequence[int]) -> list[Quota]:
        """What the chosen cells must have at least for each request, and for all of them together.

        cells : the numbers of the host's cells, in the order of the quotas.
        """
        usable = [self._both(at) for at in range(len(self.requests))]
        policies = [_policy(request) for request in self.requests]
        needs = [request.count for request in self.requests]
        found = [self._quota(*each, cells) for each in zip(needs, usable, policies, strict=True)]
        every = sorted({place for places in usable for place in places})
        widest = next(one for one, narrower in _NARROWER.items() if narrower.issuperset(policies))
        return [*found, self._quota(sum(needs), every, widest, cells)]

    def _quota(self, need: int, places: Sequence[int], policy: str, cells: Sequence[int]) -> Quota:
        by_node: dict[int | None, int] = {}
        for place in places:
            node = self.pools[place]["numa_node"]
            by_node[node] = by_node.get(node, 0) + self.pools[place]["count"]
        each = [by_node.get(cell, 0) for cell in cells]
        unknown = by_node.get(None, 0)
        if policy in (REQUIRED, LEGACY):
            return Quota.of(need, each, unknown if policy == LEGACY else 0)
        # Devices of other cells count too.
        return Quota(need, (), sum(by_node.values()) - (unknown if policy == SOCKET else 0))

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

