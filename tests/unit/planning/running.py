"""Hosts with instances that run on them."""

from __future__ import annotations

from filtersched import HostState


def instance(uuid, ram=1024, vcpus=1, **more):
    return {"uuid": uuid, "flavor": {"memory_mb": ram, "vcpus": vcpus}, **more}


def host(name, *instances, ram=8192, vcpus=8, **more):
    taken = [one.get("flavor", {"memory_mb": 0, "vcpus": 0}) for one in instances]
    return HostState(
        name,
        total_usable_ram_mb=ram,
        free_ram_mb=ram - sum(one["memory_mb"] for one in taken),
        vcpus_total=vcpus,
        vcpus_used=sum(one["vcpus"] for one in taken),
        ram_allocation_ratio=1.0,
        cpu_allocation_ratio=1.0,
        num_instances=len(instances),
        instances=list(instances),
        **more,
    )
