"""Every code block of the README and of docs/ does what the page says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pages import run_page

ROOT = Path(__file__).resolve().parents[2]
# What a reader who follows a page has at hand: the checkout.
AT_HAND = ("benchmarks", "docs", "etc", "examples", "tests")
NOT_PAGES = ("_build", "plugin_template")


def _pages() -> list[Path]:
    docs = [path for path in sorted((ROOT / "docs").rglob("*.md")) if not set(path.parts) & set(NOT_PAGES)]
    return [*sorted(ROOT.glob("*.md")), *docs]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in AT_HAND:
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", _pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_page_shows_what_happens(page: Path, directory: Path) -> None:
    run_page(page, directory)


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_page_that_promises_examples_has_some_that_run(name: str, directory: Path) -> None:
    assert run_page(ROOT / name, directory) >= 3
