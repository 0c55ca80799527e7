"""What hosts are called: by name, and with the node where a host has several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

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


class NamesOfHosts(Sequence[str]):
    """The names of hosts in a list, read when somebody asks: a list of names would double what an answer holds."""

    __slots__ = ("_hosts",)

    def __init__(self, hosts: Sequence[Any]) -> None:
        self._hosts = hosts

    def __len__(self) -> int:
        return len(self._hosts)

    def __getitem__(self, row: Any) -> Any:
        return self._hosts[row].host


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
