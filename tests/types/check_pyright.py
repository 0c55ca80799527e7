"""What pyright says: users' programs are typed as users expect, and hardly any public type has to be guessed.

Run from the root of the checkout by `tox -e types`, in an environment that has pyright.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Of the public symbols, those whose type is declared or the same to every type checker.
LEAST_COMPLETE = 0.95


def main() -> int:
    programs = pyright("-p", "tests/types")
    print(programs.stdout, end="")
    report = json.loads(pyright("--verifytypes", "filtersched", "--ignoreexternal", "--outputjson").stdout)
    guessed = [symbol for symbol in report["typeCompleteness"]["symbols"] if is_guessed(symbol)]
    score = report["typeCompleteness"]["completenessScore"]
    print(f"{score:.1%} of {total(report)} public symbols have a known type; at least {LEAST_COMPLETE:.0%} must")
    for symbol in guessed:
        print(f"  {symbol['name']}")
    # Without a symbol, pyright did not find the package.
    return int(programs.returncode != 0 or total(report) == 0 or score < LEAST_COMPLETE)


def pyright(*arguments: str) -> subprocess.CompletedProcess[str]:
    # pyright looks for packages where Python does, but not in the way of today's editable installs.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pyright", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)


def is_guessed(symbol: dict[str, Any]) -> bool:
    """Whether the symbol lacks a type itself; those that are made of it are not worth a line."""
    said = [diagnostic["message"] for diagnostic in symbol["diagnostics"] if diagnostic["severity"] == "error"]
    return symbol["isExported"] and any("partially unknown" not in message for message in said)


def total(report: dict[str, Any]) -> int:
    return sum(report["typeCompleteness"]["exportedSymbolCounts"].values())


if __name__ == "__main__":
    sys.exit(main())
