"""Where the command begins and ends: signals, closed streams, the exit status.

Imports nothing of weight before it is ready for a signal: loading numpy and the engine takes most
of a short run's time, and Ctrl-C comes then too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

# As a shell reports a program that the signal ended.
_INTERRUPTED = 128 + signal.SIGINT
# What ends a command from outside; those that the system lacks are not there.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Ended(KeyboardInterrupt):
    """The command is to end; an interrupt, so that nothing takes it for an error of a plug-in."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. `argv` is without the program's name."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        if argv is not None:
            return _run(given)
        _prepare_streams()
        with _ended_by_signals():
            return _run(given)
    except _Ended as end:
        # Everything is closed and tidied up: now end as the signal would have ended it.
        signal.signal(end.number, signal.SIG_DFL)
        os.kill(os.getpid(), end.number)
        return 128 + end.number
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(given: Sequence[str]) -> int:
    from filtersched.cli.command import run

    return run(given)


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


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command by an exception, so that no unfinished file is left."""

    def end(number: int, _frame: FrameType | None) -> None:
        for each in _ENDING:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended(number)

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:  # nohup ignores SIGHUP, and that stays
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is signal.SIG_DFL:
                signal.signal(number, handler)
