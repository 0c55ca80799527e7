"""The flag --report, apart from what it needs, so that a command line is read without loading that."""

from __future__ import annotations

from typing import Any


def add_report_flag(group: Any) -> None:
    """Add --report."""
    group.add_argument(
        "--report",
        metavar="FILE",
        help="also write a page for a browser: what was run, and what came of it, with pictures (extra report)",
    )
