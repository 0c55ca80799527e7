"""HostUse: the used share of every host's resources, as columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from filtersched.hosts.host_state import HostState
from filtersched.planning.amounts import RESOURCES, Floats, amounts_of_hosts, used_of
from filtersched.planning.move_plan import ClusterState


class HostUse:
    """How much of each host is in use.

    total, limit, used : (n_hosts, 3) MiB of memory, CPUs, and MiB of disk: what there is, what may be given out, and
        what is.
    counts : (n_hosts,) how many instances each host has.
    """

    __slots__ = ("counts", "limit", "total", "used")

    def __init__(self, total: Floats, limit: Floats, used: Floats, counts: NDArray[np.int64]) -> None:
        self.total: Floats = total
        self.limit: Floats = limit
        self.used: Floats = used
        self.counts: NDArray[np.int64] = counts

    @classmethod
    def of(cls, hosts: Iterable[HostState], ratios: tuple[float, float, float]) -> Self:
        """The use of these hosts; `ratios` are those of hosts without their own."""
        listed = list(hosts)
        amounts = amounts_of_hosts(listed, ratios)
        columns = (amounts.total, amounts.limit, amounts.used)
        total, limit, used = (np.stack([each[name] for name in RESOURCES], axis=1) for each in columns)
        return cls(total, limit, used, np.array([len(host.instances) for host in listed], dtype=np.int64))

    def copy(self) -> HostUse:
        """The same hosts, to be changed."""
        return HostUse(self.total, self.limit, self.used.copy(), self.counts.copy())

    def read_again(self, row: int, host: HostState) -> None:
        """Take over what a host says now."""
        self.used[row] = used_of(host)
        self.counts[row] = len(host.instances)

    def shift(self, amounts: Floats, source: int, target: int) -> None:
        """Let an instance go from one row to another."""
        self.used[source] -= amounts
        self.used[target] += amounts
        self.counts[source] -= 1
        self.counts[target] += 1

    @property
    def has(self) -> NDArray[np.bool_]:
        """(n_hosts, 3): whether the host has any of the resource; a host that has none does not count in it."""
        found: NDArray[np.bool_] = self.total > 0
        return found

    @property
    def shares(self) -> Floats:
        """(n_hosts, 3): the used share; 0 of a resource that the host has none of."""
        return np.divide(self.used, self.total, out=np.zeros_like(self.used), where=self.has)

    def deviations(self) -> Floats:
        """(3,): the standard deviation of the hosts' used share."""
        shares, has = self.shares, self.has
        count = np.maximum(has.sum(axis=0), 1)
        mean = shares.sum(axis=0) / count
        away = np.where(has, shares - mean, 0.0)
        found: Floats = np.sqrt((away * away).sum(axis=0) / count)
        return found

    def imbalance(self) -> float:
        """The sum of the deviations."""
        return float(self.deviations().sum())

    def state(self) -> ClusterState:
        """The hosts in numbers."""
        deviations = self.deviations()
        means = self.shares.sum(axis=0) / np.maximum(self.has.sum(axis=0), 1)
        return ClusterState(
            hosts=len(self.counts),
            hosts_in_use=int((self.counts > 0).sum()),
            instances=int(self.counts.sum()),
            used_share=dict(zip(RESOURCES, means.tolist(), strict=True)),
            deviation=dict(zip(RESOURCES, deviations.tolist(), strict=True)),
            imbalance=float(deviations.sum()),
        )
