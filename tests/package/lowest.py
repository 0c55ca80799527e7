"""Constraints for pip: of every requirement in setup.cfg and tox.ini the lowest release that it allows.

    python tests/package/lowest.py FILE
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BOUND = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\w.]+)")


def constraints() -> dict[str, str]:
    """Name to the lowest version. Raises ValueError for a requirement without one, or with two different ones."""
    found: dict[str, str] = {}
    for requirement in _requirements():
        match = _BOUND.fullmatch(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} has no lower bound, or more than that")
        if found.setdefault(match["name"], match["version"]) != match["version"]:
            raise ValueError(f"{match['name']} has two lower bounds: {found[match['name']]} and {match['version']}")
    return found


def _requirements() -> Iterator[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    yield from setup["options"]["install_requires"].split()
    for extra in setup["options.extras_require"].values():
        yield from extra.split()
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    for section in tox.values():
        # What only builds and draws has no bound: it is not what the code runs with.
        yield from (word for word in section.get("deps", "").split() if ">=" in word)


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in constraints().items()]
    Path(sys.argv[1]).write_text("".join(lines), encoding="utf-8")
