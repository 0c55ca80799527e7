"""ManyChoices: the choices of a large request, as the explanation of one of them keeps them.

A selection that you keep must not hold what the others of its request hold: their requests, their
hosts before and after, their weights. It keeps where they went, and whom the filters refused.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from filtersched.engine.steps import Steps
from filtersched.hosts.host_names import Node
from filtersched.results.filter_step import FilterStep

# A request for so many instances keeps all of its choices.
FEW_CHOICES = 8


class _Place(NamedTuple):
    """What a choice calls its host."""

    host: str
    nodename: str | None


class PlacedChoice(NamedTuple):
    """Where an instance went, and who was refused for it and all later ones.

    depleted : the host with the instance; None where only a host that has not changed since can tell.
    """

    host: _Place
    steps: Steps
    depleted: Any = None


class _Nodes:
    """Many hosts and their nodes, in 8 bytes each where nodes are called as their hosts are, or by no name."""

    __slots__ = ("_hosts", "_nodes")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._hosts = tuple([host for host, _node in nodes])
        named = tuple([node for _host, node in nodes])
        self._nodes: Sequence[str | None] = self._hosts if named == self._hosts else named if any(named) else ()

    def __getitem__(self, at: int) -> Node:
        return self._hosts[at], self._nodes[at] if self._nodes else None


class PlacedChoices:
    """Where all instances of a request went, and who was refused for each."""

    __slots__ = ("_at", "_before", "_filter_at", "_filters", "_first", "_nodes", "_refused", "count")

    def __init__(self, choices: Sequence[Any]) -> None:
        self.count: int = len(choices)
        self._first: Steps = choices[0].steps
        self._nodes = _Nodes([(one.host.host, one.host.nodename) for one in choices])
        # One each for a host that a filter refused for a later instance: which instance, how many hosts
        # there were before, the filter's place among the names.
        self._at, self._before, self._filter_at = array("I"), array("I"), array("H")
        filters: dict[str, int] = {}
        refused: list[Node] = []
        last: Any = None
        for index, choice in enumerate(choices):
            # Instances for which no filter refused a host share their steps.
            if not index or choice.steps is last:
                continue
            of_instance = choice.steps.refused_for_good()
            for name, before, nodes in of_instance:
                refused += nodes
                self._at.extend([index] * len(nodes))
                self._before.extend([before] * len(nodes))
                self._filter_at.extend([filters.setdefault(name, len(filters))] * len(nodes))
            last = None if of_instance else choice.steps
        self._filters = tuple(filters)
        self._refused = _Nodes(refused)

    def indexes_of(self, node: Node, end: int) -> list[int]:
        """Which of the instances before `end` went to that node."""
        return [at for at in range(end) if self._nodes[at] == node]

    def choice(self, index: int, own: Any) -> PlacedChoice:
        """One of the choices, for the explanation of its `own`."""
        host, node = self._nodes[index]
        is_own = (host, node) == (own.host.host, own.host.nodename)
        return PlacedChoice(_Place(host, node), self._steps(index), own.host if is_own else None)

    def _steps(self, index: int) -> Steps:
        if not index:
            return self._first
        gone: dict[tuple[str, int], list[Node]] = {}
        for place in range(bisect.bisect_left(self._at, index), bisect.bisect_right(self._at, index)):
            name = self._filters[self._filter_at[place]]
            gone.setdefault((name, self._before[place]), []).append(self._refused[place])
        return Steps(
            [FilterStep(name, before, before - len(nodes), nodes.copy) for (name, before), nodes in gone.items()]
        )


class ManyChoices(Sequence[Any]):
    """The choices of a request with all of one of them, and the places of the others."""

    __slots__ = ("_index", "_own", "placed")

    def __init__(self, placed: PlacedChoices, index: int, own: Any) -> None:
        self.placed: PlacedChoices = placed
        self._index = index
        self._own = own

    def __len__(self) -> int:
        return self.placed.count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        return self._own if at == self._index else self.placed.choice(range(len(self))[at], self._own)
