"""The template for plug-in authors works as it stands, outside of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[2] / "docs" / "plugin_template"


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A copy of the template, installed by pip beside it, without network."""
    here = tmp_path_factory.mktemp("template")
    copy = here / "copy"
    for path in TEMPLATE.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".toml", ".md"):
            (copy / path.relative_to(TEMPLATE)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(TEMPLATE)).write_bytes(path.read_bytes())
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", here / "site", copy], check=True)
    return here


def python(copied: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(copied / "site")}
    return subprocess.run(
        [sys.executable, *args], cwd=copied / "copy" / "tests", env=environ, capture_output=True, text=True, check=False
    )


def test_its_own_tests_pass(copied):
    done = python(copied, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout


def test_its_configuration_example_is_accepted(copied):
    (example,) = (one for one in blocks((TEMPLATE / "README.md").read_text()) if one.language == "ini")
    (copied / "example.conf").write_text(example.text)
    code = """
import sys
from filtersched import FilterScheduler, make_conf
scheduler = FilterScheduler(make_conf(["--config-file", sys.argv[1]]))
print([type(each).__name__ for each in scheduler.filters])
print(scheduler.filters[-1].option("max_temperature_c"), type(scheduler.weighers[-1]).__name__)
"""
    done = python(copied, "-c", code, str(copied / "example.conf"))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['AvailabilityZoneFilter', 'RamFilter', 'ComputeFilter', 'TemperatureFilter']",
        "70.0 CoolHostWeigher",
    ]


def test_its_plug_ins_are_listed_without_a_problem(copied):
    code = """
from filtersched.loading import describe_plugins
print([(each.name, each.distribution, each.problem) for each in describe_plugins() if "my_plugins" in each.target])
"""
    done = python(copied, "-c", code)
    assert done.stdout.strip() == (
        "[('TemperatureFilter', 'my-plugins 0.1', ''), ('CoolHostWeigher', 'my-plugins 0.1', '')]"
    )
