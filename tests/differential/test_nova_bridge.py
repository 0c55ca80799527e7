"""Inside a real nova-scheduler, through the bridge, the library decides as outside of it."""

import importlib.metadata
import json
import random
import subprocess
from pathlib import Path

import pytest

from benchmarks.nova_peer.client import VARIABLE, nova_python
from tests.differential.test_nova_peer import make_case, ours

PYTHON = nova_python()
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.skipif(PYTHON is None, reason=f"{VARIABLE} names no Python with Nova in it"),
    pytest.mark.slow,
]


def bridged(cases, folder):
    # Nova's Python finds the library's entry points here; the library itself is the checkout's.
    about = folder / "filtersched-0.dist-info"
    about.mkdir()
    installed = importlib.metadata.distribution("filtersched")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filtersched\nVersion: 0\n")
    (about / "entry_points.txt").write_text(installed.read_text("entry_points.txt"))
    command = [PYTHON, str(HERE / "ask_bridge.py"), str(HERE.parents[1]), str(folder)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def told(answer):
    """What was chosen, without weights: Nova maps the sums of the bridge's weigher."""
    if "chosen" not in answer:
        return "raised" if "raised" in answer else "failed"
    return [(one["host"], one["nodename"], one["alternates"]) for one in answer["chosen"]]


def test_random_clusters_are_decided_through_the_bridge_as_without_it(tmp_path):
    chance = random.Random(18)
    cases = [make_case(chance) for _ in range(150)]
    answers = bridged(cases, tmp_path)
    differing = [nr for nr, case in enumerate(cases) if told(ours(case)) != told(answers[nr])]
    assert [(told(ours(cases[nr])), answers[nr]) for nr in differing] == []
    assert sum(1 for one in answers if "chosen" in one) > 40
