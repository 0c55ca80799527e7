"""Every block of README and docs/ does what the page says, typed by a reader with nothing but a clone.

    python -m tests.docs.check_pages [page ...]

The reader begins with a clone of the checkout and a plain terminal, and follows the README: its
commands make a virtual environment, install from the clone and from the package index, and put the
commands on the path. Each other page is followed from there, in a clone of its own.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .pages import Count, PageError, run_page
from .reader import Reader, terminal

ROOT = Path(__file__).resolve().parents[2]
FIRST = Path("README.md")
# docs/layout.md is made by the build of the site; a reader's clone does not have it.
NOT_PAGES = ("_build", ".tox", ".venv", "layout.md")


def main(named: Sequence[str]) -> int:
    """Follow the pages, or those that are named; 1 if one says something else than what happens."""
    pages = [Path(name) for name in named if Path(name) != FIRST] or all_pages()[1:]
    with tempfile.TemporaryDirectory(prefix="reader-") as folder:
        checked = Check(Path(folder))
        environment = checked.follow(FIRST, terminal(Path(folder)))
        if environment is not None:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda page: checked.follow(page, environment), filter(installs_nothing, pages)))
            # What these install, all pages would see, while it is half installed too.
            for page in itertools.filterfalse(installs_nothing, pages):
                checked.follow(page, environment)
    return checked.report()


def all_pages() -> list[Path]:
    """The pages of the checkout, README first."""
    docs = [path for path in (ROOT / "docs").rglob("*.md") if not set(path.parts) & set(NOT_PAGES)]
    others = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *docs))
    return [FIRST, *(page for page in others if page != FIRST)]


def installs_nothing(page: Path) -> bool:
    """Whether a page leaves the environment alone that all pages share."""
    return "\n$ pip install" not in (ROOT / page).read_text(encoding="utf-8")


def clone(target: Path) -> None:
    """Make a clone of the checkout, with the changes that are not committed yet."""
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(".tox", ".venv", "*.egg-info", "_build"))
        return
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(target))
    for line in git("status", "--porcelain", "-z", "--no-renames", cwd=ROOT).split("\0"):
        changed = line[3:]
        if (ROOT / changed).is_file():
            (target / changed).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / changed, target / changed)
        elif changed:
            (target / changed).unlink(missing_ok=True)


def git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


class Check:
    """Pages followed in a folder, and what came of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counts: dict[Path, Count] = {}
        self._problems: list[str] = []

    def follow(self, page: Path, environment: dict[str, str]) -> dict[str, str] | None:
        """Follow a page; the variables of the terminal then, or None if it says something wrong."""
        # Beside each other, so that a page may leave its clone for a folder next to it.
        own = self._folder / "-".join(page.with_suffix("").parts) / "filtersched"
        own.parent.mkdir()
        clone(own)
        began = time.monotonic()
        with Reader(own, environment) as reader:
            try:
                self._counts[page] = run_page(own / page, reader)
            except PageError as problem:
                self._problems.append(str(problem).replace(f"{own}/", ""))
                print(f"{page}: WRONG", flush=True)
                return None
            print(f"{page}: {self._counts[page].run} blocks in {time.monotonic() - began:.0f} s", flush=True)
            return reader.environment

    def report(self) -> int:
        """Print what was not run and what is wrong; the exit status."""
        not_run = [f"  {page}, {reason}" for page, count in sorted(self._counts.items()) for reason in count.not_run]
        ran = sum(count.run for count in self._counts.values())
        print(f"\n{ran} blocks of {len(self._counts)} pages were run. {len(not_run)} were not, each for its reason:")
        print("\n".join(not_run))
        for problem in self._problems:
            print(f"\n{problem}", file=sys.stderr)
        return 1 if self._problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
