"""RowCaches: what was made of attributes of all hosts of a pool, by what it is, brought up to date row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from filtersched.columns.column import NotVectorizable
from filtersched.hosts.declared_items import Name
from filtersched.hosts.host_state import HostState
from filtersched.hosts.row_changes import RowChanges

# What requests name is kept up to a total weight: at least, at most, and times the number of rows.
_LEAST, _MOST, _MOST_ROWS = 128, 512, 4_000_000


class Made(Protocol):
    """What a recipe makes of all rows. If a method raises, it is dropped, and made anew when it is asked for."""

    def put(self, row: int, value: Any, /) -> None:
        """Give a row another value."""

    def append(self, value: Any, /) -> None:
        """Add a row with this value behind the others."""

    def remove(self, row: int, /) -> None:
        """Take a row out; those behind it move up."""


_M = TypeVar("_M", bound=Made)


class Recipe(NamedTuple, Generic[_M]):
    """How something is made of all rows.

    attributes : what it reads of a host; None is anything, () is nothing that changes.
    of : the value of one host.
    make : what it makes of the rows; raises NotVectorizable.
    weight : how many columns it takes as much as; 0 for what plug-ins name and not requests: there are few.
    """

    attributes: Collection[Name] | None
    of: Callable[[Any], Any]
    make: Callable[[Any], _M]
    weight: int = 0


class _Cached:
    """A recipe and what it made when there were so many changes; None if it could not."""

    __slots__ = ("change_count", "made", "recipe")

    def __init__(self, recipe: Recipe[Any]) -> None:
        self.recipe = recipe
        self.change_count: int = -1
        self.made: Any = None


class RowCaches(RowChanges):
    """Rows of hosts with what was made of them; HostRows derives from it.

    version : how often rows came or went.
    """

    def __init__(self) -> None:
        self.version: int = 0
        super().__init__()

    def host(self, row: int) -> HostState:
        """The object of a row."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Drop every cache, and the log of changes."""
        self.version += 1
        self._forget_changes()
        # By what gives the recipe and its arguments; what was used last comes last.
        self._caches: dict[Any, _Cached] = {}
        self._weight = 0

    def current(self, kind: Callable[..., Recipe[_M]], *arguments: Any) -> _M:
        """What `kind(*arguments)` makes of the hosts as they are now. Raises NotVectorizable if it cannot."""
        key = (kind, *arguments)
        # Taken out while it changes: what an exception leaves half done is never used.
        cached = self._caches.pop(key, None)
        if cached is None:
            cached = _Cached(kind(*arguments))
            self._make_room(cached.recipe.weight)
        if cached.change_count != self.change_count and (cached.made is None or cached.recipe.attributes != ()):
            self._bring_up_to_date(cached)
        self._caches[key] = cached
        if cached.made is None:
            raise NotVectorizable
        return cached.made  # type: ignore[no-any-return]

    def _bring_up_to_date(self, cached: _Cached) -> None:
        recipe, made = cached.recipe, cached.made
        dirty = self.changed_rows(cached.change_count, recipe.attributes)
        is_current = dirty == []
        if dirty and made is not None:
            with contextlib.suppress(Exception):
                for row in dirty:
                    made.put(row, recipe.of(self.host(row)))
                is_current = True
        if not is_current:
            cached.made = None
            # The boundary to a class derived from HostState: it may be a host that is no candidate.
            with contextlib.suppress(Exception):
                cached.made = recipe.make(self)
        cached.change_count = self.change_count

    def _make_room(self, weight: int) -> None:
        """Drop what was not used for the longest time, if requests named much."""
        self._weight += weight
        most = max(_LEAST, min(_MOST, _MOST_ROWS // (len(self._hosts) or 1)))
        if self._weight > most:
            for key in [key for key, one in self._caches.items() if one.recipe.weight]:
                self._weight -= self._caches.pop(key).recipe.weight
                if self._weight <= most:
                    break

    def _move_rows(self, change: Callable[[Any, Recipe[Any]], None], move: Callable[[], object]) -> None:
        """Let a host come or go, and what was made of all hosts follow; what is not up to date stays so.

        change : of what was made by a recipe; move : of the rows, and of the log of changes.
        """
        caches, self._caches = self._caches, {}
        moved = {}
        for key, cached in caches.items():
            # What cannot follow is made anew when it is asked for.
            with contextlib.suppress(Exception):
                if cached.made is not None:
                    change(cached.made, cached.recipe)
                    moved[key] = cached
        move()
        self.version += 1
        self._forget_reads()
        self._caches = moved
        self._weight = sum(one.recipe.weight for one in moved.values())
