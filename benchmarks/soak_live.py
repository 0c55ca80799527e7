"""An hour of a live cloud: how long requests wait, how long anything pauses, and how much memory there is.

Hosts report, instances are placed and released, servers of all kinds are asked for, some requests are
refused and their reasons read, hosts go and others come; how much is asked for follows the hours of a
day, pressed into the run. Everything happens as fast as it can, in the order of simulated time.

    python benchmarks/soak_live.py --simulated 3600           the whole hour
    python benchmarks/soak_live.py --hosts 500 --simulated 5  seconds, as the tests do
    … --picture docs/images/soak.svg                          and a picture of it
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import json
import math
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from bench_live import FILTERS, NOW, live_host, live_pool
from soak_picture import picture

from filtersched import FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, Selection, make_conf

REPORTS_A_SECOND = 167
REQUESTS_A_SECOND = 20
# Hosts that go, and hosts that come, each so many seconds.
REPLACED_EVERY = 30
# In a minute every host reports once and is made of new objects: too many to look at in one pause.
FREEZE_EVERY = 5
LIFE_S = 120.0
GOAL_PAUSE_S = 0.05
# What waits for the processor is not this program's on a machine that others use too.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.thread_time}
MORE_FILTERS = ["JsonFilter", "DifferentHostFilter", "RetryFilter", "TypeAffinityFilter", "SimpleCIDRAffinityFilter"]
WEIGHERS = [
    "RAMWeigher",
    "CPUWeigher",
    "DiskWeigher",
    "IoOpsWeigher",
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
]


KINDS = (
    *("plain",) * 10,
    *("several instances", "anti-affinity", "soft-anti-affinity", "soft-affinity", "zone", "query"),
    *("different host", "retry", "too large", "address", "alternates"),
)


class Window(NamedTuple):
    """One part of the run.

    requests : how many; latencies in seconds.
    pause, paused_by : the longest that anything took, and what.
    collection : the longest collection of garbage, seconds.
    """

    began: float
    requests: int
    refused: int
    median: float
    p99: float
    longest: float
    pause: float
    paused_by: str
    collection: float
    megabytes: float


class Cloud:
    """The pool, who asks of it, and how long everything takes."""

    def __init__(self, hosts: int, seed: int, clock: Callable[[], float], check_every: int) -> None:
        self.clock = clock
        self.chance = random.Random(seed)
        self.pool: HostPool = live_pool(hosts)
        self.names = [host.host for host in self.pool]
        conf = make_conf(enabled_filters=[*FILTERS, *MORE_FILTERS], weight_classes=WEIGHERS, max_attempts=3)
        self.scheduler = FilterScheduler(conf)
        self.plain = FilterScheduler(conf, use_engine=False)
        self.check_every, self.asked = check_every, 0
        self.at_first = {host.host: taken(host) for host in self.pool}
        self.leaving: list[tuple[float, int, Selection]] = []
        self.order = itertools.count()
        self.now = 0.0
        self.took: list[float] = []
        self.refused = 0
        self.pauses: list[tuple[float, str]] = []

    def timed(self, what: str, act: Callable[[], Any]) -> float:
        """Seconds that it took; noted as a pause too."""
        began = self.clock()
        act()
        took = self.clock() - began
        self.pauses.append((took, what))
        return took

    # What happens

    def second(self, number: int, share: float) -> None:
        """One simulated second; `share` is how far the day has come, 0 to 1."""
        self.now = float(number)
        for _ in range(REPORTS_A_SECOND):
            self.timed("a report", self.report)
        while self.leaving and self.leaving[0][0] <= self.now:
            selection = heapq.heappop(self.leaving)[2]
            if (selection.host, selection.nodename) in self.pool:
                self.timed("a release", lambda one=selection: self.pool.release(one))
        # Nights are half as busy as the average, days half as busy again.
        wanted = REQUESTS_A_SECOND * (1 - 0.5 * math.cos(2 * math.pi * share))
        for _ in range(int(wanted) + (self.chance.random() < wanted % 1)):
            kind, spec = self.request()
            self.asked += 1
            if self.check_every and self.asked % self.check_every == 0:
                self.check(spec)
            self.took.append(self.timed(f"a request, {kind}", lambda one=spec, kind=kind: self.place(one, kind)))
        if number % REPLACED_EVERY == REPLACED_EVERY - 1:
            self.timed("a host that goes", self.remove_host)
            self.timed("a host that comes", lambda: self.add_host(number))

    def report(self) -> None:
        """A host reports as compute services do: heartbeat, figures, statistics, metrics."""
        host = self.pool[self.chance.choice(self.names)]
        self.pool.update(
            host.host,
            service={"disabled": False, "last_seen_up": NOW + timedelta(seconds=self.now)},
            num_io_ops=self.chance.randrange(4),
            stats={**host.stats, "cpu": self.chance.random()},
            metrics={"cpu.percent": self.chance.random(), "net.load": self.chance.random()},
        )

    def request(self) -> tuple[str, RequestSpec]:
        """The kind of a request, and the request."""
        chance = self.chance
        asked: dict[str, Any] = {
            "flavor": {
                "id": chance.randrange(12),
                "memory_mb": 512 * chance.randrange(1, 17),
                "vcpus": chance.choice([1, 1, 2, 4]),
                "root_gb": 10,
                "extra_specs": chance.choice([{}, {}, {"capabilities:speed": f">= {2000 + chance.randrange(500)}"}]),
            },
            "project_id": f"p{chance.randrange(200)}",
            "now": NOW + timedelta(seconds=self.now),
        }
        kind = chance.choice(KINDS)
        if kind == "several instances":
            asked["num_instances"] = chance.choice([3, 10, 50])
        elif kind.endswith("affinity"):
            members = [f"old-{chance.randrange(5000)}-0" for _ in range(10)]
            asked["instance_group"] = {"policy": kind, "uuid": "g", "members": members, "hosts": []}
        elif kind == "zone":
            asked["availability_zone"] = chance.choice(["az0", "az1", "az2"])
        elif kind == "query":
            query = [">=", "$free_ram_mb", 1024 * chance.randrange(1, 64)]
            asked["scheduler_hints"] = {"query": json.dumps(query)}
        elif kind == "different host":
            asked["scheduler_hints"] = {"different_host": [f"old-{chance.randrange(5000)}-0"]}
        elif kind == "retry":
            name = chance.choice(self.names)
            asked["retry"] = {"num_attempts": 2, "hosts": [[name, name]]}
        elif kind == "too large":
            asked["flavor"]["memory_mb"] = 10**7 + chance.randrange(100)
        elif kind == "address":
            asked["scheduler_hints"] = {"build_near_host_ip": f"10.0.{chance.randrange(30)}.1", "cidr": "/22"}
        return kind, RequestSpec(**asked)

    def place(self, spec: RequestSpec, kind: str) -> None:
        """Place it; read why if there is no host."""
        try:
            selections = self.scheduler.place(spec, self.pool, return_alternates=kind == "alternates")
        except NoValidHost as refusal:
            self.refused += 1
            str(refusal)
            return
        for selection in selections:
            ends = self.now + self.chance.expovariate(1 / LIFE_S)
            heapq.heappush(self.leaving, (ends, next(self.order), selection))

    def check(self, spec: RequestSpec) -> None:
        """End with an error if engine and handlers differ about a request."""
        answers = []
        for scheduler in (self.scheduler, self.plain):
            try:
                uuids = [f"check-{nr}" for nr in range(spec.num_instances)]
                chosen = scheduler.select_destinations(spec, self.pool, uuids, seed=1)
                answers.append(str([(one.host, one.weight) for one in chosen]))
            except NoValidHost as refusal:
                answers.append(str(refusal))
        if answers[0] != answers[1]:
            raise SystemExit(f"engine and handlers differ: {answers[0]} and {answers[1]}")

    def end(self) -> None:
        """Release everything; end with an error unless what hosts had at first is free again."""
        for _ends, _order, selection in self.leaving:
            if (selection.host, selection.nodename) in self.pool:
                self.pool.release(selection)
        odd = [host.host for host in self.pool if self.at_first.get(host.host, taken(host)) != taken(host)]
        if odd:
            raise SystemExit(f"{len(odd)} hosts are not as they were at first, such as {odd[0]}")

    def remove_host(self) -> None:
        """A host goes, with what is on it."""
        name = self.names.pop(self.chance.randrange(len(self.names)))
        self.pool.remove(name)

    def add_host(self, number: int) -> None:
        """Another comes."""
        fresh = live_host(number, self.chance) | {"host": f"new-{number}", "instances": {}, "num_instances": 0}
        fresh["service"] = {"disabled": False, "last_seen_up": NOW + timedelta(seconds=self.now)}
        self.pool.add(HostState(**fresh))
        self.names.append(fresh["host"])


def taken(host: HostState) -> tuple[Any, ...]:
    """What instances take of a host."""
    return host.free_ram_mb, host.free_disk_mb, host.vcpus_used, host.num_instances, len(host.instances)


# Measuring


class Collections:
    """The longest collection of garbage since it was last asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = 0.0
        self._longest = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = self._clock()
        else:
            self._longest = max(self._longest, self._clock() - self._began)

    def longest(self) -> float:
        """Seconds."""
        found, self._longest = self._longest, 0.0
        return found


def megabytes() -> float:
    """Memory of this process, resident; 0.0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(args: argparse.Namespace) -> Iterator[Window]:
    """The windows of a run, one after another; fewer where it takes longer than allowed."""
    clock = CLOCKS[args.clock]
    cloud = Cloud(args.hosts, args.seed, clock, args.check_every)
    # The first decisions build what is kept from then on.
    for number in range(3):
        cloud.second(number, 0.0)
    prepare_gc(args.gc)
    collections = Collections(clock)
    ends = time.monotonic() + args.at_most
    size = max(1, args.simulated // args.windows)
    for begin in range(0, args.simulated, size):
        cloud.took, cloud.pauses, cloud.refused = [], [], 0
        for number in range(begin, min(begin + size, args.simulated)):
            if args.gc == "freeze" and number % FREEZE_EVERY == 0:
                gc.freeze()
            cloud.second(3 + number, number / args.simulated)
        took = sorted(cloud.took)
        pause, paused_by = max(cloud.pauses)
        yield Window(
            float(begin),
            len(took),
            cloud.refused,
            statistics.median(took),
            took[len(took) * 99 // 100],
            took[-1],
            pause,
            paused_by,
            collections.longest(),
            megabytes(),
        )
        if time.monotonic() > ends:
            break
    cloud.end()


def prepare_gc(how: str) -> None:
    """Treat the collector of garbage as docs/pools.md says, or leave it alone."""
    if how == "freeze":
        gc.collect()
        gc.freeze()


def main() -> None:
    """Run, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--simulated", type=int, default=3600, help="seconds of the cloud's time")
    parser.add_argument("--at-most", type=float, default=math.inf, help="end after so many real seconds")
    parser.add_argument("--windows", type=int, default=60, help="how many points the run is told in")
    parser.add_argument("--gc", choices=("default", "freeze"), default="freeze")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="cpu: on a machine with other work")
    parser.add_argument("--check-every", type=int, default=1000, help="compare every so many requests; 0: none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, default=None, help="write a picture of the run to this file")
    args = parser.parse_args()
    began = time.monotonic()
    print("| second | requests | refused | median ms | 99 % ms | longest ms | pause ms | by | collection ms | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    windows = []
    for window in run(args):
        windows.append(window)
        times = (window.median, window.p99, window.longest, window.pause)
        figures = " | ".join(f"{1000 * seconds:.2f}" for seconds in times)
        print(
            f"| {window.began:.0f} | {window.requests} | {window.refused} | {figures} | {window.paused_by} "
            f"| {1000 * window.collection:.1f} | {window.megabytes:.0f} |",
            flush=True,
        )
    worst = max(windows, key=lambda one: one.pause)
    seconds = time.monotonic() - began
    simulated = round(windows[-1].began) + max(1, args.simulated // args.windows)
    what = (
        f"{args.hosts:,} hosts, {simulated:,} simulated seconds run in {seconds:.0f} s, "
        f"{sum(one.requests for one in windows):,} requests, {simulated * REPORTS_A_SECOND:,} reports; "
        f"garbage collection: {args.gc}; {args.clock} times; Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    print(f"\n{what}")
    verdict = "met" if worst.pause <= GOAL_PAUSE_S else "missed"
    print(f"longest pause {1000 * worst.pause:.1f} ms, by {worst.paused_by}; goal {1000 * GOAL_PAUSE_S:.0f}: {verdict}")
    print(f"memory {windows[0].megabytes:.0f} MB in the first window, {windows[-1].megabytes:.0f} MB in the last")
    if args.picture is not None:
        args.picture.write_text(picture(windows, what, goal_s=GOAL_PAUSE_S), encoding="utf-8")


if __name__ == "__main__":
    main()
