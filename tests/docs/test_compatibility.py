"""The table of compatibility names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(?P<file>test_\w+\.py)::(?P<test>\w+)`")


def functions_of(file: str) -> set[str]:
    """The test functions of the files of that name, wherever below tests/ they are."""
    found = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob(file)]
    return {node.name for tree in found for node in tree.body if isinstance(node, ast.FunctionDef)}


def rows() -> list[str]:
    return [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| rule |")]


@pytest.mark.parametrize("file", sorted({match["file"] for match in NAMED.finditer(PAGE)}))
def test_every_test_that_the_table_names_exists(file):
    named = {match["test"] for match in NAMED.finditer(PAGE) if match["file"] == file}
    assert named - functions_of(file) == set()


def test_every_row_names_a_test_and_says_what_is_done_here():
    assert len(rows()) > 80
    for row in rows():
        _nothing, rule, here, held_by, _end = re.split(r"(?<!\\)\|", row)
        assert rule.strip(), row
        assert here.strip(), row
        assert NAMED.search(held_by), row


def test_a_name_that_is_no_test_would_be_noticed():
    assert "test_no_such_rule" not in functions_of("test_ram_filter.py")
    assert functions_of("test_no_such_file.py") == set()
