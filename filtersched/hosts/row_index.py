"""RowIndex: which rows have a key, such as a name; and the numbers of hosts that stay when rows come and go."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from filtersched.hosts.host_names import HostNames


class HostNumbers:
    """A number of each host in the rows, which stays the same when others come and go. Later rows have larger ones.

    of_rows : in order of rows; next : of the host that comes next.
    """

    __slots__ = ("next", "of_rows")

    def __init__(self, count: int) -> None:
        self.next: int = count
        self.of_rows: Sequence[int] = range(count)

    def rows(self, numbers: Sequence[int]) -> Sequence[int]:
        """The rows of hosts."""
        of_rows = self.of_rows
        return numbers if type(of_rows) is range else [bisect_left(of_rows, number) for number in numbers]

    def in_rows(self, each: NDArray[np.intp]) -> NDArray[np.intp]:
        """Values by number, in order of rows."""
        return each.take(self.of_rows) if isinstance(self.of_rows, array) else each

    def append(self) -> None:
        """Give a number to a host in a new row behind the others."""
        if isinstance(self.of_rows, array):
            self.of_rows.append(self.next)
        else:
            self.of_rows = range(self.next + 1)
        self.next += 1

    def remove(self, row: int) -> None:
        """Forget the host in a row; those behind it move up."""
        if not isinstance(self.of_rows, array):
            self.of_rows = array("q", self.of_rows)
        del self.of_rows[row]


class RowIndex:
    """Keys to the rows that have them, nearly always one."""

    __slots__ = ("_found", "_numbers")

    def __init__(self, numbers: HostNumbers) -> None:
        self._numbers = numbers
        # By key the numbers of hosts.
        self._found: dict[str, int | tuple[int, ...]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def rows(self, key: str) -> Sequence[int]:
        """The rows that have a key."""
        found = self._found.get(key, ())
        return self._numbers.rows((found,) if isinstance(found, int) else found)

    def _add(self, key: str, number: int) -> None:
        known = self._found.setdefault(key, number)
        if known != number:
            others = (known,) if isinstance(known, int) else known
            self._found[key] = others if number in others else (*others, number)

    def _discard(self, key: str, number: int) -> bool:
        """Whether no host has the key any more."""
        known = self._found.pop(key, number)
        left = tuple(one for one in ((known,) if isinstance(known, int) else known) if one != number)
        if left:
            self._found[key] = left if len(left) > 1 else left[0]
        return not left


class NameIndex(RowIndex):
    """The rows of the hosts of each name, in order.

    names : in order of rows; another sequence when rows come or go.
    """

    __slots__ = ("_by_lower", "host_names", "names")

    def __init__(self, names: Sequence[str], numbers: HostNumbers) -> None:
        super().__init__(numbers)
        self._found = dict(zip(names, numbers.of_rows, strict=True))
        if len(self._found) < len(names):
            self._found = {}
            for name, number in zip(names, numbers.of_rows, strict=True):
                self._add(name, number)
        self._take(names)

    def _take(self, names: Sequence[str]) -> None:
        self.names: Sequence[str] = names
        #: What the hosts are called, once somebody asked.
        self.host_names: HostNames | None = None
        self._by_lower: dict[str, list[str]] | None = None

    def several(self) -> frozenset[str]:
        """The names that several rows have."""
        if len(self._found) == len(self.names):
            return frozenset()
        return frozenset(name for name, numbers in self._found.items() if not isinstance(numbers, int))

    def like(self, name: str) -> list[str]:
        """The names that are equal to this one without regard to case."""
        if self._by_lower is None:
            self._by_lower = {}
            for known in self:
                self._by_lower.setdefault(known.lower(), []).append(known)
        return self._by_lower.get(name.lower(), [])

    def put(self, row: int, name: str) -> None:
        """A host keeps its name."""

    def append(self, name: str) -> None:
        """Add a row with a host of that name."""
        self._add(name, self._numbers.of_rows[len(self.names)])
        self._take([*self.names, name])

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self._discard(self.names[row], self._numbers.of_rows[row])
        self._take([*self.names[:row], *self.names[row + 1 :]])
