"""The Python of README, docs/ and the plug-in template is right for `mypy --strict`.

    python -m tests.docs.check_block_types [page ...]

The blocks of a page are one module, since they share a session; a block that the page writes to a
file is a separate module. Blocks that show an error are left out. An error names the
line of the page.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .check_pages import ROOT, all_pages
from .pages import Block, blocks

TEMPLATE = ROOT / "docs" / "plugin_template"
# Plug-ins that oVirt's engine calls, or that were written for Nova: they know no types.
UNTYPED = re.compile(r"docs/(ovirt|from_nova)")


def main(named: Sequence[str]) -> int:
    """Check the pages, or those that are named; 1 if mypy finds anything."""
    wrong = 0
    for page in [Path(name) for name in named] or all_pages():
        if not UNTYPED.match(str(page)):
            wrong += _wrong_page(page)
    if not named:
        wrong += _mypy(".", cwd=TEMPLATE, page="docs/plugin_template")
    return 1 if wrong else 0


def _wrong_page(page: Path) -> int:
    found = list(blocks((ROOT / page).read_text(encoding="utf-8")))
    modules: dict[str, list[str]] = {}
    for block in found:
        if block.language in ("python", "pycon") and "raises" not in block.comments:
            _place(block, modules.setdefault(block.comments.get("file", "page.py"), []))
    if not modules:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in modules.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return _mypy(*modules, cwd=Path(folder), page=str(page))


def _place(block: Block, lines: list[str]) -> None:
    """Add the block's lines at the lines that they have on the page."""
    lines += [""] * (block.line - 1 - len(lines))
    lines += list(_source(block))


def _source(block: Block) -> Iterator[str]:
    if block.language == "python":
        yield from block.text.splitlines()
        return
    at = 0
    for example in doctest.DocTestParser().get_examples(block.text):
        yield from [""] * (example.lineno - at)
        source = example.source.splitlines()
        yield from source
        at = example.lineno + len(source)


def _mypy(*arguments: str, cwd: Path, page: str) -> int:
    cache = ROOT / ".mypy_cache" / "pages"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    command += ["--follow-imports=silent", f"--cache-dir={cache}", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        # The checkout as a user finds it installed: mypy does not see an editable installation.
        env={**os.environ, "MYPYPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        print(f"{page}, line {line.removeprefix('page.py:')}" if line.startswith("page.py:") else f"{page}: {line}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
