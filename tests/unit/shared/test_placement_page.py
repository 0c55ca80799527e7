"""The page about Placement does what it says."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "placement.md"


def test_what_the_page_shows_is_what_happens(placement, capsys):
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (at,) = [at for at, (kind, text) in enumerate(blocks) if kind == "python" and "8778" in text]
    code, shown = blocks[at][1], blocks[at + 1]
    exec(compile(code.replace("http://127.0.0.1:8778", placement.url), str(PAGE), "exec"), {})
    assert (shown[0], shown[1]) == ("text", capsys.readouterr().out)
