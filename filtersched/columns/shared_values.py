"""Sharing: hosts that are alike have one object where each was given its own."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable
from typing import Any

from filtersched.columns.frozen import OnlyItself, typed_key

_MAX_BYTES = 4 * 1024 * 1024
# Values larger than this are rarely alike, and would push many small ones out.
_MAX_BYTES_EACH = 64 * 1024


class SharedValues:
    """Read-only values by what they say, bounded by bytes; what was not used for long goes first.

    Threads may use it at once without a lock: the worst that happens is that a value is not shared.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        # A value is looked for in both and put among the new ones; when these are full they become the old.
        self._new: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}
        self._new_bytes = 0

    def of(self, value: Any) -> Any:
        """The value, or one that cannot be told from it."""
        if not value:
            return value
        key = typed_key(value)
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key, value)
            # The value takes about as much as its key; the table needs some for each.
            self._put(key, found, 2 * _size_of(key) + 100)
        return found

    def made(self, make: Callable[[Any], Any], data: Any) -> Any:
        """What `make` makes of the data, shared; it makes the same of the same data.

        Lists and dicts as a file has them are told apart by their bytes, which takes far less time than
        to make a value of them.
        """
        if type(data) is not list and type(data) is not dict:
            return self.of(make(data))
        try:
            # In this version the bytes do not depend on which texts are the same object.
            key = (make, marshal.dumps(data, 2))
        except ValueError:
            return self.of(make(data))
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                found = make(data)
            self._put(key, found, 6 * len(key[1]) + 500)
        return found

    def _put(self, key: Any, value: Any, size: int) -> None:
        if size > _MAX_BYTES_EACH:
            return
        new = self._new
        new[key] = value
        self._new_bytes += size
        if self._new_bytes > self._max_bytes // 2:
            self._old, self._new, self._new_bytes = new, {}, 0


def _size_of(key: Any) -> int:
    """About how many bytes a key takes; very many if it holds an object that is like no other."""
    if isinstance(key, tuple | frozenset):
        return sys.getsizeof(key) + sum(map(_size_of, key))
    if isinstance(key, type):
        return 0
    return _MAX_BYTES_EACH if isinstance(key, OnlyItself) else sys.getsizeof(key)


# The read-only value that a function makes of data, so that hosts alike share one object.
shared_made = SharedValues().made
