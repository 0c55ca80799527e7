"""Raising an exception at one opcode of the library, as a signal's handler may."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import filtersched

_FOLDER = str(Path(filtersched.__file__).parent)


class Struck(BaseException):
    """What comes from outside, at any time."""


def struck_at(opcode: int, act: Callable[[], Any], exception: type[BaseException] = Struck) -> bool:
    """Run `act`, and raise `exception` before that opcode of the library; whether there were so many."""
    left = opcode

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        if event == "call":
            if not frame.f_code.co_filename.startswith(_FOLDER):
                return None
            frame.f_trace_opcodes = True
        elif event == "opcode":
            left -= 1
            if left < 0:
                raise exception("from outside")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except exception:
        if left >= 0:
            raise
    finally:
        sys.settrace(before)
    return left < 0


def every_opcode(made: Callable[[], Callable[[], Any]], step: int = 1, **how: Any) -> Iterator[int]:
    """Strike `made()`, made anew, at every `step`-th opcode; yields after each strike."""
    opcode = 0
    while struck_at(opcode, made(), **how):
        yield opcode
        opcode += step
