"""The clock of the database, as this process knows it."""

from __future__ import annotations

import time
from collections.abc import Callable

# What two clocks may drift apart in a second: the bounds widen by so much.
_DRIFT = 1e-4


class DatabaseClock:
    """Seconds since 1970 by the clock of the database, whatever the clock of this machine says.

    Each answer of the database bounds how far its clock is from the monotonic one: it was read after the question and
    before the answer. The bounds of all answers together are narrow. If they exclude one another, the clock was set.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._low, self._high, self._as_of = float("-inf"), float("inf"), monotonic()

    def learn(self, said: float, asked: float) -> None:
        """Note what the database said; `asked` is the monotonic time of the question."""
        answered = self._monotonic()
        low, high = said - answered, said - asked
        wider = (answered - self._as_of) * _DRIFT
        self._low, self._high = max(low, self._low - wider), min(high, self._high + wider)
        if self._low > self._high:
            self._low, self._high = low, high
        self._as_of = answered

    def seconds(self) -> float:
        """Now; called after something was learnt."""
        return self._monotonic() + (self._low + self._high) / 2
