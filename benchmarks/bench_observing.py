"""What metrics and spans cost a decision, and what a scrape costs.

First two schedulers, one with metrics, answer the same requests; the script ends with an error if the answers
differ. Then it times what is added to a decision: the CPU time of the deciding thread, the least of many rounds.
Spans are made by OpenTelemetry's SDK, and its exporter drops them.

    python benchmarks/bench_observing.py
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Metrics,
    NoValidHost,
    Observer,
    RequestSpec,
    Traces,
    make_conf,
)

FILTERS = ["AvailabilityZoneFilter", "RamFilter", "CoreFilter", "DiskFilter", "ComputeFilter", "NumInstancesFilter"]
GOAL_US = 3.0


def cloud(count: int) -> HostPool:
    """Hosts of three zones, without a service, so that none is down."""
    return HostPool(
        HostState(
            f"cmp{nr:06}",
            total_usable_ram_mb=262144,
            free_ram_mb=262144,
            vcpus_total=64,
            total_usable_disk_gb=4000,
            free_disk_mb=4000 * 1024,
            aggregates=[{"name": f"az{nr % 3}", "metadata": {"availability_zone": f"az{nr % 3}"}}],
        )
        for nr in range(count)
    )


def scheduler_with(observer: Observer | None) -> FilterScheduler:
    scheduler = FilterScheduler(make_conf(enabled_filters=FILTERS, ram_allocation_ratio=1.0))
    scheduler.observer = observer
    return scheduler


def answer(scheduler: FilterScheduler, pool: HostPool, spec: RequestSpec) -> Any:
    """Where a request was placed, or why it was not."""
    try:
        return [one.host for one in scheduler.place(spec, pool)]
    except NoValidHost as refusal:
        return str(refusal)


def refused_by(scheduler: FilterScheduler, pool: HostPool) -> NoValidHost:
    try:
        scheduler.place(RequestSpec(Flavor(memory_mb=1 << 30)), pool)
    except NoValidHost as refusal:
        return refusal
    raise AssertionError("a host took a request that is larger than all hosts")


def requests(count: int) -> list[RequestSpec]:
    chance = random.Random(1)
    return [
        RequestSpec(
            Flavor(memory_mb=chance.choice([2048, 16384, 1 << 30]), vcpus=chance.choice([1, 8])),
            availability_zone=chance.choice([None, "az0", "az1", "az9"]),
            instance_uuid=f"i-{nr}",
        )
        for nr in range(count)
    ]


def least(act: Callable[[], object], rounds: int, calls: int = 2000) -> float:
    """Microseconds of CPU time a call takes, in the best round."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(calls):
            act()
        best = min(best, (time.thread_time() - began) / calls)
    return 1e6 * best


def added(observer: Observer, refusal: NoValidHost, rounds: int) -> tuple[float, float]:
    """What an observer adds to a decision that places, and to one that is refused."""
    spec = RequestSpec(Flavor(memory_mb=64))
    selections = scheduler_with(None).select_destinations(spec, cloud(1))

    def placed() -> None:
        observer.decision_ends("place", observer.decision_begins("place", spec), selections, None)

    def not_placed() -> None:
        # Counting it again costs the same: nothing is cached.
        observer.decision_ends("place", observer.decision_begins("place", spec), (), refusal)

    return least(placed, rounds), least(not_placed, rounds)


def span_observer() -> Observer | None:
    """Traces by OpenTelemetry's SDK; None where it is not installed."""
    try:
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        return None
    return Traces(TracerProvider().get_tracer("bench"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    plain, counted = (scheduler_with(one) for one in (None, metrics))
    pools = cloud(given.hosts), cloud(given.hosts)
    metrics.watch(pools[1])
    for spec in requests(given.requests):
        answers = answer(plain, pools[0], spec), answer(counted, pools[1], spec)
        if answers[0] != answers[1]:
            print(f"{spec.instance_uuid}: {answers[0]}, and with metrics {answers[1]}", file=sys.stderr)
            return 1
    refusal = refused_by(plain, pools[0])
    print(f"{given.requests:,} requests on {given.hosts:,} hosts: the answers with metrics and without are equal")
    on, refused = added(metrics, refusal, given.rounds)
    print(f"metrics add {on:.2f} µs to a decision, {refused:.2f} µs to a refusal (goal: {GOAL_US:g} µs)")
    spans = span_observer()
    if spans is not None:
        on, refused = added(spans, refusal, given.rounds)
        print(f"spans add {on:.1f} µs to a decision, {refused:.1f} µs to a refusal")
    scrape = least(lambda: generate_latest(registry), given.rounds, 20)
    print(f"a scrape takes {scrape / 1000:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
