"""Draws docs/images/layers.svg from the layers in setup.cfg, and makes the page of all folders and files.

python docs/generate_layout.py          writes the drawing

The page, docs/layout.md, is made whenever the documentation is built, from the docstrings of the package.
"""

from __future__ import annotations

import ast
import configparser
import html
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "filtersched"
# Folders whose modules are listed in the reference already, one rule per file.
ONE_RULE_PER_FILE = ("filters", "weighers")
INTRO = """\
# Folders and files

A folder may import from the layers below it only; folders in one row do not import each other. `tox -e layers`
checks this. [Architecture](architecture.md) walks one request through these folders.

```{image} images/layers.svg
:alt: The folders of the package in rows; imports point downwards. The list below has the same order.
:width: 100%
```
"""


def main(target: Path = ROOT / "docs" / "images") -> None:
    """Write the drawing into the directory."""
    (target / "layers.svg").write_text(drawing(layers()), encoding="utf-8")


def layers() -> list[list[str]]:
    """The rows of folders and modules, from the top."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    rows = config["importlinter:contract:layers"]["layers"].strip().splitlines()
    names = ((name.strip(" ()") for name in row.replace(":", "|").split("|")) for row in rows)
    return [[name.removeprefix("filtersched.") for name in row] for row in names]


def page() -> str:
    """The page: the rows, and the modules of each folder."""
    lines = [INTRO, "| folder or module | what it holds |", "|---|---|"]
    rows = layers()
    for row in rows:
        lines += [f"| `{name}` | {_cell(_first_line(name))} |" for name in row]
    for name in (name for row in rows for name in row):
        folder = PACKAGE / name
        if folder.is_dir() and name not in ONE_RULE_PER_FILE:
            lines += [f"\n## {name}\n", "| module | what it holds |", "|---|---|"]
            lines += [f"| `{path.name}` | {_cell(_docstring(path))} |" for path in _modules(folder)]
    return "\n".join(lines) + "\n"


def _modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.py")) if not path.name.startswith("__"))


def _first_line(name: str) -> str:
    path = PACKAGE / name
    return _docstring(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


def _docstring(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


WIDTH, ROW, BOX, GAP = 760, 52, 34, 12


def drawing(rows: Sequence[Sequence[str]]) -> str:
    """The rows as boxes, the top layer first."""
    height = ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="15" text-anchor="middle">',
        "<title>The layers of filtersched, from the top</title>",
        f"<desc>{html.escape('; '.join(', '.join(row) for row in rows))}</desc>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#7d8a97"/></marker></defs>',
    ]
    for at, row in enumerate(rows):
        top = at * ROW + (ROW - BOX) / 2
        width = (WIDTH - 80 - GAP * (len(row) - 1)) / len(row)
        for place, name in enumerate(row):
            left = 40 + place * (width + GAP)
            parts.append(
                f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{BOX}" rx="8"'
                ' fill="#d7e6f5" stroke="#4a7dab"/>'
                f'<text x="{left + width / 2:.0f}" y="{top + 22:.0f}" fill="#12293d">{html.escape(name)}</text>'
            )
    parts.append(
        f'<path d="M20 {(ROW - BOX) / 2:.0f}V{height - (ROW - BOX) / 2:.0f}" stroke="#7d8a97" stroke-width="2"'
        ' fill="none" marker-end="url(#tip)"/>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
