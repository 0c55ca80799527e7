"""The soak of a live cloud, shortened to seconds: it runs, checks its answers, and draws its picture."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_soak_runs_and_draws_what_it_ran(tmp_path):
    picture = tmp_path / "soak.svg"
    run = ("--hosts", "150", "--simulated", "40", "--windows", "4", "--check-every", "15", "--picture", picture)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "soak_live.py", *map(str, run)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    windows = [line for line in done.stdout.splitlines() if re.match(r"\| \d", line)]
    assert [line.split()[1] for line in windows] == ["0", "10", "20", "30"]
    title = ElementTree.parse(picture).findtext("{http://www.w3.org/2000/svg}title")
    assert title.startswith("150 hosts, 40 simulated seconds run in ")
    assert "6,680 reports" in title
