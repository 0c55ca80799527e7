"""What happens in a trial, event by event, kept small: arrays instead of selections."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from filtersched.hosts.aggregate_metadata import zones
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.placement import Placement
from filtersched.planning.amounts import RESOURCES, HostAmounts, amounts_of
from filtersched.planning.outcome import Outcome
from filtersched.planning.simulation import (
    EVENT,
    LEFT,
    PLACED,
    PLACEMENT,
    REFUSAL,
    REFUSED,
    HostInfo,
    Simulation,
)


class Recorder:
    """Keeps the events of a trial on a pool, from its first request on."""

    def __init__(self, pool: HostPool, amounts: HostAmounts) -> None:
        hosts = list(pool)
        self._hosts = [host_info(host) for host in hosts]
        self._rows = {(host.host, host.nodename): row for row, host in enumerate(hosts)}
        self._amounts = amounts
        self._names: list[str] = []
        self._seconds = array("d")
        self._times = array("d")
        self._kinds = array("b")
        self._requests = array("q")
        # One entry for each instance of each event, in order of the events: its host, and where events end.
        self._event_rows = array("q")
        self._ends = array("q")
        # What an instance of each request takes, three numbers a request.
        self._sizes = array("d")
        self._filters: dict[str, int] = {}
        self._refusals: list[tuple[int, int]] = []

    def arrived(self, outcome: Outcome) -> None:
        """A request was placed or refused."""
        spec = outcome.spec
        self._names.append(outcome.name)
        self._seconds.append(outcome.seconds)
        self._sizes.extend(amounts_of(spec))
        if outcome.refusal is not None:
            name = outcome.refused_by
            self._refusals.append((outcome.number - 1, self._filters.setdefault(name, len(self._filters))))
        when = math.nan if spec.arrives_at is None else float(spec.arrives_at)
        self._add(when, REFUSED if outcome.refusal is not None else PLACED, outcome.number, outcome.selections)

    def left(self, when: float, number: int, placed: Sequence[Placement]) -> None:
        """The instances of a request that was placed have left."""
        self._add(when, LEFT, number, placed)

    def _add(self, when: float, kind: int, number: int, placed: Sequence[Placement]) -> None:
        self._times.append(when)
        self._kinds.append(kind)
        self._requests.append(number - 1)
        rows = self._rows
        for one in placed:
            self._event_rows.append(rows[one.host, one.nodename])
        self._ends.append(len(self._event_rows))

    def simulation(self, summary: dict[str, Any]) -> Simulation:
        """All that happened so far."""
        ends = np.array(self._ends, dtype=np.int64)
        events = np.empty(len(ends), dtype=EVENT)
        events["time"] = self._times
        events["kind"] = self._kinds
        events["request"] = self._requests
        events["instances"] = np.diff(ends, prepend=0)
        rows = np.array(self._event_rows, dtype=np.int64)
        places = np.empty(len(rows), dtype=PLACEMENT)
        places["event"] = np.repeat(np.arange(len(events)), events["instances"])
        places["row"] = rows
        refusals = np.array(self._refusals, dtype=REFUSAL)
        return Simulation(
            summary=summary,
            hosts=tuple(self._hosts),
            amounts=self._amounts,
            requests=tuple(self._names),
            sizes=np.array(self._sizes, dtype=np.float64).reshape(-1, len(RESOURCES)),
            seconds=np.array(self._seconds, dtype=np.float64),
            events=events,
            places=places,
            refusals=refusals,
            filters=tuple(self._filters),
        )


def _name(host: HostState) -> str:
    return host.host if host.nodename == host.host else f"{host.host}/{host.nodename}"


def host_info(host: HostState) -> HostInfo:
    """The name and the zone of a host."""
    return HostInfo(_name(host), _zone(host))


def _zone(host: HostState) -> str | None:
    """The zones of a host, as one text; None without any."""
    return ", ".join(sorted(zones(host.aggregates, host.service, ""))) or None
