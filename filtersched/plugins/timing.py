"""How long each plug-in took in a decision, for one that asks for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

_A = TypeVar("_A")
_T = TypeVar("_T")


class _Clock(threading.local):
    """The seconds by the name of the plug-in, while somebody measures in this thread."""

    seconds: dict[str, float] | None = None


_clock = _Clock()


def measured(seconds: dict[str, float] | None, act: Callable[[_A], _T], argument: _A) -> _T:
    """The result of `act(argument)`; what plug-ins take in it is added up in `seconds`. None measures nothing."""
    outer, _clock.seconds = _clock.seconds, seconds
    try:
        return act(argument)
    finally:
        _clock.seconds = outer


@contextlib.contextmanager
def timed(plugin: object) -> Iterator[None]:
    """Count what happens inside as the plug-in's."""
    seconds = _clock.seconds
    if seconds is None:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        name = type(plugin).__name__
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began
