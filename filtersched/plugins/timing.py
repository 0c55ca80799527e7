"""How long each plug-in took in a decision, for one that asks for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator


class _Clock(threading.local):
    """The seconds by the name of the plug-in, while somebody measures in this thread."""

    seconds: dict[str, float] | None = None


_clock = _Clock()


@contextlib.contextmanager
def measured(seconds: dict[str, float] | None) -> Iterator[None]:
    """Add up in `seconds` what plug-ins take inside; None measures nothing."""
    outer, _clock.seconds = _clock.seconds, seconds
    try:
        yield
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
