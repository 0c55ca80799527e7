"""One configuration on one trace with one seed, in whichever process; and its result as plain data."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filtersched import __version__
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.planning.amounts import RESOURCES
from filtersched.planning.capacity_filters import with_capacity_filters
from filtersched.planning.simulation import PLACED, Simulation
from filtersched.planning.trial import Trial
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, make_conf

#: The version of a result.
RESULT_VERSION = 1
# A series of a result has at most so many points.
_POINTS = 200
# Progress is told after so many requests.
_STEP = 64


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings under a name, complete in themselves, so that they can go to another machine.

    files : name and text of each settings file, the later ones winning.
    args : settings as flags, which win over the files.
    """

    name: str
    files: tuple[tuple[str, str], ...] = ()
    args: tuple[str, ...] = ()

    def conf(self) -> SchedulerConf:
        """The configuration. Raises ConfigurationError for what is wrong with it."""
        with tempfile.TemporaryDirectory(prefix="filtersched-") as folder:
            paths = []
            for at, (name, text) in enumerate(self.files):
                path = os.path.join(folder, f"{at}-{os.path.basename(name)}")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                paths.append(path)
            return make_conf(self.args, files=paths)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a configuration and a seed, and the names of its parts.

    hosts, requests : the digests of the parts that a run needs, as `Parts` has them.
    filters : names of the filters to use instead of the configured ones.
    capacity_filters : also use RamFilter, CoreFilter and DiskFilter.
    """

    configuration: Configuration
    seed: int
    hosts: str
    requests: str
    filters: tuple[str, ...] | None = None
    capacity_filters: bool = False

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.configuration.name}, seed {self.seed}"

    @property
    def key(self) -> str:
        """A digest of everything that the result depends on."""
        parts = [
            __version__,
            RESULT_VERSION,
            [text for _name, text in self.configuration.files],
            self.configuration.args,
            self.seed,
            self.hosts,
            self.requests,
            self.filters,
            self.capacity_filters,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class Parts(dict[str, bytes]):
    """Hosts and requests as bytes, by digest: what goes to each worker once."""

    def add(self, what: Sequence[HostState] | Sequence[RequestSpec]) -> str:
        """Add hosts or requests; gives their digest, which is the same in every process."""
        digest = hashlib.sha256()
        for one in what:
            digest.update(json.dumps(one.to_dict(), sort_keys=True, default=str).encode() + b"\n")
        name = digest.hexdigest()
        if name not in self:
            self[name] = pickle.dumps(list(what), protocol=pickle.HIGHEST_PROTOCOL)
        return name


def perform(run: Run, parts: Mapping[str, bytes], progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    """Place the trace and give the result; `progress` is told how much is done, 0 to 1."""
    scheduler = scheduler_from(run.configuration.conf())
    pool = HostPool(pickle.loads(parts[run.hosts]))
    requests: list[RequestSpec] = pickle.loads(parts[run.requests])
    filters = with_capacity_filters(scheduler, run.filters) if run.capacity_filters else run.filters
    trial = Trial(scheduler, pool, filters=filters, seed=run.seed, records=True)
    for at, spec in enumerate(requests):
        trial.place(spec)
        if progress is not None and at % _STEP == 0:
            progress(at / len(requests))
    return result_of(run, trial.simulation())


def result_of(run: Run, simulation: Simulation) -> dict[str, Any]:
    """What a comparison needs of a simulation, as plain data."""
    series, summary = simulation.series, simulation.summary
    fullest, last = simulation.fullest, len(simulation.events)
    latencies = 1000 * simulation.seconds
    return {
        "version": RESULT_VERSION,
        "key": run.key,
        "configuration": run.configuration.name,
        "seed": run.seed,
        **{name: summary[name] for name in ("requests", "placed", "refused", "instances_placed")},
        "refused_by": simulation.refused_by,
        "use": {
            name: {
                "before": float(series[name][0]),
                "mean": simulation.mean_over_time(name),
                "peak": float(series[name].max()),
                "final": float(series[name][-1]),
            }
            for name in RESOURCES
        },
        "imbalance": {
            name: {
                "mean": simulation.mean_over_time(f"imbalance_{name}"),
                "fullest": simulation.imbalance_after(fullest)[name],
                "final": simulation.imbalance_after(last)[name],
            }
            for name in RESOURCES
        },
        "stranded": {"fullest": simulation.stranded_after(fullest), "final": simulation.stranded_after(last)},
        "hosts_in_use": {
            "mean": simulation.mean_over_time("hosts_in_use"),
            "peak": int(series["hosts_in_use"].max()),
            "final": int(series["hosts_in_use"][-1]),
        },
        "latency_ms": _latency(latencies.tolist()),
        "series": _thinned(simulation),
        "hosts": {
            name: [round(share, 4) for share in _shares(simulation, name, fullest)] for name in RESOURCES
        },
        "placements": _rows(simulation),
    }


def _latency(milliseconds: Sequence[float]) -> dict[str, float | None]:
    if not milliseconds:
        return {"mean": None, "median": None, "p99": None, "most": None}
    return {
        "mean": float(np.mean(milliseconds)),
        "median": float(np.median(milliseconds)),
        "p99": float(np.percentile(milliseconds, 99)),
        "most": float(np.max(milliseconds)),
    }


def _thinned(simulation: Simulation) -> dict[str, list[float | None]]:
    """The series with few enough points to draw."""
    count = len(simulation.events) + 1
    chosen = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(np.intp))
    return {
        name: [None if one != one else round(one, 6) for one in values[chosen].tolist()]
        for name, values in simulation.series.items()
    }


def _shares(simulation: Simulation, name: str, event: int) -> Iterable[float]:
    used, total = simulation.used_after(event)[name], simulation.amounts.total[name]
    shares: list[float] = np.divide(used, total, out=np.zeros_like(used), where=total > 0).tolist()
    return shares


def _rows(simulation: Simulation) -> list[list[int] | None]:
    """The rows of the hosts of each request's instances; None for one that was refused."""
    found: list[list[int] | None] = [None] * len(simulation.requests)
    rows, at = simulation.places["row"].tolist(), 0
    for _time, kind, request, count in simulation.events.tolist():
        if kind == PLACED:
            found[request] = rows[at : at + count]
        at += count
    return found
