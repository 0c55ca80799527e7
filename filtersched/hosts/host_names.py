"""What hosts are called: by name, and with the node where a host has several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A host's name and its node; no node where that tells no more.
Node = tuple[str, str | None]


def called(node: Node, several: Collection[str]) -> str:
    """The name of a host, `host/nodename` if it is among those that have several nodes."""
    host, nodename = node
    return f"{host}/{nodename}" if nodename is not None and host in several else host


def described(host: Any) -> str:
    """A host in the words of an error, with its node where that has another name."""
    return f"host {host.host!r}" + ("" if host.nodename == host.host else f", node {host.nodename!r}")


def several_nodes(names: Iterable[str]) -> frozenset[str]:
    """The names that come more than once."""
    counts = Counter(names)
    return frozenset(name for name, count in counts.items() if count > 1)


class RowsByName:
    """The rows of the hosts of each name, in order.

    Each host has a number, which stays the same when rows come and go.
    """

    __slots__ = ("_made", "_numbers", "_row_of")

    def __init__(self, names: Sequence[str]) -> None:
        self._made = len(names)
        self._numbers: dict[str, int | tuple[int, ...]] = dict(zip(names, range(self._made), strict=True))
        # By number the row; None while no host has been removed.
        self._row_of: NDArray[np.intp] | None = None
        if len(self._numbers) < len(names):
            self._numbers = {}
            for number, name in enumerate(names):
                self._note(name, number)

    def _note(self, name: str, number: int) -> None:
        known = self._numbers.setdefault(name, number)
        if known != number:
            self._numbers[name] = (*([known] if isinstance(known, int) else known), number)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __getitem__(self, name: str) -> Sequence[int]:
        found = self._numbers.get(name, ())
        numbers = (found,) if isinstance(found, int) else found
        return numbers if self._row_of is None else tuple(map(self._row_of.item, numbers))

    def several(self) -> frozenset[str]:
        """The names of hosts that have several nodes."""
        return frozenset(name for name, numbers in self._numbers.items() if not isinstance(numbers, int))

    def append(self, name: str, row: int) -> None:
        """Note the host of a row that is new, and the last."""
        self._note(name, self._made)
        self._made += 1
        if self._row_of is not None:
            self._row_of = np.append(self._row_of, row)

    def remove(self, name: str, row: int) -> None:
        """Forget the host of a row; those behind it move up."""
        if self._row_of is None:
            self._row_of = np.arange(self._made, dtype=np.intp)
        found = self._numbers.pop(name)
        left = () if isinstance(found, int) else tuple(one for one in found if self._row_of[one] != row)
        if left:
            self._numbers[name] = left if len(left) > 1 else left[0]
        self._row_of[self._row_of > row] -= 1


class HostNames:
    """The names of many hosts by row, as they were at one time.

    several : the names of hosts that have several nodes.
    """

    __slots__ = ("_names", "_nodes", "several")

    def __init__(self, names: Sequence[str], several: frozenset[str], nodes: Callable[[], Sequence[str]]) -> None:
        """nodes : gives the names of the nodes; asked only if some host has several."""
        self._names = names
        self.several: frozenset[str] = several
        self._nodes = nodes() if self.several else None

    def __len__(self) -> int:
        return len(self._names)

    def node(self, row: int) -> Node:
        """The name and, where it is needed, the node of the host in `row`."""
        return self._names[row], None if self._nodes is None else self._nodes[row]

    def called(self, row: int) -> str:
        """What the host in `row` is called."""
        return called(self.node(row), self.several)
