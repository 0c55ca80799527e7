"""Raising an exception at one opcode of the library after another, as a signal's handler may."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import filtersched

_FOLDER = str(Path(filtersched.__file__).parent)
_MOST_FAILURES = 3


class Struck(BaseException):
    """What comes from outside, at any time."""


def strike_everywhere(
    act: Callable[[], object],
    check: Callable[[], object],
    *,
    step: int = 1,
    offset: int = 0,
    exception: type[BaseException] = Struck,
) -> int:
    """How often `act` was struck: `exception` was raised before every `step`-th opcode of the library.

    `act` runs once. At each of those opcodes a child process is forked off: the exception is raised
    there, and `check` is called there afterwards. So nothing is made anew for the next strike.
    Raises AssertionError with the tracebacks of the first checks that failed.
    """
    opcode = strikes = 0
    failures: list[str] = []
    writing: int | None = None  # the pipe to the parent, in a child

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal opcode, strikes, writing
        if event == "call":
            if not frame.f_code.co_filename.startswith(_FOLDER):
                return None
            frame.f_trace_opcodes = True
        elif event == "opcode":
            if opcode % step == offset and len(failures) < _MOST_FAILURES:
                strikes += 1
                writing, said = _fork()
                if writing is not None:
                    raise exception("from outside")
                if said:
                    failures.append(f"struck before opcode {opcode}:\n{said}")
            opcode += 1
        return trace

    before = sys.gettrace()
    with warnings.catch_warnings():
        # Of threads that are not in the child: there it is the library's that count.
        warnings.simplefilter("ignore", DeprecationWarning)
        sys.settrace(trace)
        try:
            act()
        except BaseException as problem:
            sys.settrace(before)
            if writing is None:
                raise
            if not isinstance(problem, exception):
                _end(writing, traceback.format_exc())
        finally:
            sys.settrace(before)
    if writing is not None:
        try:
            check()
        except BaseException:
            _end(writing, traceback.format_exc())
        _end(writing, "")
    assert not failures, "\n".join(failures)
    return strikes


def _fork() -> tuple[int | None, str]:
    """In a child: a pipe to the parent. In the parent: what the child said, once it has ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        gc.disable()
        if hasattr(signal, "alarm"):
            # A child that waits for ever ends so, and with it the parent's wait.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
        return writing, ""
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:
        said = stream.read()
    _child, status = os.waitpid(child, 0)
    return None, said or (f"the child ended with status {status}" if status else "")


def _end(writing: int, said: str) -> NoReturn:
    os.write(writing, said.encode()[-60_000:])
    os._exit(0)
