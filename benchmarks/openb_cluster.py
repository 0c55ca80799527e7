"""The openb cluster as an inventory and a trace: machines become hosts, tasks become requests of CPUs and memory.

    python benchmarks/openb_cluster.py DATA TARGET [--every N] [--stretch N]

DATA is the folder of the record (https://github.com/alibaba/clusterdata, cluster-trace-gpu-v2023/csv), which this
project does not contain; TARGET gets hosts.jsonl and requests.jsonl. Devices are left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NODES = "openb_node_list_all_node.csv"
TASKS = "openb_pod_list_default.csv"


def hosts(data: Path, every: int = 1) -> Iterator[dict[str, Any]]:
    """Every so many machines as hosts without oversubscription; a core is a vCPU."""
    for at, row in enumerate(_rows(data / NODES)):
        if at % every == 0:
            memory = int(row["memory_mib"])
            yield {
                "host": row["sn"],
                "vcpus_total": int(row["cpu_milli"]) // 1000,
                "total_usable_ram_mb": memory,
                "free_ram_mb": memory,
                "cpu_allocation_ratio": 1.0,
                "ram_allocation_ratio": 1.0,
            }


def requests(data: Path, stretch: float = 1.0) -> Iterator[dict[str, Any]]:
    """The tasks in order of arrival, parts of a core rounded up; lives are `stretch` times as long as recorded."""
    for row in _rows(data / TASKS):
        vcpus, memory = math.ceil(int(row["cpu_milli"]) / 1000), int(row["memory_mib"])
        created, deleted = int(row["creation_time"]), int(row["deletion_time"])
        yield {
            "request_id": row["name"],
            "flavor": {"name": f"c{vcpus}.m{memory}", "vcpus": vcpus, "memory_mb": memory},
            "arrives_at": created,
            "departs_at": created + (deleted - created) * stretch,
        }


def write(data: Path, target: Path, *, every: int = 1, stretch: float = 1.0) -> tuple[Path, Path]:
    """Write both files; their paths."""
    target.mkdir(parents=True, exist_ok=True)
    paths = target / "hosts.jsonl", target / "requests.jsonl"
    for path, records in zip(paths, (hosts(data, every), requests(data, stretch)), strict=True):
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return paths


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return sorted(rows, key=lambda row: int(row["creation_time"])) if "creation_time" in rows[0] else rows


def main() -> None:
    """Write the files and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--every", type=int, default=1, help="keep every so many machines (default 1: all)")
    parser.add_argument("--stretch", type=float, default=1.0, help="make lives so many times as long (default 1)")
    args = parser.parse_args()
    for path in write(args.data, args.target, every=args.every, stretch=args.stretch):
        print(path)


if __name__ == "__main__":
    main()
