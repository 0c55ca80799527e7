"""Simulation: what became of a trace, as events and as series over time."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filtersched.planning.amounts import RESOURCES, Floats, HostAmounts, imbalance, stranded
from filtersched.planning.simulation_html import simulation_html

#: The version of what `to_dict` gives.
FORMAT_VERSION = 1

PLACED, REFUSED, LEFT = 0, 1, 2
KINDS = ("placed", "refused", "left")

#: An event: a request arrives and is placed or refused, or its instances leave. `request` counts from 0,
#: `time` is NaN where the trace has none.
EVENT = np.dtype([("time", "f8"), ("kind", "i1"), ("request", "i8"), ("instances", "i8")])
#: An instance of an event, and the row of its host in the pool.
PLACEMENT = np.dtype([("event", "i8"), ("row", "i8")])
#: A refused request, and the number of the filter that left no host.
REFUSAL = np.dtype([("request", "i8"), ("filter", "i8")])


class HostInfo(NamedTuple):
    """A host of a simulation: its name, with the node's if that differs, and its zone."""

    name: str
    zone: str | None


@dataclass(frozen=True, eq=False)
class Simulation:
    """What became of the requests of a trace, one event after another.

    summary : counts, use and speed as plain data, as `filtersched schedule` prints them.
    hosts : names and zones, in the order of the pool.
    amounts : what the hosts had, and what was in use before the first request.
    requests : the id of each request, or #1, #2, … where it has none.
    sizes : (n_requests, 3) what an instance of each request takes, in the order ram_mb, vcpus, disk_mb.
    seconds : (n_requests,) how long each decision took.
    events : (n_events,) of EVENT; places : an entry for each instance of each event.
    refusals : (n_refused,) of REFUSAL; filters : the names of the filters, by number.
    """

    summary: Mapping[str, Any]
    hosts: tuple[HostInfo, ...]
    amounts: HostAmounts
    requests: tuple[str, ...]
    sizes: Floats
    seconds: Floats
    events: NDArray[Any]
    places: NDArray[Any]
    refusals: NDArray[Any]
    filters: tuple[str, ...]

    @functools.cached_property
    def series(self) -> dict[str, Floats]:
        """Numbers after each event, each (n_events + 1,); the first entry is before the first event.

        `time`; the used share of all hosts as `ram_mb`, `vcpus` and `disk_mb`; `imbalance_ram_mb` and so
        on, the deviation of hosts' used shares over their mean; `instances` and `hosts_in_use`.
        """
        signs = np.where(self.events["kind"] == LEFT, -1.0, 1.0)
        of_place = self.places["event"]
        rows = self.places["row"]
        # The same host's changes one after another, in the order of time.
        order = np.argsort(rows, kind="stable")
        sign = signs[of_place]
        counts = self._by_host(sign, self.amounts.instances.astype(np.float64), rows, order)
        began = (counts == 0) & (sign > 0)
        ended = (counts + sign == 0) & (sign < 0)
        in_use = began.astype(np.float64) - ended
        found: dict[str, Floats] = {"time": np.concatenate(([self._start()], self.events["time"]))}
        sizes = self.sizes[self.events["request"][of_place]]
        for at, name in enumerate(RESOURCES):
            total, used = self.amounts.total[name], self.amounts.used[name]
            there = total > 0
            whole = float(total.sum())
            change = sign * sizes[:, at]
            found[name] = self._after((float(used.sum()), change)) / whole if whole else np.zeros(len(self.events) + 1)
            # Of each host s: the sum of s and of s², from what each change adds to them.
            per_host = np.where(there, total, np.inf)
            before = self._by_host(change, used, rows, order) / per_host[rows]
            step = change / per_host[rows]
            share = np.where(there, used / per_host, 0.0)
            sums = self._after((float(share.sum()), step))
            squares = self._after((float((share**2).sum()), 2 * before * step + step**2))
            n_hosts = max(1, int(there.sum()))
            mean = sums / n_hosts
            variance = np.maximum(squares / n_hosts - mean**2, 0.0)
            found[f"imbalance_{name}"] = np.divide(np.sqrt(variance), mean, out=np.zeros_like(mean), where=mean > 1e-12)
        found["instances"] = self._after((float(self.amounts.instances.sum()), sign))
        found["hosts_in_use"] = self._after((float((self.amounts.instances > 0).sum()), in_use))
        return found

    def _start(self) -> float:
        return float(self.events["time"][0]) if len(self.events) else 0.0

    @staticmethod
    def _by_host(change: Floats, base: Floats, rows: NDArray[Any], order: NDArray[Any]) -> Floats:
        """What each change's host had just before it: (n_places,)."""
        sorted_rows, sorted_change = rows[order], change[order]
        running = np.cumsum(sorted_change) - sorted_change
        first = np.concatenate(([True], sorted_rows[1:] != sorted_rows[:-1]))[: len(rows)]
        starts = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
        before = np.empty(len(rows), dtype=np.float64)
        before[order] = base[sorted_rows] + running - running[starts]
        return before

    def _after(self, base_and_change: tuple[float, Floats]) -> Floats:
        """The base, and what it is after each event, from the change of each place."""
        base, change = base_and_change
        running = np.concatenate(([0.0], np.cumsum(change)))
        ends = np.concatenate(([0], np.cumsum(self.events["instances"])))
        after: Floats = base + running[ends]
        return after

    def used_after(self, event: int) -> dict[str, Floats]:
        """What is in use of each host after so many events, by resource, each (n_hosts,); -1 is after all."""
        count = len(self.events) if event < 0 else event
        places = self.places[: int(self.events["instances"][:count].sum())]
        sign = np.where(self.events["kind"][places["event"]] == LEFT, -1.0, 1.0)
        sizes = self.sizes[self.events["request"][places["event"]]]
        found = {}
        for at, name in enumerate(RESOURCES):
            change = np.bincount(places["row"], weights=sign * sizes[:, at], minlength=len(self.hosts))
            found[name] = self.amounts.used[name] + change
        return found

    @property
    def fullest(self) -> int:
        """After how many events most was in use: RAM, CPUs and disk as shares, added."""
        return int(np.argmax(sum(self.series[name] for name in RESOURCES)))

    def amounts_after(self, event: int) -> HostAmounts:
        """The hosts' amounts after so many events, without counts of instances."""
        return self.amounts._replace(used=self.used_after(event))

    def imbalance_after(self, event: int) -> dict[str, float]:
        """The deviation of hosts' used shares over their mean after so many events, by resource."""
        used = self.used_after(event)
        return {name: imbalance(used[name], self.amounts.total[name]) for name in RESOURCES}

    def stranded_after(self, event: int) -> dict[str, float]:
        """What is free on hosts that lack another resource for the smallest request, by resource."""
        positive = np.where(self.sizes > 0, self.sizes, np.inf).min(axis=0, initial=np.inf)
        smallest = {name: float(each) for name, each in zip(RESOURCES, positive, strict=True) if np.isfinite(each)}
        return stranded(self.amounts_after(event), smallest)

    def mean_over_time(self, name: str) -> float:
        """The mean of a series, weighted by time where the trace has times, by events where not."""
        values = self.series[name]
        spans = np.diff(self.series["time"])
        if len(spans) and np.isfinite(spans).all() and spans.sum() > 0:
            # What holds after an event holds until the next.
            return float((values[:-1] * spans).sum() / spans.sum())
        return float(values.mean())

    @property
    def refused_by(self) -> dict[str, int]:
        """How many requests each filter left without a host."""
        counts = np.bincount(self.refusals["filter"], minlength=len(self.filters))
        return dict(zip(self.filters, counts.tolist(), strict=True))

    def placements(self) -> dict[tuple[str, int], str]:
        """Where each instance was placed: (request, index of the instance) to the host's name."""
        found: dict[tuple[str, int], str] = {}
        at = 0
        for _when, kind, request, count in self.events.tolist():
            if kind == PLACED:
                for index, row in enumerate(self.places["row"][at : at + count].tolist()):
                    found[self.requests[request], index] = self.hosts[row].name
            at += count
        return found

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; times that the trace does not have are None."""
        return {
            "version": FORMAT_VERSION,
            "summary": dict(self.summary),
            "hosts": [
                {
                    "name": host.name,
                    "zone": host.zone,
                    **{name: self.amounts.total[name][row].item() for name in RESOURCES},
                    "used_before": {name: self.amounts.used[name][row].item() for name in RESOURCES},
                }
                for row, host in enumerate(self.hosts)
            ],
            "requests": list(self.requests),
            "events": self._plain_events(),
            "series": {name: _plain(values) for name, values in self.series.items()},
            "refused": {
                self.requests[request]: self.filters[number] for request, number in self.refusals.tolist()
            },
        }

    def _plain_events(self) -> list[dict[str, Any]]:
        found, at = [], 0
        rows = self.places["row"].tolist()
        for when, kind, request, count in self.events.tolist():
            hosts = [self.hosts[row].name for row in rows[at : at + count]]
            at += count
            found.append(
                {
                    "time": None if when != when else when,
                    "kind": KINDS[kind],
                    "request": self.requests[request],
                    "hosts": hosts,
                }
            )
        return found

    def __repr__(self) -> str:
        placed, requests = self.summary["placed"], self.summary["requests"]
        return f"<Simulation: {placed} of {requests} requests placed on {len(self.hosts)} hosts>"

    def _repr_html_(self) -> str:
        """The summary and the use over time, for notebooks."""
        return simulation_html(self.summary, self.series)


def _plain(values: Floats) -> list[float | None]:
    return [None if one != one else one for one in values.tolist()]
