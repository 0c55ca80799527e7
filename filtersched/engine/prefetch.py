"""Prefetch: the next states of the hosts that come next, and what plug-ins say of them, evaluated at once.

A host that takes an instance has fewer free resources for the next one. As long as nothing else differs
between two instances, that state and the plug-ins' answers for it depend on the host alone. So they are
evaluated for the front of the ranking together, on columns, before the hosts are chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from filtersched.engine.decision import depleted
from filtersched.engine.request_keys import RequestKeys
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState

# So many states are evaluated at once. Fewer are not worth it: asking about each is faster.
_LEAST, _MOST = 16, 512


class NextState(NamedTuple):
    """A host with an instance more, which is not noted among its instances; and the answers for it.

    before : the host without that instance.
    plan : which plug-ins were evaluated.
    refused_by : the place of the first filter that refuses it; -1 if all pass.
    raws : places of weighers, and the raw weights by them.
    """

    before: HostState
    depleted: HostState
    plan: Any
    refused_by: int
    raws: Sequence[tuple[int, float]]


class Prefetch:
    """The next states that were evaluated and not used yet.

    While more of them wait than were used, no others are evaluated: other hosts are chosen than those at the front.
    """

    def __init__(self) -> None:
        # By identity of the host without the instance, which the state holds.
        self._states: dict[int, NextState] = {}
        self._works = True
        self._n_used = 0

    def forget(self) -> None:
        """Forget all states: other plug-ins run."""
        self._states = {}

    def take(self, host: HostState) -> NextState | None:
        """The next state of a host, if it is known."""
        found = self._states.pop(id(host), None)
        self._n_used += found is not None
        return found

    def evaluate(self, plan: Any, request: RequestKeys, hosts: Iterator[HostState], most: int) -> None:
        """Evaluate the next states of the hosts that come first, as far as the plan is about them.

        most : so many states are needed at most.
        """
        if most < _LEAST or len(self._states) > self._n_used or not self._works:
            return
        size = min(self._n_used + 4 * _LEAST, _MOST, most)
        # A derived class may do anything when an instance is taken, so that it is not asked to in vain.
        plain = (host for host in hosts if type(host) is HostState and id(host) not in self._states)
        missing = list(itertools.islice(plain, size))
        spec = request.spec.copy()
        # Which instance of a group it is that a host takes is not known yet.
        spec.__dict__.update(instance_group=None, instance_groups=())
        try:
            pairs = [(host, depleted(host, spec)) for host in missing]
            pairs = [(host, after) for host, after in pairs if plan.is_about(host, after)]
            answers = _answers(plan, request, HostRows([after for _host, after in pairs]))
        except Exception:
            # The boundary to the plug-in, for hosts that may never be chosen: asked one by one it raises again.
            self._works = False
            return
        for (host, after), refused_by, raws in zip(pairs, *answers, strict=True):
            self._states[id(host)] = NextState(host, after, plan, refused_by, raws)


def _answers(
    plan: Any, request: RequestKeys, rows: HostRows
) -> tuple[list[int], Sequence[Sequence[tuple[int, float]]]]:
    """For each of some hosts the place of the first filter that refuses it, or -1, and its raw weights."""
    refused_by = np.full(len(rows), -1, dtype=np.intp)
    for one in plan.filters:
        if one.is_ahead:
            passes = one.one.evaluator.evaluate_columns(rows, request).answer
            refused_by[(refused_by < 0) & np.logical_not(passes)] = one.at
    raws: list[list[tuple[int, float]]] = []
    for one in plan.weighers:
        if one.is_ahead:
            answer = one.one.evaluator.evaluate_columns(rows, request).answer
            is_each = isinstance(answer, np.ndarray)
            each = one.one.from_answers(answer).tolist() if is_each else [one.one.from_answer(answer)] * len(rows)
            raws.append([(one.at, raw) for raw in each])
    return refused_by.tolist(), list(zip(*raws, strict=True)) if raws else [()] * len(rows)
