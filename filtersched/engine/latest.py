"""Latest: what was used last, by key."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeVar

_T = TypeVar("_T")


class Latest(OrderedDict[Any, _T]):
    """So many values at most; the one that was not used for the longest time goes first."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def find(self, key: Any) -> _T | None:
        """The value of the key; None if there is none."""
        try:
            self.move_to_end(key)
            return self[key]
        except KeyError:
            return None

    def keep(self, key: Any, value: _T) -> _T:
        """Keep a value, and return it."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)
        return value
