"""Draws docs/images/terminal-*.svg: what the command prints on a terminal of so many columns, in its colors.

python docs/generate_pictures.py          draws the pictures
python docs/generate_pictures.py DIR      draws them somewhere else
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
CLOUD = "--config-file nova.conf --inventory hypervisors.json --aggregates aggregates.json"
PLACED = f"filtersched schedule {CLOUD} --flavor @flavor.json --count 2 --capacity-filters"
REFUSED = f"filtersched schedule {CLOUD} --flavor ram=250000 --availability-zone az1 --capacity-filters"
PICTURES = {80: (PLACED, REFUSED), 50: (PLACED,)}

_CELL = (8.4, 18)
_MARGIN = 12
_COLORS = {"31": "#ff6b6b", "32": "#69db7c"}
_STYLED = re.compile(r"\x1b\[(\d*)m")


def main(target: Path = ROOT / "docs" / "images") -> None:
    """Draw every picture into the directory."""
    for columns, commands in PICTURES.items():
        lines: list[str] = []
        for command in commands:
            lines += [*typed(command, columns), *printed(command, columns), ""]
        (target / f"terminal-{columns}.svg").write_text(drawn(lines[:-1], columns), encoding="utf-8")


def typed(command: str, columns: int) -> list[str]:
    """The command line as a terminal shows it while it is typed."""
    text = f"$ {command}"
    return [text[at : at + columns] for at in range(0, len(text), columns)]


def printed(command: str, columns: int) -> list[str]:
    """What the command prints on a terminal, styles included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = ("NO_COLOR", "COLUMNS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["TERM"] = "xterm"
    argv = [sys.executable, "-m", *command.split()]
    said = b""
    with subprocess.Popen(
        argv, cwd=ROOT / "examples" / "nova", stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ):
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how a terminal ends
                break
            if not piece:
                break
            said += piece
    os.close(ours)
    return said.decode().replace("\r\n", "\n").rstrip("\n").split("\n")


def drawn(lines: Sequence[str], columns: int) -> str:
    """An SVG of the lines."""
    width = 2 * _MARGIN + columns * _CELL[0]
    height = 2 * _MARGIN + len(lines) * _CELL[1]
    body = "\n".join(part for row, line in enumerate(lines) for part in _row(row, line))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="monospace" font-size="14" fill="#dee2e6">\n'
        f'<rect width="100%" height="100%" rx="6" fill="#212529"/>\n{body}\n</svg>\n'
    )


def _row(row: int, line: str) -> Iterator[str]:
    """The pieces of one line, each in its style and as wide as its cells."""
    y = _MARGIN + row * _CELL[1] + 14
    column, style = 0, ""
    for at, piece in enumerate(_STYLED.split(line)):
        if at % 2:
            style = "" if piece in ("", "0") else piece
            continue
        for start, text in ((found.start(), found.group()) for found in re.finditer(r"\S+(?: \S+)*", piece)):
            look = f' fill="{_COLORS[style]}"' if style in _COLORS else ' font-weight="bold"' if style == "1" else ""
            x, length = _MARGIN + (column + start) * _CELL[0], len(text) * _CELL[0]
            yield f'<text x="{x:g}" y="{y:g}" textLength="{length:g}"{look}>{escape(text)}</text>'
        column += len(piece)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
