"""The two commands of the README are the ones that are checked."""

from __future__ import annotations

from pathlib import Path

from .pages import blocks

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[str]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    return [block.text.strip().removeprefix("$ ") for block in blocks(page) if "python3 -m venv" in block.text]


def test_continuous_integration_runs_the_second_command_of_the_readme():
    _install, test = commands()
    assert test.endswith("/tox")
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_first_command_schedules_examples_that_exist():
    install, _test = commands()
    files = [word for word in install.split() if word.startswith("examples/")]
    assert len(files) == 2
    assert all((ROOT / name).is_file() for name in files)
