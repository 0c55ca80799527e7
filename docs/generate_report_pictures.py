"""Draws docs/images/planning-*.svg: pictures of the page that the commands of docs/planning.md write.

python docs/generate_report_pictures.py          draws the pictures; needs filtersched[report]
python docs/generate_report_pictures.py DIR      draws them somewhere else
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "planning.md"
# The name of each picture, and its title in the report.
PICTURES = {"planning-use": "RAM in use", "planning-hosts": "Hosts when fullest: spread.conf"}

_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^\$ filtersched (compare spread\.conf pack\.conf .*)$", re.MULTILINE)
_SVG = re.compile(r'<svg role="img" aria-label="([^"]*)" (.*?</svg>)', re.DOTALL)
_VARIABLE = re.compile(r"(--\w+): (#\w+);")


def main(target: Path = ROOT / "docs" / "images") -> None:
    """Draw every picture into the directory."""
    text = PAGE.read_text(encoding="utf-8")
    found = _COMMAND.search(text)
    assert found is not None, f"{PAGE} compares no longer"
    with tempfile.TemporaryDirectory() as directory:
        for name, content in _FILE.findall(text):
            Path(directory, name).write_text(content, encoding="utf-8")
        shutil.copytree(ROOT / "examples", Path(directory, "examples"))
        argv = [sys.executable, "-m", "filtersched", *found[1].split(), "--report", "report.html"]
        subprocess.run(argv, cwd=directory, check=True, stdout=subprocess.DEVNULL, timeout=300)
        report = Path(directory, "report.html").read_text(encoding="utf-8")
    drawn = {html.unescape(title): svg for title, svg in _SVG.findall(report)}
    for name, title in PICTURES.items():
        (target / f"{name}.svg").write_text(alone(drawn[title], dict(reversed(_VARIABLE.findall(report)))), "utf-8")


def alone(svg: str, colors: dict[str, str]) -> str:
    """A picture that needs no page around it: on white, in the colors of the bright page."""
    for variable, color in colors.items():
        svg = svg.replace(f"var({variable})", color)
    head, body = svg.split(">", 1)
    return f'<svg {head}>\n<rect width="100%" height="100%" fill="#ffffff"/>{body}\n'


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
