"""RowChanges: which rows of a pool changed since when, and in which attributes."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from filtersched.columns.frozen import typed_key
from filtersched.hosts.declared_items import Items, Name, attribute_of, attributes_in
from filtersched.hosts.host_state import HostState

# The value of an attribute that a host does not have.
MISSING = object()
# The rows of so many changes are known, at most of twice as many.
_LOGGED = 16384
# What a plug-in reads may depend on the request: of so many items it is noted whether they changed, and so
# many sets of attributes are kept.
_MOST_ITEMS, _MOST_WATCHED = 64, 1024

# Rows by the attribute that has changed; None is any attribute.
Changes = dict[str | None, dict[int, None]]


class RowChanges:
    """The log of changes of hosts in rows; HostRows derives from it.

    change_count : number of changes recorded so far.
    """

    _hosts: list[HostState | None]

    def __init__(self) -> None:
        self.change_count: int = 0
        self._forget_changes()

    def _forget_changes(self) -> None:
        """From here on nobody can tell what changed before."""
        # The rows that were marked, and the attributes of each.
        self._log_rows = array("q")
        self._log_names: list[Collection[str] | None] = []
        self._log_start = self.change_count
        self._forget_reads()

    def _forget_reads(self) -> None:
        """Forget what is read, by whom, and what of it holds for the hosts that there were."""
        # By number of changes: the rows that are dirty since.
        self._dirty: dict[int, Changes] = {}
        self._plain: dict[str, bool] = {}
        self._watched_attributes: dict[tuple[Name, ...], frozenset[str] | None] = {}
        # By attribute: the keys of the items of which it is noted whether they changed.
        self._watched_keys: dict[str, set[str]] = {}

    def mark_dirty(self, row: int, attributes: Collection[str] | None = None) -> None:
        """Note that these attributes of the host in `row` have changed; None is any of them."""
        if len(self._log_rows) >= 2 * _LOGGED:
            del self._log_rows[:_LOGGED], self._log_names[:_LOGGED]
            self._log_start += _LOGGED
        self._log_rows.append(row)
        self._log_names.append(attributes)
        self._dirty.clear()
        self.change_count += 1

    def _move_up(self, gone: int) -> None:
        """A row is gone, and those behind it move up."""
        rows = np.frombuffer(self._log_rows, dtype=np.int64)
        for at in np.flatnonzero(rows == gone).tolist():
            self._log_names[at] = ()
        rows -= rows > gone

    def dirty_rows_since(self, then: int, reads: frozenset[str] | None) -> list[int] | None:
        """The rows in which something of `reads` was dirty since, each once; None reads anything.

        None if that is so long ago that all rows may be.
        """
        if then == self.change_count:
            return []
        dirty = self.changes_since(then)
        if dirty is None:
            return None
        return list(rows_in(dirty, reads))

    def changes_since(self, then: int) -> Changes | None:
        """The rows that are dirty since then, by attribute; the key None is any attribute.

        None if that is so long ago that all rows may be.
        """
        if then in self._dirty:
            return self._dirty[then]
        if then < self._log_start:
            return None
        dirty: Changes = {}
        start = then - self._log_start
        if then == self.change_count - 1:
            # All names share the row.
            names, rows = self._log_names[start], {self._log_rows[start]: None}
            dirty = dict.fromkeys((None,) if names is None else names, rows)
            start += 1
        for row, names in zip(self._log_rows[start:], self._log_names[start:], strict=True):
            for name in (None,) if names is None else names:
                if name not in dirty:
                    dirty[name] = {}
                dirty[name][row] = None
        self._dirty[then] = dirty
        return dirty

    def changed_rows(self, then: int, reads: Iterable[Name] | None) -> list[int] | None:
        """The same for attributes and items by name, which may be computed from others."""
        return self.dirty_rows_since(then, None if reads is None else self.watched_attributes(reads))

    def watched_attributes(self, reads: Iterable[Name]) -> frozenset[str] | None:
        """The attributes whose changes affect these reads; None if one of them is computed."""
        key = tuple(reads)
        if key not in self._watched_attributes:
            if len(self._watched_attributes) >= _MOST_WATCHED:
                self._watched_attributes.clear()
            attributes = attributes_in(key)
            self._watched_attributes[key] = frozenset(attributes) if all(map(self.is_plain, attributes)) else None
        return self._watched_attributes[key]

    def watched_items(self, reads: Iterable[Name]) -> frozenset[str] | None:
        """The same, or names of items, `capabilities.load`, whose changes are noted from now on."""
        watched = []
        for name in reads:
            attribute = attribute_of(name)
            if not self.is_plain(attribute):
                return None
            watched += self._watch(name) if type(name) is Items else [attribute]
        return frozenset(watched)

    def _watch(self, items: Items) -> list[str]:
        attribute, keys = items
        known = self._watched_keys.setdefault(attribute, set())
        if items.has_patterns or len(known.union(keys)) > _MOST_ITEMS:
            return [attribute]
        known.update(keys)
        return [f"{attribute}.{key}" for key in keys]

    def changed_names(self, names: Collection[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> Collection[str]:
        """The names of attributes, and of the watched items of these that differ in two states of a host."""
        further = []
        for attribute in self._watched_keys.keys() & names:
            values = old.get(attribute, MISSING), new.get(attribute, MISSING)
            for key in self._watched_keys[attribute]:
                before, after = map(Items(attribute, (key,)).of, values)
                try:
                    is_changed = typed_key(before) != typed_key(after)
                except Exception:
                    # The boundary to a value of any class.
                    is_changed = True
                if is_changed:
                    further.append(f"{attribute}.{key}")
        return [*names, *further] if further else names

    def kinds(self) -> Collection[type]:
        """The classes of the hosts, and perhaps of hosts that went."""
        raise NotImplementedError

    def is_plain(self, attribute: str) -> bool:
        """Whether changes of the attribute are assignments to it on every host."""
        known = self._plain.get(attribute)
        if known is None:
            kinds = self.kinds()
            worked_out = any(hasattr(getattr(kind, attribute, None), "__get__") for kind in kinds)
            watched = all(getattr(kind, "__getattribute__") is object.__getattribute__ for kind in kinds)  # noqa: B009
            made_up = any(hasattr(kind, "__getattr__") for kind in kinds)
            known = self._plain[attribute] = watched and not worked_out and not made_up
        return known


def rows_in(changes: Changes, reads: frozenset[str] | None) -> Collection[int]:
    """The rows in which something of `reads` has changed, each once; None reads anything."""
    if reads is not None and None not in changes and changes.keys().isdisjoint(reads):
        return ()
    found: dict[int, None] = {}
    for name, rows in changes.items():
        if rows is not found and (reads is None or name is None or name in reads):
            found = {**found, **rows} if found else rows
    return found
