"""FilterStep: one filter that ran, or one rule of the request, and how many hosts it refused."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from filtersched.hosts.host_names import HostNames, Node, called, several_nodes
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import EXCLUSIONS, rules_of
from filtersched.requests.request_spec import RequestSpec


class RowsOf(NamedTuple):
    """Hosts by row.

    names : of all hosts, in order of rows; another object once the rows are others.
    rows : gives the rows of these hosts.
    """

    names: HostNames
    rows: Callable[[], NDArray[np.intp]]


# The name of a step, and how many hosts there were before and after.
StepCounts = tuple[str, int, int]


class FilterStep:
    """One filter that ran, and how many hosts it refused."""

    __slots__ = ("_several", "_who", "after", "before", "is_final", "name", "rows")

    def __init__(
        self,
        name: str,
        before: int,
        after: int,
        who: Callable[[], Iterable[Node]] = tuple,
        several: Callable[[], Collection[str]] = frozenset,
        rows: RowsOf | None = None,
        *,
        is_final: bool = True,
    ) -> None:
        """who : gives the hosts that were dropped; several : the names of hosts that have several nodes."""
        #: The name of the filter.
        self.name: str = name
        #: How many hosts there were before it ran.
        self.before: int = before
        #: How many hosts it passed.
        self.after: int = after
        #: The rows of the dropped hosts, for a decision on rows.
        self.rows: RowsOf | None = rows
        #: Whether the dropped hosts are dropped for all later instances of the request.
        self.is_final: bool = is_final
        self._who = who
        self._several = several

    @classmethod
    def of_lists(
        cls,
        name: str,
        before: Sequence[HostState],
        after: Sequence[HostState],
        all_hosts: Sequence[HostState],
        *,
        is_final: bool = True,
    ) -> Self:
        """The step that made `after` out of `before`, when there were `all_hosts` at first."""

        kept = set(map(id, after))
        dropped = [host for host in before if id(host) not in kept]
        # As names, which take little and do not keep the hosts.
        names = tuple(host.host for host in dropped)
        nodes = tuple(host.nodename for host in dropped)
        who = functools.partial(zip, names, names if nodes == names else nodes)
        several = functools.partial(_several_of, all_hosts)
        return cls(name, len(before), len(after), who, several, is_final=is_final)

    @property
    def by_request(self) -> bool:
        """Whether the request itself excluded the hosts, and no filter; `name` is its field then."""
        return self.name in EXCLUSIONS

    def among(self, several: Callable[[], Collection[str]]) -> Self:
        """The same step where these hosts have several nodes."""
        return type(self)(
            self.name, self.before, self.after, self._who, several, self.rows, is_final=self.is_final
        )

    def dropped(self) -> list[Node]:
        """The refused hosts, in their order."""
        return list(self._who())

    @property
    def refused(self) -> tuple[str, ...]:
        """The names of the refused hosts."""
        several = self._several()
        return tuple(called(node, several) for node in self._who())

    def __repr__(self) -> str:
        return f"{self.name}: (start: {self.before}, end: {self.after})"


def counts_of(steps: Iterable[FilterStep]) -> list[StepCounts]:
    """What counts of these steps."""
    return [(step.name, step.before, step.after) for step in steps]


def _several_of(hosts: Sequence[HostState]) -> Collection[str]:
    return several_nodes(host.host for host in hosts)


def excluded_steps(hosts: Sequence[HostState], spec: RequestSpec) -> list[FilterStep]:
    """One step for each of the request's own rules that leaves hosts out."""
    steps = []
    left = hosts
    for field, rule in rules_of(spec).items():
        passed = [host for host in left if rule(host)]
        if len(passed) < len(left):
            steps.append(FilterStep.of_lists(field, left, passed, hosts))
        left = passed
    return steps
