"""Atomic: changes under one lock, each of which happens as a whole or not at all.

An exception may come from outside at any time: a timeout's signal, Ctrl-C, a task queue's limit. So
may a fork, which leaves the child with what other threads had in hand.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from filtersched.errors import FilterschedError

_T = TypeVar("_T")

# What the library and lookups raise on purpose, before they change anything.
_EXPECTED = (FilterschedError, KeyError)


class Atomic:
    """Runs one action at a time.

    lock : held during the action; re-entrant. Callers may hold it to keep other threads out.
    """

    def __init__(self, drop_caches: Callable[[], None]) -> None:
        """drop_caches : called after an exception from outside, when no cache is to be trusted."""
        self.lock: threading.RLock = threading.RLock()
        # How often this thread holds the lock; the oldest Pythons know only whether it does.
        lock: Any = self.lock
        self._times_held: Callable[[], int] = getattr(lock, "_recursion_count", lock._is_owned)
        self._drop_caches = drop_caches
        # A change that has begun, and is not known to have ended.
        self._begun: Callable[[], None] | None = None
        # What takes back the transactions that have begun, and are not known to have ended; the innermost is last.
        self._undoing: list[Callable[[], None]] = []
        _watch_forks(self)

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        """The result of `act(*args)` under the lock.

        Whatever exception strikes, and wherever: a change that `act` has published happens, the
        lock is as it was before, and caches that may be half written are dropped.
        """
        held = self._times_held()
        try:
            with self.lock:
                return self._run(act, args)
        except BaseException:
            # `with` does not release if the exception strikes between its block and the release.
            for _ in range(self._times_held() - held):
                self.lock.release()
            raise

    def _run(self, act: Callable[..., _T], args: tuple[Any, ...]) -> _T:
        # A separate function: an exception between a `with` and a `try` inside it escapes both.
        around = len(self._undoing)
        try:
            if self._begun is not None:
                self._recover()
            return act(*args)
        except BaseException as problem:
            if len(self._undoing) > around:
                self._take_back(around)
            if self._begun is not None or not isinstance(problem, _EXPECTED):
                self._recover()
            raise

    def publish(self, change: Callable[..., None], *args: Any) -> None:
        """Make a change, `change(*args)`. From here on it happens; called within `run`.

        change : may be called again after it was interrupted anywhere.
        """
        self._begun = functools.partial(change, *args)
        change(*args)
        self._begun = None

    def transact(self, act: Callable[[], _T], keep: Callable[[], None], undo: Callable[[], None]) -> _T:
        """The result of `act()`, and `keep()` after it; or `undo()` if an exception strikes. Called within `run`.

        keep, undo : may be called again after they were interrupted anywhere. After `keep`, `undo` does nothing.
        """
        around = len(self._undoing)
        try:
            self._undoing.append(undo)
            result = act()
            self.publish(keep)
            del self._undoing[around:]
            return result
        except BaseException:
            # An exception that strikes in here finds `_run` above, which takes back as well.
            self._take_back(around)
            raise

    def _take_back(self, around: int = 0) -> None:
        """Undo the transactions but so many, which are around them."""
        if self._begun is not None:
            self._recover()
        while len(self._undoing) > around:
            self._undoing[-1]()
            self._undoing.pop()

    def _recover(self) -> None:
        if self._begun is not None:
            self._begun()
        self._drop_caches()
        self._begun = None

    def _after_fork(self) -> None:
        """In a child: release the lock if a thread held it that is not there any more."""
        if self.lock.acquire(blocking=False):
            self.lock.release()
        else:
            self.lock._at_fork_reinit()  # type: ignore[attr-defined]
            self.run(self._recover)
            self.run(self._take_back)


_atomics: weakref.WeakSet[Atomic] = weakref.WeakSet()


def _watch_forks(atomic: Atomic) -> None:
    _register_at_fork()
    _atomics.add(atomic)


@functools.cache
def _register_at_fork() -> None:
    """Once in a process, and not before it is needed."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    for atomic in list(_atomics):
        atomic._after_fork()
