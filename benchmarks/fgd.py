"""Replays the experiment of "Beware of Fragmentation" (USENIX ATC 2023) with examples/gpu_sharing.

A cluster of 1213 hosts with 6212 GPUs gets the tasks of a trace in random order, and further ones drawn from
it until they ask for 130 % of the GPUs. The number is how much of all GPUs is given out in the end, in
percent, the mean over seeds. The publication says that one run, of one policy with one seed, takes 10 minutes.

    python benchmarks/fgd.py                    one seed
    python benchmarks/fgd.py --seeds 10         the whole experiment; ends with 1 if it differs from what was published
    python benchmarks/fgd.py --tasks 500        the first tasks only, to see that it runs

The data are read from `../shared/data/openb` beside the checkout, or from `--data`. Without them it ends with 0.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "examples" / "gpu_sharing"))

from gpu_sharing.fragmentation_gpu_weigher import FragmentationGpuWeigher  # noqa: E402
from gpu_sharing.gpu_host import FragmentationGpuHost, GpuHost, RandomGpuHost  # noqa: E402
from gpu_sharing.gpu_share_filter import GpuShareFilter  # noqa: E402
from gpu_sharing.task_mix import Task, TaskMix  # noqa: E402
from gpu_sharing.weighers import (  # noqa: E402
    BestFitGpuWeigher,
    ClusteringGpuWeigher,
    DotProductGpuWeigher,
    GpuWeigher,
    PackingGpuWeigher,
    RandomGpuWeigher,
)

from filtersched import FilterScheduler, Flavor, HostPool, NoValidHost, RequestSpec, make_conf  # noqa: E402

DATA = HERE.parents[2] / "shared" / "data" / "openb"
FIRST_SEED = 42
ASKED_IN_ALL = 1.3
MINUTES_PUBLISHED = 10
# A virtual CPU is a thousandth of a core here, so that sums are exact.
RATIOS = {"cpu_allocation_ratio": 1.0, "ram_allocation_ratio": 1.0}
FILTERS = ["RamFilter", "CoreFilter", GpuShareFilter]
CPUS_OF_LARGEST_HOST = 128_000


class Policy(NamedTuple):
    """One policy of the paper: its weigher, how a GPU is chosen, and the published numbers."""

    weigher: GpuWeigher
    host_class: type[GpuHost]
    #: GPUs given out in the end, percent.
    published: float
    #: How far the mean may be from that.
    tolerance: float


def policies(mix: TaskMix) -> dict[str, Policy]:
    """The policies by their names in the paper, the best last."""
    hosts = type("Host", (FragmentationGpuHost,), {"mix": mix})
    return {
        "Random": Policy(RandomGpuWeigher(), RandomGpuHost, 87.47, 0.4),
        "DotProd": Policy(DotProductGpuWeigher(), GpuHost, 90.85, 0.4),
        "GpuClustering": Policy(ClusteringGpuWeigher(), GpuHost, 91.88, 0.8),
        "GpuPacking": Policy(PackingGpuWeigher(), GpuHost, 92.00, 0.8),
        "BestFit": Policy(BestFitGpuWeigher(), GpuHost, 93.08, 0.4),
        "FGD": Policy(FragmentationGpuWeigher(mix), hosts, 95.39, 0.4),
    }


class Trace(NamedTuple):
    """The hosts and the tasks as they are in the files."""

    hosts: Sequence[dict[str, Any]]
    flavors: Sequence[Flavor]
    #: Thousandths of a GPU that each task asks for.
    asked: Sequence[int]
    mix: TaskMix
    #: Thousandths of all GPUs.
    total: int


def read(data: Path) -> Trace:
    """The trace in a directory."""
    hosts = [
        {
            "host": row["sn"],
            "vcpus_total": int(row["cpu_milli"]),
            "total_usable_ram_mb": int(row["memory_mib"]),
            "free_ram_mb": int(row["memory_mib"]),
            "gpu_model": row["model"],
            "gpus_free": [1000] * int(row["gpu"]),
        }
        for row in rows(data / "openb_node_list_gpu_node.csv")
    ]
    flavors, tasks = [], []
    for row in rows(data / "openb_pod_list_default.csv"):
        gpus = int(row["num_gpu"])
        task = Task(int(row["cpu_milli"]), int(row["gpu_milli"]) if gpus else 0, gpus)
        wishes = {"gpu:count": str(gpus), "gpu:thousandths": str(task.thousandths)} if gpus else {}
        flavors.append(Flavor(vcpus=int(task.cpus), memory_mb=int(row["memory_mib"]), extra_specs=wishes))
        tasks.append(task)
    asked = [task.gpus * task.thousandths for task in tasks]
    return Trace(hosts, flavors, asked, TaskMix.of_tasks(tasks), 1000 * sum(len(one["gpus_free"]) for one in hosts))


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def arrivals(trace: Trace, chance: random.Random) -> list[int]:
    """The numbers of the tasks in the order in which they arrive."""
    order = list(range(len(trace.flavors)))
    chance.shuffle(order)
    asked = sum(trace.asked)
    while True:
        drawn = chance.randrange(len(trace.flavors))
        if asked + trace.asked[drawn] > ASKED_IN_ALL * trace.total:
            return order
        order.append(drawn)
        asked += trace.asked[drawn]


def run(trace: Trace, policy: Policy, seed: int, at_most: int | None = None) -> float:
    """How much of the GPUs a policy gives out, in percent. at_most : so many tasks, instead of all."""
    chance = random.Random(seed)
    order = arrivals(trace, chance)[:at_most]
    # Of hosts that score alike the first one wins, and the file sorts them by kind.
    hosts = [policy.host_class(**facts) for facts in trace.hosts]
    chance.shuffle(hosts)
    pool = HostPool(hosts)
    policy.weigher.bind({"cpus_of_largest_host": CPUS_OF_LARGEST_HOST})
    scheduler = FilterScheduler(make_conf(**RATIOS), filters=FILTERS, weighers=[policy.weigher])
    for at, number in enumerate(order):
        try:
            scheduler.place(RequestSpec(trace.flavors[number], instance_uuid=f"{seed}-{at}"), pool)
        except NoValidHost:
            continue
    idle = sum(sum(host.gpus_free) for host in pool)  # type: ignore[attr-defined]
    return 100 * (trace.total - idle) / trace.total


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if the whole experiment comes out otherwise than published."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds; the publication has ten")
    parser.add_argument("--policies", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--tasks", type=int, help="only so many tasks of each run; nothing is compared then")
    parser.add_argument("--data", type=Path, default=DATA, help="where the trace is")
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        print(f"There is no {given.data}: nothing is replayed.")
        return 0
    trace = read(given.data)
    known = policies(trace.mix)
    named = given.policies or list(known)
    if not set(named) <= set(known):
        parser.error(f"--policies: choose among {', '.join(known)}")
    print(f"{'policy':14} {'here, %':>8} {'sd':>5} {'published':>9} {'apart':>6} {'may be':>6} {'s a run':>8}  seeds")
    found, wrong = {}, []
    for name in named:
        policy = known[name]
        began = time.process_time()
        shares = [run(trace, policy, FIRST_SEED + at, given.tasks) for at in range(given.seeds)]
        seconds = (time.process_time() - began) / given.seeds
        mean, deviation = statistics.mean(shares), statistics.stdev(shares) if len(shares) > 1 else 0.0
        found[name] = mean
        apart = mean - policy.published
        is_off = abs(apart) > policy.tolerance
        wrong += [f"{name} is {apart:+.2f} apart"] if is_off else []
        print(
            f"{name:14} {mean:>8.2f} {deviation:>5.2f} {policy.published:>9.2f} {apart:>+6.2f}"
            f" {policy.tolerance:>6.1f} {seconds:>8.1f}  {given.seeds}",
            flush=True,
        )
    print(f"Seconds are of one CPU; the publication says {MINUTES_PUBLISHED} minutes a run, on two virtual CPUs.")
    if given.tasks is not None:
        return 0
    wrong += out_of_order(found)
    for problem in wrong:
        print(f"DIFFERS: {problem}")
    return 1 if wrong else 0


def out_of_order(found: dict[str, float]) -> list[str]:
    """Which pairs of policies do not come in the published order: FGD, BestFit, the two of GPUs, DotProd, Random."""
    tiers = [("Random",), ("DotProd",), ("GpuClustering", "GpuPacking"), ("BestFit",), ("FGD",)]
    pairs = [
        (better, worse)
        for above, tier in enumerate(tiers)
        for better in tier
        for worse in (tiers[above - 1] if above else ())
        if better in found and worse in found
    ]
    return [f"{better} is not above {worse}" for better, worse in pairs if found[better] <= found[worse]]


if __name__ == "__main__":
    sys.exit(main())
