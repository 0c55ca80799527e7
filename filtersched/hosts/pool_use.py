"""How much there is and how much is in use on all hosts of a pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Sums over the hosts of a pool.

    total, used : by "ram_mb", "disk_mb" (MiB) and "vcpus"; without oversubscription.
    resources : (total, used) of the hosts' countable resources, by name.
    """

    hosts: int
    instances: int
    total: Mapping[str, float]
    used: Mapping[str, float]
    resources: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def use_of(pool: HostPool) -> PoolUse:
    """The use of a pool now. Call it in `pool.run`, so that no other thread comes in between."""

    def amount(attribute: str) -> NDArray[np.float64]:
        return _numbers(pool, attribute)

    disk = amount("total_usable_disk_gb") * 1024
    ram, vcpus = amount("total_usable_ram_mb"), amount("vcpus_total")
    return PoolUse(
        hosts=len(pool),
        instances=int(amount("num_instances").sum()),
        total={"ram_mb": float(ram.sum()), "vcpus": float(vcpus.sum()), "disk_mb": float(disk.sum())},
        used={
            "ram_mb": float((ram - amount("free_ram_mb")).sum()),
            "vcpus": float(amount("vcpus_used").sum()),
            "disk_mb": float((disk - amount("free_disk_mb")).sum()),
        },
        resources=_resources(pool),
    )


def use_of_hosts(hosts: Iterable[HostState]) -> PoolUse:
    """The use of hosts that are in no pool."""
    return use_of(HostPool(host.copy() for host in hosts))


def _numbers(pool: HostPool, attribute: str) -> NDArray[np.float64]:
    """(n_hosts,) the attribute of every host, 0.0 where it is None."""
    try:
        column = pool.rows.column(attribute)
    except NotVectorizable:
        return np.array([getattr(host, attribute) or 0 for host in pool], dtype=np.float64)
    values = column.values.astype(np.float64)
    return values if column.missing is None else np.where(column.missing, 0.0, values)


def _resources(pool: HostPool) -> dict[str, tuple[float, float]]:
    if not pool.rows.may_have("resources"):
        return {}
    sums: dict[str, tuple[float, float]] = {}
    for host in pool:
        for name, (total, used) in host.resources.items():
            before = sums.get(name, (0, 0))
            sums[name] = before[0] + total, before[1] + used
    return sums
