"""HostUse: the used share of every host's resources, as columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from filtersched.hosts.host_state import HostState
from filtersched.planning.move_plan import ClusterState
from filtersched.requests.request_values import Flavor

RESOURCES = ("ram", "vcpus", "disk")
_MB_IN_GB = 1024

Floats = NDArray[np.float64]


def amounts_of(flavor: Flavor) -> tuple[float, float, float]:
    """What an instance of the flavor takes of each resource: MiB, CPUs, MiB."""
    disk = (flavor.root_gb + flavor.ephemeral_gb) * _MB_IN_GB
    return float(flavor.memory_mb), float(flavor.vcpus), float(disk)


def _totals(host: HostState) -> tuple[float, float, float]:
    disk = (host.total_usable_disk_gb or 0) * _MB_IN_GB
    return float(host.total_usable_ram_mb or 0), float(host.vcpus_total or 0), float(disk)


def _used(host: HostState) -> tuple[float, float, float]:
    total_ram, _vcpus, total_disk = _totals(host)
    return total_ram - (host.free_ram_mb or 0), float(host.vcpus_used or 0), total_disk - (host.free_disk_mb or 0)


class HostUse:
    """How much of each host is in use.

    total, used : (n_hosts, 3) MiB of memory, CPUs, and MiB of disk.
    counts : (n_hosts,) how many instances each host has.
    """

    __slots__ = ("counts", "total", "used")

    def __init__(self, total: Floats, used: Floats, counts: NDArray[np.int64]) -> None:
        self.total = total
        self.used = used
        self.counts = counts

    @classmethod
    def of(cls, hosts: Iterable[HostState]) -> Self:
        """The use of these hosts."""
        listed = list(hosts)
        shape = (len(listed), len(RESOURCES))
        total = np.array([_totals(host) for host in listed], dtype=np.float64).reshape(shape)
        used = np.array([_used(host) for host in listed], dtype=np.float64).reshape(shape)
        return cls(total, used, np.array([len(host.instances) for host in listed], dtype=np.int64))

    def copy(self) -> HostUse:
        """The same hosts, to be changed."""
        return HostUse(self.total, self.used.copy(), self.counts.copy())

    def read_again(self, row: int, host: HostState) -> None:
        """Take over what a host says now."""
        self.used[row] = _used(host)
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
