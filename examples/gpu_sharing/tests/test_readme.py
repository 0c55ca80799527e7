"""The README shows what the commands print, and its code runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from filtersched.cli.main import main

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
CONSOLE = re.search(r"```console\n(.*?)```", README, re.DOTALL)[1].replace("\\\n", " ")
COMMANDS = [
    (line.removeprefix("filtersched "), shown)
    for line, _, shown in (block.partition("\n") for block in CONSOLE.split("$ "))
    if line.startswith("filtersched ")
]


def test_readme_shows_two_commands():
    assert [command.split()[0] for command, _ in COMMANDS] == ["schedule", "why"]


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=["schedule", "why"])
def test_command_prints_what_the_readme_shows(command, shown, capsys, monkeypatch):
    monkeypatch.chdir(PACKAGE)
    main(shlex.split(command))
    printed = capsys.readouterr().out
    assert printed.rstrip() == shown.rstrip()


def test_code_of_the_readme_runs(monkeypatch):
    monkeypatch.chdir(PACKAGE)
    names: dict[str, object] = {"__name__": "readme"}
    exec(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0], names)
    assert len(names["ClusterHost"].mix.tasks) == 4
