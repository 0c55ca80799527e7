"""Each room says in its docstring what it may import, and keeps to it."""

import ast
import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "filtersched"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def may_import(room):
    docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
    listed = re.search(r"May import: ([\w,\s]+)\.", docstring)
    assert listed, f"the docstring of {room} does not say what the room may import"
    return {name.strip() for name in listed[1].split(",")}


def imported(room):
    found = set()
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "filtersched":
                if any(name.name != "__version__" for name in node.names):
                    found.add("public")
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("filtersched."):
                found.add(node.module.split(".")[1])
    return found - {room}


def below(room):
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    rows = config["importlinter:contract:layers"]["layers"].replace("filtersched.", "").strip().splitlines()
    rows = [{name.strip() for name in row.split("|")} for row in rows]
    at = next(index for index, row in enumerate(rows) if room in row)
    return set().union(*rows[at + 1 :])


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "data"])
def test_room_imports_what_its_docstring_says(room):
    assert imported(room) <= may_import(room)


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "data"])
def test_docstring_allows_only_what_the_layers_allow(room):
    assert may_import(room) <= below(room)
