"""One run of the command: its errors are one line, its exit status says what happened."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

from filtersched import __version__
from filtersched.cli.errors import StdoutError
from filtersched.cli.terminal import Terminal, printable
from filtersched.errors import FilterschedError, InventoryError

# Imported when they are run; most need numpy and the engine.
_COMMANDS = {
    "schedule": "schedule:run",
    "why": "why:run",
    "capacity": "capacity:run",
    "drain": "moves:run_drain",
    "rebalance": "moves:run_rebalance",
    "audit": "moves:run_audit",
    "waves": "moves:run_waves",
    "compare": "compare:run",
    "plugins": "plugins:run",
    "check-config": "check_config:run",
    "inventory": "inventory:run",
    "pool": "pool:run",
    "completion": "package_files:run_completion",
    "man": "package_files:run_man",
    "files": "package_files:run_files",
    "config": "package_files:run_config",
}

_ERROR = 2
# Python looks for cycles when there are so many new objects.
_COLLECTED_AT = 50_000
# As a shell reports a program that a broken pipe ended.
_BROKEN_PIPE = 141


def run(given: Sequence[str]) -> int:
    """Run a command line, which is without the program's name; the exit status."""
    debug = "--debug" in given
    try:
        with _logging(debug), _current_directory_last(), _rare_collections():
            terminal = Terminal()
            status = _run(given or ["--help"], terminal)
            terminal.out.flush()
        return status if given else _ERROR
    except BrokenPipeError:
        _forget_stdout()
        return _BROKEN_PIPE
    except FilterschedError as error:
        if isinstance(error, StdoutError):
            _forget_stdout()
        # An input with several mistakes is told line by line.
        is_several = isinstance(error, InventoryError) and error.further
        return _complain(str(error).split("\n") if is_several else [str(error)], debug)
    except Exception as error:
        # From inside a plug-in, whose words are the notes; or a mistake of ours.
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        return _complain([f"{type(error).__name__}: {error}{notes} (--debug shows where)"], debug)


def _run(argv: Sequence[str], terminal: Terminal) -> int:
    if argv[0] in ("-V", "--version"):
        # Without the arguments' parser, which asks every plug-in for its options.
        terminal.line(f"filtersched {__version__}")
        return 0
    from oslo_config import cfg

    from filtersched.cli.arguments import parse

    try:
        invocation = parse(argv)
    except SystemExit as end:  # after --help
        return end.code if isinstance(end.code, int) else 0
    terminal.configure(color=getattr(invocation.args, "color", "auto"), quiet=getattr(invocation.args, "quiet", False))
    module, _colon, function = _COMMANDS[invocation.args.command].partition(":")
    command = getattr(importlib.import_module(f"filtersched.cli.{module}"), function)
    # The process is the command's own: plug-ins find their options where Nova's do.
    invocation.conf.plugins_read = cfg.CONF
    status: int = command(invocation.args, invocation.conf, terminal)
    return status


def _complain(problems: Sequence[str], debug: bool) -> int:
    """Print a line for each problem, as compilers do, whatever stands in them; the exit status."""
    if debug:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        for problem in problems:
            print(f"filtersched: error: {' '.join(map(printable, problem.split()))}", file=sys.stderr)
    return _ERROR


def _forget_stdout() -> None:
    """Let what is still to be written to the standard output go nowhere, so that exiting is quiet."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
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


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for cycles seldom: a request leaves few, and each look takes as long as many requests."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTED_AT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def _current_directory_last() -> Iterator[None]:
    """Let plug-ins be imported from the current directory too, after everything that is installed."""
    try:
        here = None if sys.flags.safe_path else os.getcwd()
    except OSError:
        here = None
    if here is None or here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a plug-in may have taken it away
            sys.path.remove(here)
