"""RAM, CPUs and disk of hosts as arrays: what there is, what is used, and how evenly.

All arrays are (n_hosts,) float64, in the order of the pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor

#: The resources that are counted; units are in the names.
RESOURCES = ("ram_mb", "vcpus", "disk_mb")
#: What they are called for people.
WORDS = {"ram_mb": "RAM", "vcpus": "vCPUs", "disk_mb": "disk"}

Floats = NDArray[np.float64]
ByResource = dict[str, Floats]


def amounts_of(spec: RequestSpec | Flavor) -> tuple[float, float, float]:
    """What one instance of the request, or of the flavor, takes, in the order of RESOURCES."""
    return float(spec.memory_mb), float(spec.vcpus), float((spec.root_gb + spec.ephemeral_gb) * 1024)


class HostAmounts(NamedTuple):
    """What hosts have and what is used of it, by resource.

    total : the physical amounts.
    limit : the amounts that may be used, oversubscription included.
    used : the amounts in use.
    instances : how many instances each host has.
    """

    total: ByResource
    limit: ByResource
    used: ByResource
    instances: NDArray[np.int64]


def ratios_of(scheduler: Any) -> tuple[float, float, float]:
    """The allocation ratios that a scheduler's plug-ins use for hosts without their own; 1.0 where none does."""
    plugins = (*getattr(scheduler, "filters", ()), *getattr(scheduler, "weighers", ()))
    found = []
    for name in ("ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio"):
        known = (one for one in plugins if any(option.dest == name for option in getattr(one, "options", ())))
        plugin = next(known, None)
        found.append(1.0 if plugin is None else float(plugin.option(name)))
    return found[0], found[1], found[2]


def totals_of(host: HostState) -> tuple[float, float, float]:
    """What a host has, in the order of RESOURCES."""
    return host.total_usable_ram_mb or 0, host.vcpus_total or 0, (host.total_usable_disk_gb or 0) * 1024


def used_of(host: HostState) -> tuple[float, float, float]:
    """What is used of a host, in the order of RESOURCES."""
    ram, _vcpus, disk = totals_of(host)
    return ram - (host.free_ram_mb or 0), host.vcpus_used or 0, disk - (host.free_disk_mb or 0)


def amounts_of_hosts(
    hosts: Iterable[HostState], ratios: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> HostAmounts:
    """The amounts of these hosts; `ratios` are those of hosts without their own, in the order of RESOURCES."""
    rows: list[tuple[float, ...]] = []
    instances: list[int] = []
    for host in hosts:
        totals = totals_of(host)
        own = (host.ram_allocation_ratio, host.cpu_allocation_ratio, host.disk_allocation_ratio)
        limits = (
            total * (ratio if given is None else given)
            for total, given, ratio in zip(totals, own, ratios, strict=True)
        )
        rows.append((*totals, *limits, *used_of(host)))
        instances.append(max(host.num_instances or 0, len(host.instances)))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 9).T
    total, limit, used_now = (dict(zip(RESOURCES, table[at : at + 3], strict=True)) for at in (0, 3, 6))
    return HostAmounts(total, limit, used_now, np.array(instances, dtype=np.int64))


def shares(used: Floats, total: Floats) -> Floats:
    """The used share of each host that has any of the resource; hosts without are left out."""
    there = total > 0
    return used[there] / total[there]


def imbalance(used: Floats, total: Floats) -> float:
    """The standard deviation of hosts' used shares over their mean; 0.0 where nothing is used."""
    each = shares(used, total)
    mean = float(each.mean()) if each.size else 0.0
    return float(each.std()) / mean if mean > 0 else 0.0


def stranded(amounts: HostAmounts, smallest: Mapping[str, float]) -> dict[str, float]:
    """How much of each resource is free on hosts that lack another resource for the smallest instance.

    smallest : the least that an instance takes of each resource; one that is 0 or left out is never lacked.
    """
    free = {name: amounts.limit[name] - amounts.used[name] for name in RESOURCES}
    lacks = {name: (free[name] < smallest.get(name, 0)) & (amounts.limit[name].max(initial=0) > 0) for name in free}
    found = {}
    for name in RESOURCES:
        others = np.zeros(len(amounts.instances), dtype=np.bool_)
        for other in RESOURCES:
            if other != name:
                others |= lacks[other]
        found[name] = float(np.maximum(free[name], 0)[others].sum())
    return found
