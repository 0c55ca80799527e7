"""What the events of a live cloud cost: hosts that report, groups, refusals that are read.

Hosts are as a site has them: each service with its own heartbeat, own statistics and metrics, up to
eleven instances, traits, two aggregates, no ratio of their own. Each event is first played on a small
cluster with and without the engine; the script ends with an error if the decisions differ. Then it is
timed, and printed beside its goal and as a ratio to an ordinary request of the same run.

    python benchmarks/bench_live.py                       or: tox -e bench
    python benchmarks/bench_live.py --hosts 1000 --large 0    smaller
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.cli.main import main as run_command

NOW = datetime(2026, 1, 31, 12)
FILTERS = [
    "AvailabilityZoneFilter",
    "RamFilter",
    "CoreFilter",
    "DiskFilter",
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
]
SMALL = 150
# An event is repeated for so long: a program that decides all day is not at its first requests.
LEAST_S, MOST_REPEATS = 0.3, 1000


class Event(NamedTuple):
    """One line of the table.

    act : what is timed, given the pool and the number of the repetition; returns what is compared.
    prepare : what happens before each repetition, not timed.
    goal_s : seconds at 10,000 hosts, or None.
    """

    what: str
    act: Callable[[FilterScheduler, HostPool, int], Any]
    prepare: Callable[[HostPool, int], None] | None = None
    goal_s: float | None = None
    extra_filters: tuple[str, ...] = ()
    extra_weighers: tuple[str, ...] = ()
    options: dict[str, Any] = {}


# The cluster and the requests


def live_host(nr: int, chance: random.Random) -> dict[str, Any]:
    """One host of a site, as plain data."""
    ram, cpus = chance.choice([128, 256, 512]) * 1024, chance.choice([32, 64, 128])
    instances = {
        f"old-{nr}-{place}": {"project_id": f"p{chance.randrange(200)}", "instance_type_id": chance.randrange(12)}
        for place in range(chance.randrange(12))
    }
    return {
        "host": f"cmp{nr:06}",
        "host_ip": f"10.{nr >> 16}.{nr >> 8 & 255}.{nr & 255}",
        "total_usable_ram_mb": ram,
        "free_ram_mb": ram - chance.randrange(0, ram // 2, 512),
        "total_usable_disk_gb": 4000,
        "free_disk_mb": 4000 * 1024 - chance.randrange(0, 2000 * 1024, 1024),
        "vcpus_total": cpus,
        "vcpus_used": chance.randrange(cpus),
        "num_instances": len(instances),
        "num_io_ops": chance.randrange(4),
        "hypervisor_type": "QEMU",
        "hypervisor_version": 6002000 + nr % 3,
        "supported_instances": [["x86_64", "kvm", "hvm"], ["i686", "kvm", "hvm"]],
        "instances": instances,
        "aggregates": [
            {"name": f"az{nr % 3}", "metadata": {"availability_zone": f"az{nr % 3}"}},
            {"name": f"rack{nr % 50}", "metadata": {"rack": str(nr % 50)}},
        ],
        "traits": [f"HW_CPU_{chance.choice('ABCD')}", "COMPUTE_NODE"],
        "service": {"disabled": nr % 100 == 7, "last_seen_up": NOW - timedelta(seconds=chance.random() * 20)},
        "stats": {
            "num_instances": str(len(instances)),
            "io_workload": "0",
            "cpu": chance.random(),
            "speed": 2000 + nr % 1000,
        },
        "metrics": {"cpu.percent": chance.random(), "net.load": chance.random()},
        "resources": {"CUSTOM_FPGA": [4, nr % 5]},
    }


def live_pool(count: int) -> HostPool:
    """A pool of such hosts, the same every time."""
    chance = random.Random(20260131)
    return HostPool(HostState(**live_host(nr, chance)) for nr in range(count))


def request(**changed: Any) -> RequestSpec:
    """An ordinary request, but for what is changed."""
    asked: dict[str, Any] = {
        "flavor": {"memory_mb": 2048, "vcpus": 2, "root_gb": 20},
        "image": {"id": "img", "properties": {"hw_architecture": "x86_64", "img_hv_type": "kvm"}},
        "project_id": "p1",
        "now": NOW,
    }
    return RequestSpec(**asked | changed)


def flavor(nr: int, **extra_specs: str) -> dict[str, Any]:
    """A flavor that differs from all others."""
    return {"memory_mb": 1024 + nr, "vcpus": 1 + nr % 4, "root_gb": 10, "extra_specs": extra_specs}


def hosts_of(selections: Any) -> list[str]:
    """What is compared of a decision."""
    return [one.host for one in selections]


# The events


def decide(spec: Callable[[int], RequestSpec], **how: Any) -> Callable[[FilterScheduler, HostPool, int], Any]:
    """A decision that is not committed."""
    return lambda scheduler, pool, nr: hosts_of(scheduler.select_destinations(spec(nr), pool, seed=nr, **how))


def place(spec: Callable[[int], RequestSpec]) -> Callable[[FilterScheduler, HostPool, int], Any]:
    """A decision that is committed."""
    return lambda scheduler, pool, nr: hosts_of(scheduler.place(spec(nr), pool, seed=nr))


_Step = Callable[[FilterScheduler, HostPool, int], Any]


def place_together(count: int) -> tuple[_Step, Callable[[HostPool, int], None]]:
    """Different requests in one step: act, and prepare, which takes off again what was placed."""
    placed: list[str] = []

    def prepare(pool: HostPool, nr: int) -> None:
        # The first repetition is on another pool.
        if nr:
            pool.release(placed)
        placed.clear()

    def act(scheduler: FilterScheduler, pool: HostPool, nr: int) -> Any:
        specs = [request(flavor=flavor(nr + step), project_id=f"p{step % 20}") for step in range(count)]
        found = [one for each in scheduler.place_all(specs, pool, seed=nr) for one in each]
        placed.extend(one.instance_uuid for one in found)
        return hosts_of(found)

    return act, prepare


def report(count: int) -> Callable[[HostPool, int], None]:
    """So many hosts report, each its heartbeat, figures and metrics."""

    def reported(pool: HostPool, nr: int) -> None:
        hosts = list(pool)
        for step in range(count):
            host = hosts[(nr * 7919 + step * 104729) % len(hosts)]
            pool.update(
                host.host,
                service={"disabled": False, "last_seen_up": NOW + timedelta(seconds=nr % 5)},
                free_ram_mb=host.free_ram_mb - 64 * (nr % 3 - 1),
                stats={**host.stats, "num_instances": str(host.num_instances), "cpu": nr / 1000},
                metrics={"cpu.percent": nr / 1000, "net.load": step / 1000},
            )

    return reported


def refuse(scheduler: FilterScheduler, pool: HostPool, nr: int) -> Any:
    """A refusal whose text is read."""
    try:
        scheduler.select_destinations(request(flavor={"memory_mb": 10**7 + nr}), pool)
    except NoValidHost as refusal:
        return str(refusal)
    raise SystemExit("a request that no host can take was placed")


def replace_host(pool: HostPool, nr: int) -> None:
    """A host goes and another comes."""
    gone = pool.remove(next(iter(pool)).host)
    fresh = live_host(nr, random.Random(nr))
    pool.add(HostState(**fresh | {"host": f"new-{gone.host}-{nr}"}))


def pickled() -> tuple[Callable[[FilterScheduler, HostPool, int], Any], Callable[[HostPool, int], None]]:
    """Pickling a selection that was decided before: act and prepare."""
    kept: list[Any] = []
    scheduler = scheduler_for(Event("", decide(lambda _nr: request())))

    def prepare(pool: HostPool, nr: int) -> None:
        kept[:] = scheduler.select_destinations(request(), pool, seed=nr)

    return lambda _scheduler, _pool, _nr: hosts_of(pickle.loads(pickle.dumps(kept))), prepare


def group(policy: str, size: int) -> dict[str, Any]:
    """A server group with some members on hosts already."""
    return {"policy": policy, "uuid": "g1", "members": [f"old-{nr}-0" for nr in range(size)], "hosts": []}


DIFFERENT = {
    "PlainInstanceWeigher": (
        lambda nr: request(flavor=flavor(nr), project_id=f"p{nr % 200}"),
        (),
        ("PlainInstanceWeigher",),
    ),
    "JsonFilter": (
        lambda nr: request(scheduler_hints={"query": json.dumps([">=", "$free_ram_mb", 4096 + nr])}),
        ("JsonFilter",),
        (),
    ),
    "SimpleCIDRAffinityFilter": (
        lambda nr: request(scheduler_hints={"build_near_host_ip": f"10.0.{nr % 30}.{nr % 251}", "cidr": "/24"}),
        ("SimpleCIDRAffinityFilter",),
        (),
    ),
    "ComputeCapabilitiesFilter": (
        lambda nr: request(flavor=flavor(nr, **{"capabilities:speed": f">= {2000 + nr % 900}"})),
        (),
        (),
    ),
    "ProjectSpreadWeigher": (lambda nr: request(project_id=f"p{nr % 200}"), (), ("ProjectSpreadWeigher",)),
    "TypeAffinityFilter": (lambda nr: request(flavor={**flavor(nr), "id": nr % 12}), ("TypeAffinityFilter",), ()),
    "ResourceFilter": (
        lambda nr: request(flavor=flavor(nr, **{"resources:CUSTOM_FPGA": str(1 + nr % 3)})),
        ("ResourceFilter",),
        (),
    ),
    "zone, among services that all differ": (
        lambda nr: request(flavor=flavor(nr), availability_zone=f"az{nr % 3}"),
        (),
        (),
    ),
    "RetryFilter": (
        lambda nr: request(retry={"num_attempts": 2, "hosts": [[f"cmp{nr:06}", f"cmp{nr:06}"]]}),
        ("RetryFilter",),
        (),
    ),
    "DifferentHostFilter": (
        lambda nr: request(scheduler_hints={"different_host": [f"old-{nr}-0"]}),
        ("DifferentHostFilter",),
        (),
    ),
}


def events() -> Iterator[Event]:
    """The table's lines, the ordinary request first."""
    same, new = decide(lambda _nr: request()), decide(lambda nr: request(flavor=flavor(nr), project_id=f"p{nr}"))
    yield Event("one request, hosts unchanged, of a kind seen before", same, goal_s=60e-6)
    yield Event("  of a new kind", new, goal_s=125e-6)
    yield Event(
        "different requests in a row, each committed", place(lambda nr: request(flavor=flavor(nr))), goal_s=125e-6
    )
    for count, goal in ((1, 0.25e-3), (17, 0.6e-3), (167, 2e-3)):
        yield Event(f"one request after {count} hosts reported", same, report(count), goal)
    yield Event("one request after 1000 hosts × 8 assignments", same, eight_assignments, 25e-3)
    for policy in ("soft-affinity", "soft-anti-affinity"):
        weighers = ("ServerGroupSoftAffinityWeigher", "ServerGroupSoftAntiAffinityWeigher")
        soft = group(policy, 20)
        yield Event(
            f"{policy} group: one",
            decide(lambda _nr, soft=soft: request(instance_group=soft)),
            None,
            0.15e-3,
            (),
            weighers,
        )
        many = decide(lambda _nr, soft=soft: request(instance_group=soft, num_instances=100))
        yield Event(f"{policy} group: 100 instances", many, None, 8e-3, (), weighers)
    odd = decide(lambda nr: request(flavor=flavor(nr, **{f"acme_{nr}": "1"})))
    yield Event("a flavor with an unscoped extra spec that no host knows", odd, goal_s=60e-6)
    yield Event("a refusal, decided and read", refuse, goal_s=1e-3)
    for name, (spec, filters, weighers) in DIFFERENT.items():
        yield Event(f"each request different: {name}", decide(spec), None, 0.5e-3, filters, weighers)
    yield Event("with alternates", decide(lambda _nr: request(), return_alternates=True), goal_s=0.3e-3)
    subset = {"host_subset_size": 10}
    yield Event("host_subset_size = 10: one", same, goal_s=0.3e-3, options=subset)
    yield Event(
        "host_subset_size = 10: 100", decide(lambda _nr: request(num_instances=100)), goal_s=10e-3, options=subset
    )
    yield Event('explain="full": one', decide(lambda _nr: request(), explain="full"), goal_s=20e-3)
    yield Event("one request after a host went and another came", same, replace_host, 2e-3)
    yield Event("pickle of a placed selection, and back", *pickled(), 0.1e-3)
    yield Event("200 different requests in one step", *place_together(200), 40e-3)
    yield Event("1000 instances", decide(lambda _nr: request(num_instances=1000)), goal_s=15e-3)


def eight_assignments(pool: HostPool, nr: int) -> None:
    """A thousand hosts are assigned to, attribute by attribute."""
    for place, host in enumerate(pool):
        if place == 1000:
            break
        host.free_ram_mb -= 1
        host.free_disk_mb -= 1
        host.vcpus_used = (host.vcpus_used + 1) % 8
        host.num_io_ops = nr % 3
        host.num_instances += 1
        host.stats = {"cpu": str(nr)}
        host.metrics = {"cpu.percent": float(nr)}
        host.service = {"disabled": False, "last_seen_up": NOW}


# Measuring


def scheduler_for(event: Event, *, use_engine: bool = True) -> FilterScheduler:
    """A scheduler with the event's plug-ins."""
    chosen = {"weight_classes": ["RAMWeigher", "CPUWeigher", "DiskWeigher", "IoOpsWeigher", *event.extra_weighers]}
    conf = make_conf(enabled_filters=[*FILTERS, *event.extra_filters], **chosen, **event.options)
    return FilterScheduler(conf, use_engine=use_engine)


def check(event: Event) -> None:
    """End with an error where engine and handlers differ."""
    answers = []
    for use_engine in (True, False):
        scheduler, pool = scheduler_for(event, use_engine=use_engine), live_pool(SMALL)
        answers.append([_once(event, scheduler, pool, nr)[1] for nr in range(3)])
    if answers[0] != answers[1]:
        raise SystemExit(f"{event.what}: engine and handlers differ")


def _once(event: Event, scheduler: FilterScheduler, pool: HostPool, nr: int) -> tuple[float, Any]:
    if event.prepare is not None:
        event.prepare(pool, nr)
    began = time.perf_counter()
    try:
        answer = event.act(scheduler, pool, nr)
    except NoValidHost as refusal:
        answer = str(refusal)
    return time.perf_counter() - began, answer


def timed(event: Event, pool: HostPool, repeats: int) -> list[float]:
    """Seconds of each repetition, the first two left out: so many, and more of what is fast."""
    scheduler, taken = scheduler_for(event), list[float]()
    began = time.perf_counter()
    while len(taken) < repeats + 2 or (len(taken) < MOST_REPEATS and time.perf_counter() - began < LEAST_S):
        taken.append(_once(event, scheduler, pool, len(taken))[0])
    return taken[2:]


def million(count: int) -> Iterator[tuple[str, float, float]]:
    """Rows of a pool made from columns: what, seconds, goal."""
    chance = np.random.default_rng(1)
    ram = chance.choice([128, 256, 512], count) * 1024
    pool = HostPool.from_columns(
        [f"h{nr}" for nr in range(count)],
        total_usable_ram_mb=ram,
        free_ram_mb=ram - chance.integers(0, 60_000, count),
        vcpus_total=np.full(count, 64),
        vcpus_used=chance.integers(0, 64, count),
        total_usable_disk_gb=np.full(count, 4000),
        free_disk_mb=np.full(count, 3_000_000),
    )
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter", "CoreFilter", "DiskFilter"]))
    for _ in range(3):
        scheduler.place(request(), pool)
    began = time.perf_counter()
    for nr in range(100):
        scheduler.place(request(flavor=flavor(nr)), pool)
    yield f"hosts without ratios, each committed, {count:,} hosts", (time.perf_counter() - began) / 100, 0.5e-3
    began = time.perf_counter()
    scheduler.select_destinations(request(), pool, return_alternates=True)
    yield f"with alternates, first call, {count:,} hosts from columns", time.perf_counter() - began, 1e-3


def reading(count: int) -> tuple[str, float, float]:
    """Reading realistic hosts from JSON Lines: what, seconds, goal; the memory of a host is part of what."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hosts.jsonl")
        chance = random.Random(1)
        with path.open("w") as file:
            for nr in range(count):
                file.write(json.dumps(live_host(nr, chance), default=str) + "\n")
        # In a separate process, so that nothing else is in memory.
        told = subprocess.run([sys.executable, "-c", _READ, path], capture_output=True, text=True, check=True).stdout
        seconds, size = map(float, told.split())
        what = f"reading {count:,} realistic hosts of JSON Lines; {size:.1f} kB a host, goal 3"
        return what, seconds, 6.0 * count / 100_000


_READ = """
import os, sys, time
from filtersched.inventory import read_hosts

def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before, began = resident(), time.perf_counter()
hosts = list(read_hosts(sys.argv[1]))
print(time.perf_counter() - began, (resident() - before) / len(hosts) / 1000)
"""


def saving(count: int) -> Iterator[tuple[str, float, float | None]]:
    """A pool saved and loaded, three instances on each host: what, seconds of processor time, goal."""
    chance = random.Random(1)
    flavors = [Flavor(memory_mb=1024 * size, vcpus=size) for size in (1, 2, 4)]
    pool = HostPool(HostState(**live_host(nr, chance) | {"instances": ()}) for nr in range(count))
    for host in pool:
        pool.adopt(host.host, [Instance(f"{host.host}-{flavor.vcpus}", flavor=flavor) for flavor in flavors])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pool.jsonl")
        began = time.process_time()
        pool.run(pool._saved)
        locked = time.process_time() - began
        began = time.process_time()
        pool.save(path)
        saved = time.process_time() - began
        what = f"{count:,} hosts and {3 * count:,} instances"
        size = path.stat().st_size / 1e6
        yield f"saving {what}: under the lock", locked, None
        yield f"saving {what}, {size:.0f} MB", saved, 10.0 * count / 100_000
        began = time.process_time()
        loaded = HostPool.load(path)
        yield f"loading {what}", time.process_time() - began, 10.0 * count / 100_000
        if [host.to_dict() for host in loaded] != [host.to_dict() for host in pool]:
            raise SystemExit("the pool that was loaded is not the one that was saved")


def command(trace: Path) -> Iterator[tuple[str, float, float]]:
    """A trace placed by the command, hosts.jsonl and requests.jsonl of a folder: what, seconds a request, goal."""
    requests = trace / "requests.jsonl"
    with requests.open() as lines:
        count = sum(1 for _ in lines)
    asked = ["schedule", "--inventory", str(trace / "hosts.jsonl"), "--requests", str(requests)]
    with tempfile.TemporaryDirectory() as folder:
        output = ["--output", str(Path(folder, "placed.jsonl"))]
        for what, more, goal in (("text", [], 1 / 8000), ("with --output", output, 1 / 6000)):
            began = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                run_command([*asked, *more])
            yield f"one of {count:,} requests of the command, {what}", (time.perf_counter() - began) / count, goal


def main() -> None:
    """Check, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000, help="hosts of the pool made from columns; 0 skips it")
    parser.add_argument("--read", type=int, default=100_000, help="hosts to read from a file; 0 skips it")
    parser.add_argument("--save", type=int, default=10_000, help="hosts of a pool to save and load; 0 skips it")
    parser.add_argument("--trace", type=Path, default=None, help="folder with hosts.jsonl and requests.jsonl")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", default="", help="only events whose text contains this")
    args = parser.parse_args()
    rows: list[tuple[str, float, float, float | None]] = []
    for event in events():
        if args.only not in event.what:
            continue
        check(event)
        taken = timed(event, live_pool(args.hosts), args.repeats)
        rows.append((event.what, statistics.median(taken), max(taken), event.goal_s))
        print(".", end="", file=sys.stderr, flush=True)
    rows += [(what, seconds, seconds, goal) for what, seconds, goal in (million(args.large) if args.large else ())]
    if args.read:
        what, seconds, goal = reading(args.read)
        rows.append((what, seconds, seconds, goal))
    rows += [(what, seconds, seconds, goal) for what, seconds, goal in (saving(args.save) if args.save else ())]
    rows += [(what, seconds, seconds, goal) for what, seconds, goal in (command(args.trace) if args.trace else ())]
    ordinary = rows[0][1]
    print(f"\n{args.hosts:,} hosts; median and longest of at least {args.repeats}, in ms\n")
    print("| event | median | longest | × ordinary | goal | |\n|---|---|---|---|---|---|")
    for what, median, longest, goal_s in rows:
        goal = "" if goal_s is None else f"{goal_s * 1000:.3g}"
        verdict = "" if goal_s is None else ("met" if median <= goal_s else "missed")
        print(f"| {what} | {median * 1000:.3f} | {longest * 1000:.3f} | {median / ordinary:.1f} | {goal} | {verdict} |")


if __name__ == "__main__":
    main()
