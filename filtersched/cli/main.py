"""The command filtersched: its errors are one line, its exit status says what happened."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

from filtersched.cli import check_config, package_files, plugins, schedule, why
from filtersched.cli.arguments import Invocation, parse
from filtersched.cli.errors import StdoutError
from filtersched.cli.terminal import Terminal, printable
from filtersched.errors import FilterschedError

_COMMANDS: dict[str, Callable[..., int]] = {
    "schedule": schedule.run,
    "why": why.run,
    "plugins": plugins.run,
    "check-config": check_config.run,
    "completion": package_files.run_completion,
    "man": package_files.run_man,
}

_ERROR = 2
# As a shell reports a program that the signal ended.
_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. `argv` is without the program's name."""
    given = sys.argv[1:] if argv is None else list(argv)
    if argv is None and hasattr(sys.stdout, "reconfigure"):
        # A name that the terminal's encoding lacks must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    debug = "--debug" in given
    try:
        with _logging(debug):
            terminal = Terminal()
            status = _run(given or ["--help"], terminal)
            terminal.out.flush()
        return status if given else _ERROR
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return _BROKEN_PIPE
    except FilterschedError as error:
        if isinstance(error, StdoutError):
            _forget_stdout()
        return _complain(str(error), debug)
    except Exception as error:
        # From inside a plug-in, whose words are the notes; or a mistake of ours.
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        return _complain(f"{type(error).__name__}: {error}{notes} (--debug shows where)", debug)


def _run(argv: Sequence[str], terminal: Terminal) -> int:
    try:
        invocation: Invocation = parse(argv)
    except SystemExit as end:  # after --help and --version
        return end.code if isinstance(end.code, int) else 0
    return _COMMANDS[invocation.args.command](invocation.args, invocation.conf, terminal)


def _complain(problem: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        print(f"filtersched: error: {' '.join(map(printable, problem.split()))}", file=sys.stderr)
    return _ERROR


def _forget_stdout() -> None:
    """Let what is still to be written to the standard output go nowhere, so that exiting is quiet."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _logging(debug: bool) -> Iterator[None]:
    """Warnings on the standard error while the command runs; with --debug everything."""
    logger = logging.getLogger("filtersched")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("filtersched: %(levelname)s: %(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
