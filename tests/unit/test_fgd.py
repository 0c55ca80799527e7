"""benchmarks/fgd.py replays a trace with every policy, and says what is apart from what was published."""

from __future__ import annotations

import csv
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT.parent / "shared" / "data" / "openb" / "paper_results_default.csv"
POLICIES = ["Random", "DotProd", "GpuClustering", "GpuPacking", "BestFit", "FGD"]


def replay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "fgd.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def table(text: str) -> dict[str, list[str]]:
    """The rows of the printed table by policy."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows if row[0] in POLICIES}


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> Path:
    """A small cluster in the form of the real files: 12 hosts with 24 GPUs, and tasks for all of them."""
    folder = tmp_path_factory.mktemp("trace")
    chance = random.Random(7)
    shapes = [(4000, 1, 500), (4000, 1, 250), (8000, 1, 1000), (8000, 2, 1000), (2000, 0, 0)]
    tasks = [(f"t{at}", *chance.choice(shapes)) for at in range(40)]
    nodes = [(f"n{at}", 64000, 262144, 2, "T4") for at in range(12)]
    _write(folder / "openb_node_list_gpu_node.csv", "sn,cpu_milli,memory_mib,gpu,model", nodes)
    columns = "name,cpu_milli,memory_mib,num_gpu,gpu_milli"
    _write(
        folder / "openb_pod_list_default.csv", columns, [(name, cpu, 1024, gpus, of) for name, cpu, gpus, of in tasks]
    )
    return folder


def _write(path: Path, columns: str, rows: list[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(","), *rows])


def test_every_policy_has_a_row_beside_what_was_published(trace):
    run = replay("--data", trace, "--seeds", 2, "--tasks", 30)
    assert (run.returncode, run.stderr) == (0, "")
    rows = table(run.stdout)
    assert list(rows) == POLICIES
    assert [row[2] for row in rows.values()] == ["87.47", "90.85", "91.88", "92.00", "93.08", "95.39"]
    assert all(0 < float(row[0]) <= 100 and row[-1] == "2" for row in rows.values())


def test_other_cluster_than_the_published_one_is_told_apart(trace):
    run = replay("--data", trace, "--policies", "FGD", "Random")
    assert run.returncode == 1
    assert re.search(r"^DIFFERS: (FGD|Random) is [+-]\d+\.\d\d apart$", run.stdout, re.MULTILINE)


def test_trace_that_is_not_there_is_skipped(tmp_path):
    run = replay("--data", tmp_path / "none")
    assert (run.returncode, run.stdout) == (0, f"There is no {tmp_path / 'none'}: nothing is replayed.\n")


def test_policy_that_is_none_is_refused_by_name(trace):
    run = replay("--data", trace, "--policies", "fgd")
    assert run.returncode == 2
    assert "choose among Random, DotProd, GpuClustering, GpuPacking, BestFit, FGD" in run.stderr


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"there is no {PUBLISHED}")
def test_numbers_beside_ours_are_those_that_were_published():
    with PUBLISHED.open(encoding="utf-8", newline="") as lines:
        final = {
            row["policy"]: float(row["mean"])
            for row in csv.DictReader(lines)
            if (row["metric"], row["arrived_pct"]) == ("alloc_pct", "130")
        }
    shown = {name: float(row[2]) for name, row in table(replay("--tasks", 5).stdout).items()}
    assert shown == {name: pytest.approx(mean, abs=0.0051) for name, mean in final.items()}
