"""The reference is what the classes say now."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("reference")
    for name in ("generate_reference.py", "generate_command_reference.py"):
        subprocess.run([sys.executable, str(DOCS / name), str(target)], check=True, timeout=240)
    return target


PAGES = [f"{name}.md" for name in ("index", "filters", "weighers", "hosts", "settings", "flags", "files", "output")]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_generator_makes_now(made, name):
    assert (DOCS / "reference" / name).read_text() == (made / name).read_text(), "run: tox -e reference"


def test_no_other_page_stands_beside_them(made):
    assert sorted(path.name for path in (DOCS / "reference").iterdir()) == sorted(path.name for path in made.iterdir())


def test_every_filter_and_weigher_has_its_section():
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    pages = generator.pages()
    for plugin in generator.describe_plugins():
        if plugin.kind in ("filter", "weigher") and plugin.target.startswith("filtersched."):
            name = plugin.target.partition(":")[2]
            assert f"## {name}\n\n{plugin.summary}".replace("``", "`") in pages[f"{plugin.kind}s.md"]
