"""What a pool keeps of the metrics that hosts report: the last values, and when they were measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import FrozenDict, FrozenList
from filtersched.errors import InvalidRequest, must_be
from filtersched.hosts.host_state import HostState

# More values of a metric than this are not kept.
MOST_REPORTS = 1000


def checked_reports(metrics: Any) -> dict[str, int]:
    """Names of metrics, and how many values of each are kept. Raises InvalidRequest for what cannot be."""
    field, example = "metrics", "a mapping from the name of a metric to a number of reports"
    if not isinstance(metrics, Mapping):
        raise InvalidRequest(must_be(field, example, metrics), field=field, value=metrics)
    for name, count in metrics.items():
        if not isinstance(name, str) or not name:
            raise InvalidRequest(must_be(field, example, name), field=field, value=name)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_REPORTS:
            said = must_be(f"{field}[{name!r}]", f"a whole number from 1 to {MOST_REPORTS}", count)
            raise InvalidRequest(said, field=field, value=count)
    return dict(metrics)


def note_metrics(host: HostState, kept: Mapping[str, int], when: datetime) -> None:
    """Let a host that has new metrics remember them; they measure all instances that are there.

    kept : how many values of which metrics.
    """
    host._assign(unmeasured_vcpus=0)
    if kept:
        history = dict(host.metric_history)
        for name, value in dict(host.metrics).items():
            if name in kept:
                history[name] = FrozenList((*history.get(name, ()), value)[-kept[name] :])
        host._assign(metric_history=FrozenDict(history), measured_at=when)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation of values, at least one."""
    count = len(values)
    mean = math.fsum(values) / count
    return mean, math.hypot(*(value - mean for value in values)) / math.sqrt(count)
