"""What the command places a second, and how much faster a comparison is on all cores.

The record of a real cluster is placed by `filtersched schedule`, with and without --output, in CPU time and in
wall time; then two configurations with five seeds each are compared by one process and by one for each core.
The script ends with an error if both give other numbers. Times are of this machine as busy as it is: the ratios
between the two runs of a pair are what to look at.

    python benchmarks/bench_planning.py            the small inventory beside the checkout, and the whole cluster
    python benchmarks/bench_planning.py --tasks 500   the first requests only, to see that it runs

The data are read from `../shared/data` beside the checkout, or from `--data`. Without them it ends with 0.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

import openb_cluster  # noqa: E402

from filtersched.cli.main import main as command  # noqa: E402
from filtersched.inventory import read_hosts, read_requests  # noqa: E402
from filtersched.planning import Comparison, compare  # noqa: E402
from filtersched.planning.runners import LocalRunner, Runner, SerialRunner, cores  # noqa: E402

RULES = ("--scheduler-default-filters=RamFilter,CoreFilter", "--scheduler-weight-classes=RAMWeigher")
DRAWING = {
    "spread": (*RULES, "--host-subset-size=3"),
    "pack": (*RULES, "--host-subset-size=3", "--ram-weight-multiplier=-1"),
}


def first_lines(path: Path, count: int, target: Path) -> Path:
    """A copy of the first lines of a file."""
    with open(path, encoding="utf-8") as lines:
        target.write_text("".join(line for _at, line in zip(range(count), lines, strict=False)), encoding="utf-8")
    return target


def placed(hosts: Path, requests: Path, count: int, *flags: str) -> str:
    """How fast the command places the requests, in words; the better of three runs."""
    argv = ["schedule", "--inventory", str(hosts), "--requests", str(requests), "--allow-partial", "-q", *RULES, *flags]
    rates = []
    for _run in range(3):
        cpu, wall = time.process_time(), time.perf_counter()
        if command(argv):
            raise SystemExit("the command failed")
        rates.append((count / (time.process_time() - cpu), count / (time.perf_counter() - wall)))
    by_cpu, by_wall = (max(each) for each in zip(*rates, strict=True))
    return f"{by_cpu:8,.0f} a second of CPU, {by_wall:8,.0f} a second of the clock"


def cpu_s() -> float:
    """CPU seconds of this process and of the workers that have ended."""
    return sum(os.times()[:4])


def compared(hosts: Path, requests: Path, runner: Runner) -> tuple[Comparison, float, float]:
    """The comparison, and how many seconds it took of the clock and of CPU."""
    began, cpu = time.perf_counter(), cpu_s()
    found = compare(DRAWING, list(read_hosts(hosts)), read_requests(requests), seeds=5, runner=runner)
    return found, time.perf_counter() - began, cpu_s() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--tasks", type=int, default=8152)
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"There are no data in {args.data}; nothing was measured.")
        return
    with tempfile.TemporaryDirectory() as folder:
        small = args.data / "openb-vm" / "hosts.jsonl"
        trace = first_lines(args.data / "openb-vm" / "requests.jsonl", args.tasks, Path(folder) / "small.jsonl")
        whole, tasks = openb_cluster.write(args.data / "openb", Path(folder) / "openb", stretch=400)
        tasks = first_lines(tasks, args.tasks, Path(folder) / "whole.jsonl")
        print(f"61 hosts                 {placed(small, trace, args.tasks)}")
        output = os.path.join(folder, "out.jsonl")
        print(f"61 hosts with --output   {placed(small, trace, args.tasks, '--output', output)}")
        print(f"1,523 hosts              {placed(whole, tasks, args.tasks)}")
        alone, one, one_cpu = compared(small, trace, SerialRunner())
        together, several, several_cpu = compared(small, trace, LocalRunner())
        numbers = [
            [{name: value for name, value in result.items() if name != "latency_ms"} for result in found.values()]
            for comparison in (alone, together)
            for found in comparison.results.values()
        ]
        if numbers[:2] != numbers[2:]:
            raise SystemExit("one process and several give different results")
        free = cores() * one_cpu / several_cpu
        print("2 configurations with 5 seeds each, in one process and in one for each core:")
        print(f"of the clock   {one:6.1f} s  {several:6.1f} s  {one / several:.2f} x")
        print(f"of CPU         {one_cpu:6.1f} s  {several_cpu:6.1f} s  {free:.2f} x where all {cores()} cores are free")


if __name__ == "__main__":
    main()
