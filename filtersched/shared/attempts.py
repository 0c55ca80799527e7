"""Attempts: an action on a shared pool begins with what others changed, and is done again if that was too old."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from filtersched.errors import InvalidRequest, must_be
from filtersched.hosts.atomic import Atomic
from filtersched.hosts.placement import CommitConflict
from filtersched.shared.claims import Outdated

_T = TypeVar("_T")
# The pause before another attempt is drawn anew, and may be longer after each.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.1


class Caught(Protocol):
    """What attempts need of a pool."""

    def catch_up(self) -> None:
        """Bring the replica up to date."""

    def attempt_failed(self, problem: Outdated) -> None:
        """Note that a transaction met a change of others."""


class Attempts(Atomic):
    """Runs one action at a time, the outermost one on the newest state, and again if others changed it meanwhile."""

    def __init__(self, drop_caches: Callable[[], None], pool: Caught, most: int) -> None:
        super().__init__(drop_caches)
        self._pool = pool
        self._most = most
        self._is_inside = False

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        if self._is_inside and self._times_held():
            return super().run(act, *args)
        return super().run(lambda: self._outermost(act, args))

    def _outermost(self, act: Callable[..., _T], args: Sequence[Any]) -> _T:
        try:
            self._is_inside = True
            return self._attempted(act, args)
        finally:
            self._is_inside = False

    def _attempted(self, act: Callable[..., _T], args: Sequence[Any]) -> _T:
        longest = _SHORTEST_PAUSE_S
        for number in range(1, self._most + 1):
            super().run(self._pool.catch_up)
            try:
                return super().run(act, *args)
            except Outdated as problem:
                self._pool.attempt_failed(problem)
                if number == self._most:
                    raise self.conflict(number) from problem
            if number > 1:
                time.sleep(random.uniform(0, longest))
                longest = min(_LONGEST_PAUSE_S, longest * 2)
        raise AssertionError("there is one attempt at least")

    def conflict(self, attempts: int) -> CommitConflict:
        """What is raised after the last attempt."""
        return CommitConflict(
            f"others changed what this was decided on, {attempts} times in a row; nothing was changed, try again later"
        )


def checked_count(name: str, given: Any) -> int:
    """A number of attempts, or of changes. Raises InvalidRequest."""
    if type(given) is not int or given < 1:
        said = must_be(name, "a whole number above 0", given)
        raise InvalidRequest(said, field=name, value=given)
    return given
