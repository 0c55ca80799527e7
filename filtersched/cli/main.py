"""Where the command begins and ends: closed streams, signals, the exit status.

Imports nothing before it is ready for Ctrl-C. Until then an interrupt prints a traceback, as it does
in any program while Python itself starts.
"""

from __future__ import annotations

import os
import sys

# As type checkers know it from typing, which takes longer to load than everything here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# As a shell reports a program that Ctrl-C ended.
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. `argv` is without the program's name."""
    try:
        if argv is not None:
            return _run(argv)
        _prepare_streams()
        from filtersched.cli.signals import ended_by_signals

        with ended_by_signals():
            return _run(sys.argv[1:])
    except KeyboardInterrupt as end:
        number: int | None = getattr(end, "number", None)
        if number is None:
            return _INTERRUPTED
        # Everything is closed and tidied up.
        from filtersched.cli.signals import die_of

        return die_of(number)


def _run(given: Sequence[str]) -> int:
    from filtersched.cli.command import run

    return run(list(given))


def _prepare_streams() -> None:
    """Give the standard streams that the caller closed something to be.

    Without it the next file that is opened would be the standard error, and what a library prints
    there would stand in it. A missing standard output stays missing: losing the result is an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    if hasattr(sys.stdout, "reconfigure"):
        # A name that the terminal's encoding lacks must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
