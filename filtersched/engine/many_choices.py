"""ManyChoices: the choices of a large request, as the explanation of one of them keeps them.

A selection that you keep must not hold what the others of its request hold: their requests, their
hosts before and after, their weights. It keeps where they went, and whom the filters refused.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from filtersched.hosts.host_names import Node
from filtersched.hosts.host_state import HostState
from filtersched.results.filter_step import FilterStep

# A request for so many instances keeps all of its choices.
FEW_CHOICES = 8


# The name of a filter, how many hosts there were before it, and those that it refused for all later instances too.
Refusals = tuple[str, int, list[Node]]


def refusals_in(steps: Iterable[FilterStep]) -> list[Refusals]:
    """Whom these steps refused for good."""
    return [(one.name, one.before, one.dropped()) for one in steps if one.is_final and one.before != one.after]


class _Place(NamedTuple):
    """What a choice calls its host."""

    host: str
    nodename: str | None


class PlacedChoice(NamedTuple):
    """Where an instance went, and who was refused for it and all later ones.

    depleted : the host with the instance; None where only a host that has not changed since can tell.
    """

    host: _Place
    refused: tuple[FilterStep, ...]
    depleted: Any = None

    def steps(self) -> tuple[FilterStep, ...]:
        """The filters that refused a host for the instance."""
        return self.refused


def _small(values: Iterable[int], most: int) -> array[int]:
    """Whole numbers up to `most`, in as little as can be."""
    return array("H" if most < 2**16 else "I", values)


class _Nodes:
    """Many hosts and their nodes, in as little as can be.

    2 bytes each as places in a list of hosts, 8 as names where there is none and nodes are called as
    their hosts are.
    """

    __slots__ = ("_hosts", "_names", "_nodes", "_places")

    def __init__(self, nodes: Sequence[Node], hosts: Sequence[HostState] | None) -> None:
        self._hosts = hosts
        self._places: array[int] | None = None
        self._names: tuple[str, ...] = ()
        self._nodes: tuple[str | None, ...] | None = None
        places: dict[Node, int] = {}
        for place, host in enumerate(hosts or ()):
            places.setdefault((host.host, None), place)
            places[host.host, host.nodename] = place
        # A scheduler's own step may bring in hosts that were not offered.
        if hosts is not None and all(node in places for node in nodes):
            self._places = _small(map(places.__getitem__, nodes), len(hosts))
            return
        self._names = tuple(host for host, _node in nodes)
        named: tuple[str | None, ...] = tuple(node for _host, node in nodes)
        self._nodes = self._names if named == self._names else named if any(named) else None

    def places_of(self, node: Node, end: int) -> list[int]:
        """Where among the first of them, up to `end`, a node is."""
        if self._hosts is not None and self._places is not None:
            known = [place for place, host in enumerate(self._hosts) if (host.host, host.nodename) == node]
            return [at for at, place in enumerate(self._places[:end]) if place in known]
        return [at for at, name in enumerate(self._names[:end]) if name == node[0] and self[at] == node]

    def __getitem__(self, at: int) -> Node:
        if self._hosts is not None and self._places is not None:
            host = self._hosts[self._places[at]]
            return host.host, host.nodename
        return self._names[at], None if self._nodes is None else self._nodes[at]


class PlacedChoices:
    """Where all instances of a request went, and who was refused for each."""

    __slots__ = ("_at", "_before", "_filter_at", "_filters", "_first", "_nodes", "_refused", "count")

    def __init__(self, choices: Sequence[Any], hosts: Sequence[HostState] | None) -> None:
        """hosts : those that were offered, if they are a list that stays as it is."""
        self.count: int = len(choices)
        self._first: Callable[[], Sequence[FilterStep]] = choices[0].steps
        self._nodes = _Nodes([(one.host.host, one.host.nodename) for one in choices], hosts)
        # One each for a host that a filter refused for a later instance: which instance, how many hosts
        # there were before, the filter's place among the names.
        refused_at: list[int] = []
        before: list[int] = []
        filter_at: list[int] = []
        filters: dict[str, int] = {}
        refused: list[Node] = []
        last: Any = None
        for index, choice in enumerate(choices):
            # Instances for which no filter refused a host share their steps.
            if not index or choice.steps_made is last:
                continue
            of_instance = choice.refused_for_good()
            for name, count, nodes in of_instance:
                refused += nodes
                refused_at += [index] * len(nodes)
                before += [count] * len(nodes)
                filter_at += [filters.setdefault(name, len(filters))] * len(nodes)
            last = None if of_instance else choice.steps_made
        self._at = _small(refused_at, self.count)
        self._before = _small(before, max(before, default=0))
        self._filter_at = _small(filter_at, len(filters))
        self._filters: tuple[str, ...] = tuple(filters)
        self._refused = _Nodes(refused, hosts)

    def indexes_of(self, node: Node, end: int) -> list[int]:
        """Which of the instances before `end` went to that node."""
        return self._nodes.places_of(node, end)

    def choice(self, index: int, own: Any) -> PlacedChoice:
        """One of the choices, for the explanation of its `own`."""
        host, node = self._nodes[index]
        is_own = (host, node) == (own.host.host, own.host.nodename)
        return PlacedChoice(_Place(host, node), self._steps(index), own.host if is_own else None)

    def _steps(self, index: int) -> tuple[FilterStep, ...]:
        if not index:
            return tuple(self._first())
        gone: dict[tuple[str, int], list[Node]] = {}
        for place in range(bisect.bisect_left(self._at, index), bisect.bisect_right(self._at, index)):
            name = self._filters[self._filter_at[place]]
            gone.setdefault((name, self._before[place]), []).append(self._refused[place])
        return tuple(
            FilterStep(name, before, before - len(nodes), nodes.copy) for (name, before), nodes in gone.items()
        )


class ManyChoices(Sequence[Any]):
    """The choices of a request with all of one of them, and the places of the others."""

    __slots__ = ("_index", "_own", "_placed")

    def __init__(self, placed: PlacedChoices, index: int, own: Any) -> None:
        self._placed = placed
        self._index = index
        self._own = own

    def __len__(self) -> int:
        return self._placed.count

    def indexes_of(self, node: Node, end: int) -> list[int]:
        """Which of the instances before `end` went to that node."""
        return self._placed.indexes_of(node, end)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        if at == self._index:
            return self._own
        return self._placed.choice(range(len(self))[at], self._own)
