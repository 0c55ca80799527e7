"""What decisions about NUMA cells and PCI devices cost, next to Nova's own filters in the same run.

Four kinds of hardware, each in several states of use. Filters: compute, NUMA topology, PCI. Weighers:
RAM, CPU, PCI. That both sides decide the same is asserted first; Nova is the real one, see
bench_nova.py. Nova measures a few instances of the many, and is reckoned up from them.

    FILTERSCHED_NOVA_PYTHON=… python benchmarks/bench_devices.py         or: tox -e bench
    python benchmarks/bench_devices.py --hosts 1000                      smaller
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from nova_peer.client import NovaPeer, nova_python

from filtersched import FilterScheduler, HostPool, HostState, RequestSpec, make_conf

NOW = "2026-01-31T12:00:00"
FILTERS = ["ComputeFilter", "NUMATopologyFilter", "PciPassthroughFilter"]
WEIGHERS = ["RAMWeigher", "CPUWeigher", "PCIWeigher"]
MEASURED_INSTANCES = 5
GPU = {"vendor_id": "10de", "product_id": "1eb8", "tags": {"dev_type": "type-PCI"}}
# Cells, CPUs a cell, how many of them to pin to, threads a core, GPUs a cell.
HARDWARE = ((2, 32, 28, 2, 0), (2, 16, 0, 2, 0), (4, 16, 12, 2, 2), (8, 16, 16, 1, 0))


def topology(kind: int, used: int) -> dict[str, Any]:
    """The cells of a kind of hardware, with so many pinned CPUs of each cell in use."""
    n_cells, per_cell, n_pinned, threads, _gpus = HARDWARE[kind]
    cells = []
    for at in range(n_cells):
        cpus = list(range(at * per_cell, (at + 1) * per_cell))
        shared, pinned = cpus[: per_cell - n_pinned], cpus[per_cell - n_pinned :]
        cells.append(
            {
                "id": at,
                "cpuset": shared,
                "pcpuset": pinned,
                "memory": 65536,
                "cpu_usage": 0,
                "memory_usage": 2048 * used,
                "pinned_cpus": pinned[:used],
                "siblings": [cpus[start : start + threads] for start in range(0, per_cell, threads)],
                "mempages": [
                    {"size_kb": 4, "total": 65536 * 256, "used": 512 * 1024 * used, "reserved": 0},
                    {"size_kb": 2048, "total": 8192, "used": 0, "reserved": 0},
                ],
                "socket": at,
                "network_metadata": None,
            }
        )
    return {"cells": cells}


def cluster(count: int) -> list[dict[str, Any]]:
    """Hosts as plain data, for both sides."""
    chance = random.Random(20260131)
    hosts = []
    for nr in range(count):
        kind, used = nr % 4, chance.choice([0, 0, 2, 4, 8, 12])
        n_cells, per_cell, n_pinned, _threads, gpus = HARDWARE[kind]
        pools = [{**GPU, "numa_node": at, "count": gpus} for at in range(n_cells) if gpus]
        name, ram = f"cmp{nr:07}", 65536 * n_cells
        hosts.append(
            {
                "host": name,
                "nodename": name,
                "cell_uuid": "cell1",
                "total_usable_ram_mb": ram,
                "free_ram_mb": ram - 2048 * used * n_cells,
                "ram_allocation_ratio": 1.0,
                "total_usable_disk_gb": 4000,
                "free_disk_mb": 4000 * 1024,
                "disk_allocation_ratio": 1.0,
                "vcpus_total": per_cell * n_cells,
                "vcpus_used": used * n_cells,
                "cpu_allocation_ratio": 4.0,
                "num_instances": 0,
                "num_io_ops": 0,
                "instances": [],
                "aggregates": [],
                "service": {"disabled": False, "last_seen_up": NOW},
                "numa_topology": topology(kind, min(used, n_pinned)),
                "pci_stats": pools,
            }
        )
    return hosts


def request(instances: int = 1, *, gpus: int = 0) -> dict[str, Any]:
    """A request for instances with four pinned CPUs each, as plain data for both sides."""
    cell = {"id": 0, "cpuset": [], "pcpuset": [0, 1, 2, 3], "memory": 4096, "pagesize": None}
    wishes = {"cpu_policy": "dedicated", "cpu_thread_policy": None}
    spec = [{"vendor_id": "10de", "product_id": "1eb8"}]
    return {
        "flavor": {"memory_mb": 4096, "vcpus": 4, "root_gb": 20, "ephemeral_gb": 0, "swap": 0, "extra_specs": {}},
        "image": {"id": "img", "properties": {}},
        "num_instances": instances,
        "uuids": [f"new-{nr}" for nr in range(instances)],
        "numa_topology": {"cells": [{**cell, **wishes}], "emulator_threads_policy": None},
        "pci_requests": [{"count": gpus, "spec": spec, "numa_policy": "required"}] if gpus else None,
        **dict.fromkeys(("group", "availability_zone", "ignore_hosts", "force_hosts", "force_nodes", "destination")),
        "project_id": "p1",
        "hints": {},
        "now": NOW,
    }


def spec_of(asked: dict[str, Any]) -> RequestSpec:
    """The library's request."""
    names = ("flavor", "image", "num_instances", "project_id", "now", "numa_topology", "pci_requests")
    return RequestSpec(**{name: asked[name] for name in names})


def scheduler() -> FilterScheduler:
    """The library's scheduler, with nothing cached."""
    return FilterScheduler(make_conf(enabled_filters=FILTERS, weight_classes=WEIGHERS))


def seconds_of(act: Callable[[], object], repeats: int = 1) -> float:
    """Seconds that one call takes, the median of some."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def nova_seconds(peer: NovaPeer | None, facts: list[dict[str, Any]], asked: dict[str, Any]) -> float | None:
    """Nova's seconds for a request, after both sides gave the same answer."""
    if peer is None:
        return None
    conf = {"filters": FILTERS, "weighers": WEIGHERS, "alternates": False, "max_attempts": 1}
    theirs = peer.time({"hosts": facts, "request": asked, "conf": {**conf, "host_subset_size": 1}})
    selections = scheduler().select_destinations(spec_of(asked), [HostState(**each) for each in facts], asked["uuids"])
    ours = [(one.host, one.weight) for one in selections]
    if "chosen" not in theirs or ours != [(one["host"], one["weight"]) for one in theirs["chosen"]]:
        raise SystemExit(f"the two sides disagree on {asked['num_instances']} instances: no times are taken")
    seconds: float = theirs["seconds"]
    return seconds


def rows(count: int, peer: NovaPeer | None) -> list[tuple[str, float, float | None, float | None]]:
    """What was measured: ours, Nova's, and how many times faster it should be at least."""
    facts = cluster(count)

    def pool() -> HostPool:
        return HostPool(HostState(**each) for each in facts)

    def decide(ours: FilterScheduler, asked: dict[str, Any], hosts: HostPool) -> object:
        return ours.select_destinations(spec_of(asked), hosts, asked["uuids"])

    pinned, devices = request(), request(gpus=1)
    nova = nova_seconds(peer, facts, pinned)
    few = nova_seconds(peer, facts, request(MEASURED_INSTANCES))
    many = None if few is None else few / MEASURED_INSTANCES * 1000
    cold, kept, warm = pool(), pool(), scheduler()
    plain = {**pinned, "numa_topology": None}
    decide(warm, plain, kept)
    found = [("one pinned request, nothing cached", seconds_of(lambda: decide(scheduler(), pinned, cold)), nova, 50.0)]
    decide(warm, pinned, kept)
    found.append(("the same again", seconds_of(lambda: decide(warm, pinned, kept), 200), nova, 500.0))
    decide(warm, devices, kept)
    # Nova takes minutes for it.
    again = seconds_of(lambda: decide(warm, devices, kept), 200)
    found.append(("pinned, with a GPU close by, again", again, None, None))
    thousand = request(1000)
    found.append(("1000 pinned instances", seconds_of(lambda: decide(warm, thousand, kept), 3), many, 500.0))
    found.append(("a request without cells, again", seconds_of(lambda: decide(warm, plain, kept), 200), None, None))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    count = parser.parse_args().hosts
    python = nova_python()
    peer = None if python is None else NovaPeer(python)
    print(f"{count} hosts, four kinds of hardware; Nova: {MEASURED_INSTANCES} of 1000 instances measured")
    print(f"{'':38} {'filtersched':>12} {'Nova':>12} {'ratio':>9}  target")
    for what, ours, nova, target in rows(count, peer):
        theirs = "-" if nova is None else f"{nova * 1000:.1f} ms"
        ratio = "-" if nova is None else f"{nova / ours:.0f} x"
        said = "" if target is None else f"{target:.0f} x"
        missed = " MISSED" if nova is not None and target is not None and nova / ours < target else ""
        print(f"{what:38} {ours * 1000:>9.3f} ms {theirs:>12} {ratio:>9}  {said}{missed}")
    if peer is not None:
        peer.close()


if __name__ == "__main__":
    sys.exit(main())
