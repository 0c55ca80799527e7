"""What rules of groups cost on 10,000 hosts, beside a plain request: milliseconds of processor time, the median."""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from filtersched import FilterScheduler, Flavor, HostPool, HostState, InstanceGroup, RequestSpec, make_conf


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def rack_pool(count: int) -> HostPool:
    """Hosts in 50 racks, of two groups a member on every hundredth."""
    chance = random.Random(1)
    pool = HostPool(
        RackHost(
            f"h{at}",
            rack=f"r{at % 50}",
            total_usable_ram_mb=262144,
            free_ram_mb=262144 - chance.randrange(0, 131072, 512),
            vcpus_total=64,
            vcpus_used=chance.randrange(32),
        )
        for at in range(count)
    )
    for at in range(0, count, 100):
        pool.adopt(f"h{at}", [{"uuid": f"m{at}", "groups": [("db", "cache")[at // 100 % 2]]}])
    return pool


# What, how many instances, the group's policy and rules.
CASES: tuple[tuple[str, int, str | None, dict[str, Any]], ...] = (
    ("a plain request", 1, None, {}),
    ("anti-affinity", 1, "anti-affinity", {}),
    ("apart from a group, by host", 1, None, {"apart_from": "db"}),
    ("together with a group, by rack", 1, None, {"together_with": {"group": "db", "domain": "rack"}}),
    ("together in a rack, looking ahead", 3, None, {"together": "rack", "lookahead": True}),
    ("together on a host, looking ahead", 3, None, {"together": "host", "lookahead": True}),
    ("a plain request", 1000, None, {}),
    ("anti-affinity, apart from a group by rack", 1000, "anti-affinity", {"apart_from": "queue", "domain": "rack"}),
    ("together in a rack, looking ahead", 1000, None, {"together": "rack", "lookahead": True}),
)


def measured(pool: HostPool, repeats: int) -> Iterator[tuple[str, int, float]]:
    """What, how many instances, and milliseconds; in turn, so that all see the same machine."""
    filters = "RamFilter,CoreFilter,GroupRulesFilter"
    scheduler = FilterScheduler(make_conf(enabled_filters=filters, weight_classes="RAMWeigher,CPUWeigher"))
    taken: dict[int, list[float]] = {}
    for _ in range(repeats):
        for nr, (_what, count, policy, rules) in enumerate(CASES):
            group = InstanceGroup(uuid="web", policy=policy, rules=rules) if policy or rules else None
            spec = RequestSpec(Flavor(memory_mb=2048, vcpus=1), num_instances=count, instance_group=group)
            began = time.process_time()
            scheduler.select_destinations(spec, pool)
            taken.setdefault(nr, []).append(time.process_time() - began)
    for nr, (what, count, _policy, _rules) in enumerate(CASES):
        yield what, count, statistics.median(taken[nr]) * 1000


def of_profiles(pool: HostPool, repeats: int) -> Iterator[tuple[str, float]]:
    """How requests choose, and milliseconds of each when it is placed; in turn, as above."""
    batch = {"batch": {"ram_weight_multiplier": -1.0}}
    conf = make_conf(enabled_filters="RamFilter,CoreFilter", weight_classes="RAMWeigher,CPUWeigher", profiles=batch)
    scheduler = FilterScheduler(conf)
    ways: dict[str, tuple[str | None, ...]] = {
        "placed by the main configuration": (None,),
        "placed by the profile spread": ("spread",),
        "placed by four profiles in turn": (None, "spread", "pack", "batch"),
    }
    taken: dict[str, list[float]] = {what: [] for what in ways}
    for _ in range(repeats):
        for what, names in ways.items():
            for at in range(200):
                began = time.process_time()
                scheduler.place(RequestSpec(Flavor(memory_mb=64, vcpus=1)), pool, profile=names[at % len(names)])
                taken[what].append(time.process_time() - began)
    for what, times in taken.items():
        yield what, statistics.median(times) * 1000


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    plain: dict[int, float] = {}
    print("| request | instances | ms | × plain |\n|---|---|---|---|")
    for what, count, ms in measured(rack_pool(args.hosts), args.repeats):
        print(f"| {what} | {count} | {ms:.2f} | {ms / plain.setdefault(count if count != 3 else 1, ms):.1f} |")
    first = None
    for what, ms in of_profiles(rack_pool(args.hosts), args.repeats):
        first = first or ms
        print(f"| {what} | 1 | {ms:.3f} | {ms / first:.1f} |")


if __name__ == "__main__":
    main()
