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

# So many states are unused at most. Fewer than the least are not evaluated at once: asking about each is faster.
_LEAST, _MOST = 16, 256


class NextState(NamedTuple):
    """A host with an instance more, and the answers for it.

    before : the host without that instance.
    plan : which plug-ins were evaluated.
    refused_by : the place of the first filter that refuses it; -1 if all pass.
    raws : the raw weights by these weighers, in order.
    """

    before: HostState
    depleted: HostState
    plan: Any
    refused_by: int
    raws: Sequence[float]


class Prefetch:
    """The next states that were evaluated and not used yet."""

    def __init__(self) -> None:
        # By identity of the host without the instance, which the state holds.
        self._states: dict[int, NextState] = {}
        self._works = True

    def take(self, host: HostState) -> NextState | None:
        """The next state of a host, if it is known."""
        return self._states.pop(id(host), None)

    def evaluate(self, plan: Any, request: RequestKeys, hosts: Iterator[HostState], most: int) -> None:
        """Evaluate the next states of the first of these hosts, up to `most`, as far as the plan is about them.

        Where other hosts are chosen, states stay unused, and no more of them are evaluated.
        """
        size = min(_MOST - len(self._states), most)
        if size < _LEAST or not self._works:
            return
        missing = list(itertools.islice((host for host in hosts if id(host) not in self._states), size))
        try:
            pairs = [(host, depleted(host, request.spec)) for host in missing]
            pairs = [(host, after) for host, after in pairs if plan.is_about(host, after)]
            answers = _answers(plan, request, HostRows([after for _host, after in pairs]))
        except Exception:
            # The boundary to the plug-in, for hosts that may never be chosen: asked one by one it raises again.
            self._works = False
            return
        for (host, after), refused_by, raws in zip(pairs, *answers, strict=True):
            self._states[id(host)] = NextState(host, after, plan, refused_by, raws)


def _answers(plan: Any, request: RequestKeys, rows: HostRows) -> tuple[list[int], list[list[float]]]:
    """For each of some hosts the place of the first filter that refuses it, or -1, and its raw weights."""
    refused_by = np.full(len(rows), -1, dtype=np.intp)
    for one in plan.filters:
        passes = one.one.evaluator.evaluate_columns(rows, request).answer
        refused_by[(refused_by < 0) & np.logical_not(passes)] = one.at
    raws = np.empty((len(rows), len(plan.weighers)), dtype=np.float64)
    for at, one in enumerate(plan.weighers):
        answer = one.one.evaluator.evaluate_columns(rows, request).answer
        weigher = one.one
        raws[:, at] = weigher.from_answers(answer) if isinstance(answer, np.ndarray) else weigher.from_answer(answer)
    return refused_by.tolist(), raws.tolist()
