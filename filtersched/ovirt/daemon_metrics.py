"""DaemonMetrics: what the daemon does, counted for Prometheus; served under /metrics on its own port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filtersched.errors import ConfigurationError
from filtersched.hosts.pool_use import PoolUse, use_of_hosts
from filtersched.ovirt.documents import Known
from filtersched.ovirt.engine_facts import EngineFacts
from filtersched.schedulers.metrics import Metrics

if TYPE_CHECKING:
    from prometheus_client.core import Metric

#: Name as it is registered, type, help and labels; prometheus-client adds `_total` to counters.
FAMILIES: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    ("counter", "filtersched_unit_failures", "Answers that a unit owed and did not give.", ("kind", "unit")),
    ("gauge", "filtersched_facts_age_seconds", "Age of what is known of the engine's hosts.", ()),
)


class DaemonMetrics:
    """Counts calls as decisions, refusals and failures; it outlives reloads.

    Raises ConfigurationError where prometheus-client is missing.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client
            from prometheus_client import core
        except ImportError as error:
            said = "metrics = true needs prometheus-client: pip install 'filtersched[ovirt,observe]'."
            raise ConfigurationError(said, option="metrics", value=True) from error
        self._core: Any = core
        self._generate = prometheus_client.generate_latest
        self._registry = prometheus_client.CollectorRegistry()
        #: What a scheduler's metrics are in a program: calls count as its operations.
        self.metrics: Metrics = Metrics(self._registry)
        self.metrics.watch_use("engine", self._use)
        self._failures: dict[tuple[str, str], int] = {}
        self._facts: EngineFacts | None = None
        # Reading facts is for one at a time; so is what is read beside them.
        self._lock = threading.Lock()
        self._registry.register(self)

    def count_failure(self, kind: str, unit: str) -> None:
        """A unit gave no answer."""
        self._failures[kind, unit] = self._failures.get((kind, unit), 0) + 1

    def count_refusal(self, passed_by: Mapping[str, int], hosts: int) -> None:
        """No host of a call passed; `passed_by` says how many each filter passed."""
        last = min(passed_by, key=lambda name: passed_by[name], default=None)
        self.metrics.count_refusal(last, {name: hosts - passed for name, passed in passed_by.items()})

    def text(self, facts: EngineFacts | None) -> bytes:
        """All metrics as Prometheus reads them, with the facts in use now."""
        with self._lock:
            self._facts = facts
            text: bytes = self._generate(self._registry)
            return text

    def describe(self) -> Iterable[Metric]:
        """The families without samples, which the registry checks for names that it has already."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """The families with their samples now."""
        failures, age = self._families()
        for (kind, unit), count in list(self._failures.items()):
            failures.add_metric([kind, unit], count)
        reading = None if self._facts is None else self._facts.reading
        if reading is not None:
            age.add_metric([], time.monotonic() - reading.read_at)
        return [one for one in (failures, age) if one.samples]

    def _families(self) -> list[Any]:
        kinds = {"counter": self._core.CounterMetricFamily, "gauge": self._core.GaugeMetricFamily}
        return [kinds[kind](name, help, labels=labels) for kind, name, help, labels in FAMILIES]

    def _use(self) -> PoolUse | None:
        reading = None if self._facts is None else self._facts.reading
        return None if reading is None else use_of_hosts(Known(list(reading.hosts), "", reading).host_states())
