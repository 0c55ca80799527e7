"""The pictures show what the commands print and draw now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_picture_is_what_the_command_prints_now(tmp_path):
    subprocess.run([sys.executable, str(DOCS / "generate_pictures.py"), str(tmp_path)], check=True, timeout=240)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["terminal-50.svg", "terminal-80.svg"]
    for name in made:
        assert (tmp_path / name).read_text() == (DOCS / "images" / name).read_text(), "run: tox -e reference"


@pytest.mark.slow
def test_picture_has_the_words_and_marks_of_the_report_now(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    pytest.importorskip("jinja2", reason="the extra report is not installed")
    script = str(DOCS / "generate_report_pictures.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, timeout=300)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["planning-hosts.svg", "planning-use.svg"]
    for name in made:
        assert _words(tmp_path / name) == _words(DOCS / "images" / name), "run: tox -e reference"


def _words(picture):
    """The text of a picture in order; another release of matplotlib may draw lines in other steps."""
    return [one.text for one in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
