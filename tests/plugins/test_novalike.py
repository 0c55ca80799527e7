"""Plug-ins in the manner of each of Nova's eras, unmodified: the verdicts, and those of a real Nova."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.nova_peer.client import VARIABLE, nova_python
from tests.plugins.novalike_cases import CASES, CONF

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = nova_python()
PATHS = [f"{module}.{name}" for module, name, _of_today, _expected in CASES]
OF_TODAY = [f"{module}.{name}" for module, name, of_today, _expected in CASES if of_today]
EXPECTED = {f"{module}.{name}": expected for module, name, _of_today, expected in CASES}

pytestmark = pytest.mark.slow


def answers(*command: str) -> dict:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    path = tmp_path_factory.mktemp("novalike") / "nova.conf"
    path.write_text(CONF)
    return str(path)


@pytest.fixture(scope="module")
def here(conf):
    return answers(sys.executable, "-m", "tests.plugins.ask_library", conf, *PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_unmodified_plugin_has_these_verdicts(here, path):
    assert here[path][0] == EXPECTED[path]


@pytest.mark.parametrize("path", PATHS)
def test_unmodified_plugin_runs_on_stand_ins(here, path):
    assert any(name.startswith("nova.scheduler") for name in here[path][1])


@pytest.fixture(scope="module")
def nova(conf):
    if PYTHON is None:
        pytest.skip(f"{VARIABLE} names no Python with Nova in it")
    return answers(PYTHON, str(HERE / "ask_nova.py"), str(ROOT), conf, *OF_TODAY)


@pytest.mark.parametrize("path", OF_TODAY)
def test_verdicts_of_a_plugin_of_today_are_those_of_nova(nova, path):
    assert nova[path] == EXPECTED[path]
