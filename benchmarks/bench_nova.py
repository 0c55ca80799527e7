"""What a decision costs, next to Nova's own handlers in the same run.

Filters: aggregate extra specs, RAM, compute, compute capabilities, image properties, anti-affinity.
Weighers: RAM, CPU, disk, I/O operations (1, 1, 1, -1). That both sides decide the same is asserted
first. Nova is the real one, in its own process: its SchedulerManager, handlers and HostState,
without RPC, database and Placement; only the decision is timed, not the making of hosts.

    FILTERSCHED_NOVA_PYTHON=… python benchmarks/bench_nova.py         or: tox -e bench
    python benchmarks/bench_nova.py --hosts 1000 --large 0            smaller
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import os
import platform
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from nova_peer.client import VARIABLE, NovaPeer, nova_python

from filtersched import FilterScheduler, HostPool, HostState, RequestSpec, make_conf
from filtersched.engine import decision, steps

NOW = "2026-01-31T12:00:00"
FILTERS = [
    "AggregateInstanceExtraSpecsFilter",
    "RamFilter",
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
]
WEIGHERS = ["RAMWeigher", "CPUWeigher", "DiskWeigher", "IoOpsWeigher"]
MEASURED_INSTANCES = 20


class Row(NamedTuple):
    """A line of the table; times in seconds, None for what was not measured."""

    what: str
    ours: float
    nova: float | None = None
    note: str = ""
    target_s: float | None = None
    target_ratio: float | None = None


# The cluster and the requests


def cluster(count: int) -> list[dict[str, Any]]:
    """Hosts as plain data, for both sides."""
    chance = random.Random(20260131)
    aggregates = [
        {"name": f"agg{nr}", "metadata": {"ssd": "true" if nr % 4 else "false", "rack": str(nr)}} for nr in range(16)
    ]
    hosts = []
    for nr in range(count):
        ram, cpus = chance.choice([128, 256, 512]) * 1024, chance.choice([32, 64, 128])
        hosts.append(
            {
                "host": f"cmp{nr:07}",
                "nodename": f"cmp{nr:07}",
                "cell_uuid": "cell1",
                "total_usable_ram_mb": ram,
                "free_ram_mb": ram - chance.randrange(0, ram // 2, 512),
                "ram_allocation_ratio": 1.5,
                "total_usable_disk_gb": 4000,
                "free_disk_mb": 4000 * 1024 - chance.randrange(0, 2000 * 1024, 1024),
                "disk_allocation_ratio": 1.0,
                "vcpus_total": cpus,
                "vcpus_used": chance.randrange(cpus),
                "cpu_allocation_ratio": 16.0,
                "num_instances": chance.randrange(20),
                "num_io_ops": chance.randrange(4),
                "hypervisor_type": "QEMU",
                "hypervisor_version": 6002000,
                "supported_instances": [["x86_64", "qemu", "hvm"], ["i686", "qemu", "hvm"]],
                "instances": [],
                "aggregates": [aggregates[nr % 16]],
                "service": {"disabled": nr % 100 == 7, "last_seen_up": NOW},
                "stats": {},
            }
        )
    return hosts


def request(memory_mb: int = 2048, instances: int = 1, group: bool = False) -> dict[str, Any]:
    """A request as plain data, for both sides."""
    uuids = [f"new-{nr}" for nr in range(instances)]
    extra_specs = {"aggregate_instance_extra_specs:ssd": "true", "capabilities:hypervisor_type": "s== QEMU"}
    return {
        "flavor": {
            "memory_mb": memory_mb,
            "vcpus": 2,
            "root_gb": 20,
            "ephemeral_gb": 0,
            "swap": 0,
            "extra_specs": extra_specs,
        },
        "image": {"id": "img", "properties": {"hw_architecture": "x86_64", "img_hv_type": "qemu"}},
        "num_instances": instances,
        "uuids": uuids,
        "group": {"policy": "anti-affinity", "rules": {}, "hosts": [], "members": uuids} if group else None,
        "project_id": "p1",
        "availability_zone": None,
        "hints": {},
        "ignore_hosts": [],
        "force_hosts": [],
        "force_nodes": [],
        "destination": None,
        "now": NOW,
    }


def spec_of(asked: dict[str, Any]) -> RequestSpec:
    """The library's request."""
    return RequestSpec(
        flavor=asked["flavor"],
        image=asked["image"],
        num_instances=asked["num_instances"],
        project_id=asked["project_id"],
        instance_group=asked["group"],
        now=asked["now"],
    )


def settings(filters: list[str], weighers: list[str]) -> dict[str, Any]:
    """Configuration as plain data, for Nova."""
    return {
        "filters": filters,
        "weighers": weighers,
        "alternates": False,
        "max_attempts": 1,
        "host_subset_size": 1,
        "service_down_time": 60,
    }


def scheduler_of(filters: list[str], weighers: list[str]) -> FilterScheduler:
    """The library's scheduler."""
    paths = [f"third_party.{name}" if name == "BusyFilter" else name for name in filters]
    return FilterScheduler(
        make_conf(
            scheduler_available_filters=["standard_filters", *(path for path in paths if "." in path)],
            scheduler_default_filters=filters,
            scheduler_weight_classes=weighers,
        )
    )


# Measuring


def median(act: Callable[[], object], repeats: int) -> float:
    """Seconds that one call takes, the median of some."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


class Bench:
    """One run: a cluster on both sides, and the table that grows."""

    def __init__(self, count: int, peer: NovaPeer | None) -> None:
        self.count = count
        self.facts = cluster(count)
        self.peer = peer
        self.scheduler = scheduler_of(FILTERS, WEIGHERS)
        self.rows: list[Row] = []

    def pool(self) -> HostPool:
        return HostPool(HostState(**facts) for facts in self.facts)

    def add(self, *row: Any, **more: Any) -> None:
        self.rows.append(Row(*row, **more))
        print(".", end="", file=sys.stderr, flush=True)

    def nova(self, asked: dict[str, Any], filters: list[str] = FILTERS, weighers: list[str] = WEIGHERS) -> float | None:
        """Nova's seconds for a request, after both sides gave the same answer."""
        if self.peer is None:
            return None
        case = {"hosts": self.facts, "request": asked, "conf": settings(filters, weighers)}
        theirs = self.peer.time(case, repeats=3 if asked["num_instances"] == 1 else 1)
        if "chosen" not in theirs:
            raise SystemExit(f"Nova found no host: {theirs}")
        selections = scheduler_of(filters, weighers).select_destinations(
            spec_of(asked), [HostState(**facts) for facts in self.facts], asked["uuids"]
        )
        ours = [(one.host, one.weight) for one in selections]
        if ours != [(one["host"], one["weight"]) for one in theirs["chosen"]]:
            raise SystemExit(f"the two sides disagree on {asked['num_instances']} instances: no times are taken")
        seconds: float = theirs["seconds"]
        return seconds

    def measure(self) -> None:
        """Fill the table."""
        self.single_requests()
        self.many_instances()
        self.spread_instances()
        self.requests_in_a_row()
        self.third_party_filter()
        self.unread_explanation()

    def _different(self) -> Iterator[RequestSpec]:
        """Requests of which no two are of the same kind."""
        return (spec_of(request(memory_mb)) for memory_mb in itertools.count(1000))

    def _each_different(self, hosts: Any, repeats: int) -> float:
        specs = iter(list(itertools.islice(self._different(), repeats)))
        return median(lambda: self.scheduler.select_destinations(next(specs), hosts), repeats)

    def single_requests(self) -> None:
        nova = self.nova(request())
        pool = self.pool()
        self.scheduler.select_destinations(spec_of(request()), pool)
        self.add(
            "one request, kept pool, of a kind not seen before",
            self._each_different(pool, 200),
            nova,
            target_s=0.2e-3,
            target_ratio=1000,
        )
        again = spec_of(request())
        self.add(
            "one request, kept pool, of a kind seen before",
            median(lambda: self.scheduler.select_destinations(again, pool), 500),
            nova,
        )
        hosts = [HostState(**facts) for facts in self.facts]
        self.add("one request, hosts in a plain list", self._each_different(hosts, 20), nova, target_ratio=30)

    def many_instances(self) -> None:
        for group, what in ((False, "1000 instances, kept pool"), (True, "the same in an anti-affinity group")):
            if group and self.count < 2000:
                continue  # no room for each on a host of its own
            few = self.nova(request(instances=MEASURED_INSTANCES, group=group))
            nova = None if few is None else few / MEASURED_INSTANCES * 1000
            pool = self.pool()
            many = request(instances=1000, group=group)
            spec = spec_of(many)
            self.scheduler.select_destinations(spec, pool, many["uuids"])
            seconds = median(lambda: self.scheduler.select_destinations(spec, pool, many["uuids"]), 7)  # noqa: B023
            note = f"Nova: {MEASURED_INSTANCES} measured, times {1000 // MEASURED_INSTANCES}" if nova else ""
            self.add(what, seconds, nova, note, target_s=15e-3, target_ratio=10_000)

    def spread_instances(self) -> None:
        """1000 instances over 50 racks; Nova has no such rule, the plain loop must agree."""
        if self.count < 2000:
            return
        racks = [{"name": f"rack{nr}", "metadata": {"ssd": "true", "rack": f"r{nr}"}} for nr in range(50)]
        facts = [{**host, "aggregates": [racks[nr % 50]]} for nr, host in enumerate(self.facts)]
        pool = HostPool(HostState(**host) for host in facts)
        filters = [*FILTERS, "TopologySpreadFilter"]
        conf = make_conf(scheduler_default_filters=filters, scheduler_weight_classes=WEIGHERS)
        fast, plain = FilterScheduler(conf), FilterScheduler(conf, use_engine=False)
        for rule, what in (("max_per_domain", "at most 20 in a rack"), ("max_skew", "none 2 ahead of the emptiest")):
            limit = 20 if rule == "max_per_domain" else 1
            rules = {"spread": "aggregate:rack", rule: limit}
            asked = {**request(instances=1000), "group": {"uuid": "g", "rules": rules}}
            spec, few = spec_of(asked), asked["uuids"][:MEASURED_INSTANCES]
            there, here = (
                [(one.host, one.weight) for one in each.select_destinations(spec, pool, few)] for each in (plain, fast)
            )
            if there != here:
                raise SystemExit(f"engine and plain loop disagree on {what}: no times are taken")
            seconds = median(lambda: fast.select_destinations(spec, pool, asked["uuids"]), 5)  # noqa: B023
            self.add(f"1000 instances, 50 racks, {what}", seconds, target_s=40e-3)

    def requests_in_a_row(self) -> None:
        pool = self.pool()
        specs = list(itertools.islice(self._different(), 2000))
        self.scheduler.place(spec_of(request()), pool)
        began = time.perf_counter()
        for spec in specs:
            self.scheduler.place(spec, pool)
        seconds_each = (time.perf_counter() - began) / len(specs)
        self.add("different requests in a row, each committed, one of them", seconds_each, target_s=1e-4)

    def third_party_filter(self) -> None:
        nova = self.nova(request(), ["BusyFilter"], ["RAMWeigher"])
        scheduler, pool, spec = scheduler_of(["BusyFilter"], ["RAMWeigher"]), self.pool(), spec_of(request())
        scheduler.select_destinations(spec, pool)
        seconds = median(lambda: scheduler.select_destinations(spec, pool), 20)
        self.add("an undeclared third-party filter and one weigher", seconds, nova, target_ratio=1)

    def unread_explanation(self) -> None:
        pool, spec = self.pool(), spec_of(request())
        self.scheduler.select_destinations(spec, pool)
        kept = (decision.Explanation, steps.RowSteps.add)
        taken: dict[bool, list[float]] = {True: [], False: []}
        # In turns, so that what else the machine does falls on both alike.
        for nr in range(2000):
            explained = nr % 2 == 0
            if not explained:
                decision.Explanation = steps.RowSteps.add = lambda *_args: None  # type: ignore[assignment,method-assign,misc]
            try:
                began = time.perf_counter()
                self.scheduler.select_destinations(spec, pool)
                taken[explained].append(time.perf_counter() - began)
            finally:
                decision.Explanation, steps.RowSteps.add = kept  # type: ignore[method-assign,misc]
        without = statistics.median(taken[False])
        more = statistics.median(taken[True]) - without
        missed = "MISSED " if more > 0.05 * without else ""
        self.add("an unread explanation", more, note=f"{missed}{more / without:.1%} (target 5%)")

    def large(self, count: int) -> None:
        """Clusters for which Nova is only extrapolated, from the first row's time a host."""
        single = self.nova(request())
        few = self.nova(request(instances=MEASURED_INSTANCES))
        scale = count / self.count
        pool = large_pool(count)
        note = f"Nova: {self.count} hosts measured, times {scale:g}" if single else ""
        specs = self._different()
        self.scheduler.select_destinations(next(specs), pool)
        self.add(
            f"one request, {count} hosts, kept pool",
            median(lambda: self.scheduler.select_destinations(next(specs), pool), 15),
            None if single is None else single * scale,
            note,
            target_s=20e-3,
        )
        many = request(instances=1000)
        spec = spec_of(many)
        self.add(
            f"1000 instances, {count} hosts, kept pool",
            median(lambda: self.scheduler.select_destinations(spec, pool, many["uuids"]), 7),
            None if few is None else few / MEASURED_INSTANCES * 1000 * scale,
            note,
            target_s=100e-3,
        )


def large_pool(count: int) -> HostPool:
    """Hosts from columns, as from a database."""
    chance = np.random.default_rng(20260131)
    ram = chance.choice([128, 256, 512], count) * 1024
    cpus = chance.choice([32, 64, 128], count)
    aggregates = [[facts] for facts in ({"name": f"agg{nr}", "metadata": {"ssd": "true"}} for nr in range(16))]
    return HostPool.from_columns(
        [f"cmp{nr:07}" for nr in range(count)],
        total_usable_ram_mb=ram,
        free_ram_mb=ram - chance.integers(0, 128, count) * 512,
        total_usable_disk_gb=np.full(count, 4000),
        free_disk_mb=4000 * 1024 - chance.integers(0, 2000, count) * 1024,
        vcpus_total=cpus,
        vcpus_used=chance.integers(0, 32, count),
        num_io_ops=chance.integers(0, 4, count),
        hypervisor_type=["QEMU"] * count,
        supported_instances=[[["x86_64", "qemu", "hvm"]]] * count,
        aggregates=[aggregates[nr % 16] for nr in range(count)],
    )


def bytes_a_host(count: int) -> float:
    """What a kept host takes: the object, its columns, and what a decision keeps."""
    facts = cluster(count)
    scheduler = scheduler_of(FILTERS, WEIGHERS)
    tracemalloc.start()
    try:
        pool = HostPool(HostState(**one) for one in facts)
        scheduler.select_destinations(spec_of(request()), pool)
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


# Telling


def told(seconds: float | None) -> str:
    """A time, in the unit that suits it."""
    if seconds is None:
        return "-"
    for unit, least in (("h", 3600.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= least:
            return f"{seconds / least:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def table(rows: list[Row]) -> str:
    """The rows as text; what misses its target says so."""
    lines = [("", "filtersched", "Nova", "ratio", "target", "")]
    for row in rows:
        ratio = row.nova / row.ours if row.nova else None
        wanted = [told(row.target_s)] if row.target_s else []
        wanted += [f"{row.target_ratio:,.0f} x"] if row.target_ratio else []
        missed = (row.target_s is not None and row.ours > row.target_s) or (
            row.target_ratio is not None and ratio is not None and ratio < row.target_ratio
        )
        lines.append(
            (
                row.what,
                told(row.ours),
                told(row.nova),
                f"{ratio:,.0f} x" if ratio and ratio >= 10 else f"{ratio:.2f} x" if ratio else "-",
                ", ".join(wanted) or "-",
                " ".join(part for part in ("MISSED" if missed else "", row.note) if part),
            )
        )
    widths = [max(len(line[at]) for line in lines) for at in range(5)]
    said = []
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(line[at].rjust(widths[at]) for at in range(1, 5)), line[5]]
        said.append("  ".join(cells).rstrip())
    return "\n".join(said)


def machine() -> str:
    """What this was measured on."""
    model = platform.processor() or "unknown"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; Python "
        f"{platform.python_version()}, numpy {np.__version__}, filtersched {importlib.metadata.version('filtersched')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=10_000, help="hosts of the cluster (default 10000)")
    parser.add_argument("--large", type=int, default=1_000_000, help="hosts of the large one; 0 leaves it out")
    options = parser.parse_args()
    python = nova_python()
    peer = NovaPeer(python) if python else None
    print(machine())
    if peer is None:
        print(f"{VARIABLE} names no Python with Nova in it: without Nova, nothing is compared.")
    else:
        print("Nova {nova} on Python {python}, in the same run; answers compared first.".format(**peer.versions()))
    try:
        bench = Bench(options.hosts, peer)
        bench.measure()
        if options.large:
            bench.large(options.large)
    finally:
        if peer is not None:
            peer.close()
    print(f"\n{options.hosts} hosts unless another number is given; medians, of Nova the fastest.", flush=True)
    print("Targets are for 10000 hosts and a machine that does nothing else.")
    print(table(bench.rows))
    memory = bytes_a_host(options.hosts)
    print(f"memory of a kept host, all told: {memory:.0f} bytes (target 1500){' MISSED' if memory > 1500 else ''}")


if __name__ == "__main__":
    main()
