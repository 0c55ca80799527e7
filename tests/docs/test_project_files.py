"""The files around the code agree with each other: hooks with tox, changelog with its form, pages with the tree."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL_LIMIT = 22


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def environments() -> set[str]:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return {name.removeprefix("testenv:") for name in tox.sections() if name.startswith("testenv:")}


def hooks() -> list[dict]:
    repositories = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    return [hook for repository in repositories for hook in repository["hooks"]]


def test_every_git_hook_runs_the_tox_environment_of_its_name():
    for hook in hooks():
        assert hook["entry"].split()[-2:] == ["-e", hook["id"]]
    assert {hook["id"] for hook in hooks()} == {"lint", "types", "layers", "unit", "docs"}
    assert {hook["id"] for hook in hooks()} <= environments()


def test_git_hooks_reach_no_other_host():
    repositories = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]


def test_every_tox_environment_that_a_page_names_exists():
    named = set()
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for names in re.findall(r"tox -e ([\w,]+)", page.read_text(encoding="utf-8")):
            named |= set(names.split(","))
    assert named - environments() - {"py"} == set()


def test_top_level_stays_small_enough_to_read():
    made_here = {".git", *(line.strip("/") for line in read(".gitignore").splitlines())}
    shown = [path.name for path in ROOT.iterdir() if not any(path.match(pattern) for pattern in made_here)]
    assert len(shown) <= TOP_LEVEL_LIMIT, sorted(shown)


def test_changelog_keeps_its_form():
    headings = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    for heading in headings[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading), heading
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Placement changes"}
    assert set(re.findall(r"^### (.*)$", read("CHANGELOG.md"), re.MULTILINE)) <= kinds



@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_page_for_contributors_names_exists(page):
    paths = re.findall(r"`((?:filtersched|tests|docs|benchmarks|etc|examples)/[\w./-]+)`", read(page))
    assert len(paths) > 10
    # A filter that the reader is to write is not there yet, nor what is built.
    there = [path for path in paths if "rack_filter" not in path and "_build" not in path]
    assert [path for path in there if not (ROOT / path).exists()] == []
