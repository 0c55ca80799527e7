"""Eight processes that place on one nearly full pool at once: nothing is booked twice, nothing is lost.

`FILTERSCHED_RACE_REQUESTS=1000000` runs the long race. `python -m tests.shared_race --help` runs one by hand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")
pytest.importorskip("alembic", reason="the extra `shared` is not installed")

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = int(os.environ.get("FILTERSCHED_RACE_REQUESTS", "2000"))
WITH_FAULTS = REQUESTS * 2 // 5


def race(url: str, *flags: str) -> dict[str, object]:
    """What came of a race, in processes of its own: pytest's has threads, which a fork would cut off."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.shared_race", url, *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert found.pop("wrong") == [], f"{found}\n{done.stderr}"
    return found


@pytest.mark.slow
@pytest.mark.timeout(0 if REQUESTS > 2000 else 900)
def test_no_host_is_over_its_capacity_no_group_broken_and_no_claim_lost(database_url):
    found = race(database_url, "--requests", str(REQUESTS))
    # The hosts were full, and so many requests met each other there.
    assert found["placed"] > REQUESTS / 4
    assert found["refused"] > 0


@pytest.mark.slow
@pytest.mark.timeout(0 if REQUESTS > 2000 else 900)
def test_processes_killed_at_random_leave_claims_whole_or_absent(database_url):
    found = race(database_url, "--requests", str(WITH_FAULTS), "--kill")
    assert found["killed"] > 0


@pytest.mark.slow
@pytest.mark.timeout(0 if REQUESTS > 2000 else 900)
def test_claims_whose_connections_are_cut_are_looked_up(postgresql):
    race(postgresql.new_database(), "--requests", str(WITH_FAULTS), "--cut", "--processes", "4")
