"""Metrics: what schedulers and pools do, counted for Prometheus."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.pool_use import PoolUse, use_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.observer import ClaimResult, Observer, Operation, result_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

#: Upper ends of the buckets of decisions' durations, seconds: a decision of a small cloud takes 0.1 ms.
DURATIONS = (
    *(0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
# Stands for the filter where a request was refused before any filter ran.
_NO_FILTER = "none"
_MIB = 2**20


class Metrics(Observer):
    """Counts decisions, refusals and claims, and reads the use of pools when it is asked.

    Assign it to `scheduler.observer`, and to `observer` of a shared pool; several may have the same one.
    docs/observing lists the metrics.

    registry : of prometheus-client, the one that is served.
    buckets : upper ends of the buckets of durations, seconds, ascending.

    Raises ConfigurationError where prometheus-client is missing, for a registry that has these metrics
    already, and for buckets in another order.
    """

    def __init__(self, registry: CollectorRegistry, *, buckets: Sequence[float] = DURATIONS) -> None:
        try:
            from prometheus_client import core
        except ImportError as error:
            said = "Metrics need prometheus-client: pip install 'filtersched[observe]'."
            raise ConfigurationError(said) from error
        self._core: Any = core
        self._buckets = tuple(buckets)
        if not self._buckets or any(not one < other for one, other in itertools.pairwise((0.0, *self._buckets))):
            said = f"The buckets of Metrics must be seconds above 0 in ascending order, not {buckets!r}."
            raise ConfigurationError(said, option="buckets", value=buckets)
        self._lock = threading.Lock()
        self._decisions: dict[tuple[str, str], _Durations] = {}
        self._instances = 0
        self._refusals: dict[str, int] = {}
        self._refused_hosts: dict[str, int] = {}
        self._claims = Counter[str]()
        self._conflicts = 0
        self._claim_durations = _Durations(len(self._buckets))
        self._changes_read = 0
        self._lag_s: float | None = None
        self._reloads = Counter[str]()
        self._reloaded_at: float | None = None
        self._uses: dict[str, Callable[[], PoolUse | None]] = {}
        try:
            registry.register(self)
        except ValueError as error:
            said = "The registry has the metrics of filtersched already; use the Metrics that is in it."
            raise ConfigurationError(said, value=registry) from error

    def watch(self, pool: HostPool, name: str = "default") -> None:
        """Read hosts and use of a pool whenever metrics are asked for; `name` becomes the label `pool`.

        A pool that nothing else refers to any more is forgotten.
        """
        known = weakref.ref(pool)

        def use() -> PoolUse | None:
            there = known()
            return None if there is None else there.run(use_of, there)

        self.watch_use(name, use)

    def watch_use(self, name: str, read: Callable[[], PoolUse | None]) -> None:
        """Call `read` for the use of what is no pool whenever metrics are asked for; None has no samples."""
        with self._lock:
            self._uses[name] = read

    # -- what is told ------------------------------------------------------------------------

    def decision_begins(self, operation: Operation, spec: RequestSpec | None) -> float:
        return time.perf_counter()

    def decision_ends(
        self, operation: Operation, begun: Any, selections: Sequence[Selection], problem: BaseException | None
    ) -> None:
        seconds = time.perf_counter() - begun
        steps: Sequence[tuple[str, int, int]] | None = None
        result = "success"
        if problem is not None:
            result = result_of(problem)
            if isinstance(problem, NoValidHost):
                steps = () if problem.explanation is None else problem.explanation.step_counts()
        with self._lock:
            self._count(operation, result, seconds)
            if steps is not None:
                last, left, refused = _NO_FILTER, 1, self._refused_hosts
                for last, before, left in steps:
                    if left != before:
                        refused[last] = refused.get(last, 0) + before - left
                if left:
                    last = _NO_FILTER
                self._refusals[last] = self._refusals.get(last, 0) + 1
            elif operation != "select_destinations":
                self._instances += len(selections)

    def _count(self, operation: str, result: str, seconds: float) -> None:
        durations = self._decisions.get((operation, result))
        if durations is None:
            durations = self._decisions[operation, result] = _Durations(len(self._buckets))
        durations.counts[bisect_left(self._buckets, seconds)] += 1
        durations.sum += seconds

    def count(self, operation: str, result: str, seconds: float) -> None:
        """Count an operation that is no scheduler's, such as a call of a service."""
        with self._lock:
            self._count(operation, result, seconds)

    def count_refusal(self, last: str | None, refused: Mapping[str, int]) -> None:
        """Count a request without a host: the filter that left none, and how many hosts each refused."""
        name = _NO_FILTER if last is None else last
        with self._lock:
            self._refusals[name] = self._refusals.get(name, 0) + 1
            for each, count in refused.items():
                if count:
                    self._refused_hosts[each] = self._refused_hosts.get(each, 0) + count

    def claim_ends(self, result: ClaimResult, *, conflicts: int, seconds: float) -> None:
        with self._lock:
            self._claims[result] += 1
            self._conflicts += conflicts
            self._claim_durations.counts[bisect_left(self._buckets, seconds)] += 1
            self._claim_durations.sum += seconds

    def replica_read(self, changes: int, *, lag_s: float, seconds: float) -> None:
        with self._lock:
            self._changes_read += changes
            self._lag_s = lag_s

    def reload_ends(self, problem: Exception | None) -> None:
        with self._lock:
            self._reloads["success" if problem is None else "error"] += 1
            if problem is None:
                self._reloaded_at = time.time()

    # -- what is read ------------------------------------------------------------------------

    def describe(self) -> Iterable[Metric]:
        """The families without samples, which the registry checks for names that it has already."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """The families with their samples now."""
        families = {family.name: family for family in self._families()}
        with self._lock:
            self._fill(families)
            uses = list(self._uses.items())
        for name, read in uses:
            use = read()
            if use is not None:
                _fill_use(families, name, use)
        return [family for family in families.values() if family.samples]

    def _families(self) -> list[Any]:
        kinds = {
            "counter": self._core.CounterMetricFamily,
            "gauge": self._core.GaugeMetricFamily,
            "histogram": self._core.HistogramMetricFamily,
        }
        return [kinds[kind](name, help, labels=labels) for kind, name, help, labels in FAMILIES]

    def _fill(self, families: dict[str, Any]) -> None:
        for labels, durations in self._decisions.items():
            families["filtersched_decisions"].add_metric(labels, sum(durations.counts))
            families["filtersched_decision_duration_seconds"].add_metric(
                labels, durations.cumulated(self._buckets), durations.sum
            )
        families["filtersched_placed_instances"].add_metric([], self._instances)
        counted: Iterable[tuple[str, Mapping[str, int]]] = (
            ("filtersched_refusals", self._refusals),
            ("filtersched_refused_hosts", self._refused_hosts),
            ("filtersched_claims", self._claims),
            ("filtersched_reloads", self._reloads),
        )
        for name, counts in counted:
            for label, count in counts.items():
                families[name].add_metric([_label(label)], count)
        if self._claims:
            families["filtersched_claim_conflicts"].add_metric([], self._conflicts)
            families["filtersched_claim_duration_seconds"].add_metric(
                [], self._claim_durations.cumulated(self._buckets), self._claim_durations.sum
            )
        if self._lag_s is not None:
            families["filtersched_replica_changes"].add_metric([], self._changes_read)
            families["filtersched_replica_lag_seconds"].add_metric([], self._lag_s)
        if self._reloaded_at is not None:
            families["filtersched_last_reload_success_timestamp_seconds"].add_metric([], self._reloaded_at)


class _Durations:
    """Seconds in buckets; the last bucket has what is above all ends."""

    __slots__ = ("counts", "sum")

    def __init__(self, ends: int) -> None:
        self.counts: list[int] = [0] * (ends + 1)
        self.sum: float = 0.0

    def cumulated(self, ends: Sequence[float]) -> list[tuple[str, float]]:
        """How many were at most as long, by the end of the bucket in Prometheus' words."""
        found: list[tuple[str, float]] = []
        total = 0
        for end, count in zip([*map(str, ends), "+Inf"], self.counts, strict=True):
            total += count
            found.append((end, total))
        return found


def _label(text: str) -> str:
    """A name as UTF-8 can have it: half of a surrogate pair in somebody's name must not end every scrape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fill_use(families: dict[str, Any], name: str, use: PoolUse) -> None:
    pool = _label(name)
    families["filtersched_pool_hosts"].add_metric([pool], use.hosts)
    families["filtersched_pool_instances"].add_metric([pool], use.instances)
    for metric, amount, unit in (
        ("memory_capacity_bytes", use.total["ram_mb"], _MIB),
        ("memory_used_bytes", use.used["ram_mb"], _MIB),
        ("disk_capacity_bytes", use.total["disk_mb"], _MIB),
        ("disk_used_bytes", use.used["disk_mb"], _MIB),
        ("vcpus_capacity", use.total["vcpus"], 1),
        ("vcpus_used", use.used["vcpus"], 1),
    ):
        families[f"filtersched_pool_{metric}"].add_metric([pool], amount * unit)
    for resource, (total, used) in use.resources.items():
        families["filtersched_pool_resource_capacity"].add_metric([pool, _label(resource)], total)
        families["filtersched_pool_resource_used"].add_metric([pool, _label(resource)], used)


#: Type, name, help and labels; prometheus-client adds `_total` to counters.
FAMILIES: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    ("counter", "filtersched_decisions", "Calls of a scheduler, by method and result.", ("operation", "result")),
    ("histogram", "filtersched_decision_duration_seconds", "Time of these calls.", ("operation", "result")),
    ("counter", "filtersched_placed_instances", "Instances placed on hosts of a pool.", ()),
    ("counter", "filtersched_refusals", "Requests without a host, by the filter that left none.", ("filter",)),
    ("counter", "filtersched_refused_hosts", "Hosts refused for those requests, by filter.", ("filter",)),
    ("counter", "filtersched_claims", "Claims on a shared pool, by how they ended.", ("result",)),
    ("counter", "filtersched_claim_conflicts", "Times a claim met a change of another scheduler and was retried.", ()),
    ("histogram", "filtersched_claim_duration_seconds", "Time of claims, retries included.", ()),
    ("counter", "filtersched_replica_changes", "Changes that the replica of a shared pool read.", ()),
    ("gauge", "filtersched_replica_lag_seconds", "Age of the oldest change that the last reading brought.", ()),
    ("counter", "filtersched_reloads", "Reloads of the configuration, by result.", ("result",)),
    ("gauge", "filtersched_last_reload_success_timestamp_seconds", "When a reload last succeeded, Unix time.", ()),
    ("gauge", "filtersched_pool_hosts", "Hosts of the pool.", ("pool",)),
    ("gauge", "filtersched_pool_instances", "Instances on the hosts of the pool.", ("pool",)),
    ("gauge", "filtersched_pool_memory_capacity_bytes", "RAM of the hosts, without oversubscription.", ("pool",)),
    ("gauge", "filtersched_pool_memory_used_bytes", "RAM in use on the hosts.", ("pool",)),
    ("gauge", "filtersched_pool_disk_capacity_bytes", "Disk of the hosts, without oversubscription.", ("pool",)),
    ("gauge", "filtersched_pool_disk_used_bytes", "Disk in use on the hosts.", ("pool",)),
    ("gauge", "filtersched_pool_vcpus_capacity", "CPUs of the hosts, without oversubscription.", ("pool",)),
    ("gauge", "filtersched_pool_vcpus_used", "CPUs in use on the hosts.", ("pool",)),
    ("gauge", "filtersched_pool_resource_capacity", "Countable resources of the hosts.", ("pool", "resource")),
    ("gauge", "filtersched_pool_resource_used", "Countable resources in use.", ("pool", "resource")),
)
