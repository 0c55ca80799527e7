"""The pictures of a terminal show what the command prints now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_picture_is_what_the_command_prints_now(tmp_path):
    subprocess.run([sys.executable, str(DOCS / "generate_pictures.py"), str(tmp_path)], check=True, timeout=120)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["terminal-50.svg", "terminal-80.svg"]
    for name in made:
        assert (tmp_path / name).read_text() == (DOCS / "images" / name).read_text(), "run: tox -e reference"
