"""What an instance that leaves a host gives back of the amounts that every host has."""

from __future__ import annotations

from typing import Any

from filtersched.requests.instance import Instance


def given_back(host: Any, instance: Instance) -> dict[str, Any]:
    """The attributes of the HostState that change, and their values afterwards."""
    found = {
        "num_instances": max(0, host.num_instances - 1),
        "num_io_ops": max(0, host.num_io_ops - instance.consumed.get("num_io_ops", 0)),
    }
    flavor = instance.flavor
    if flavor is not None:
        disk = (flavor.root_gb + flavor.ephemeral_gb) * 1024
        found["free_ram_mb"] = _more_free(host.free_ram_mb, flavor.memory_mb, host.total_usable_ram_mb)
        found["free_disk_mb"] = _more_free(host.free_disk_mb, disk, host.total_usable_disk_gb * 1024)
        found["vcpus_used"] = max(0, host.vcpus_used - flavor.vcpus)
        if host.unmeasured_vcpus and _is_unmeasured(host, instance):
            found["unmeasured_vcpus"] = max(0, host.unmeasured_vcpus - flavor.vcpus)
    return found


def _is_unmeasured(host: Any, instance: Instance) -> bool:
    """Whether an instance was placed after the metrics were measured, as far as anyone knows."""
    then = host.measured_at
    return then is None or (instance.created_at is not None and instance.created_at > then)


def _more_free(free: float, amount: float, total: float) -> float:
    """`free` with an amount given back; no more than there is in all, where that is known."""
    more = free + amount
    return total if free <= total < more and total else more
