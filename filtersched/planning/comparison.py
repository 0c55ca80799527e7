"""Comparison: several configurations on one trace, with differences against the first and the spread over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filtersched.planning.metrics import Metric, Result, elsewhere, metrics

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed, or a configuration that could not be used, which has no seed."""

    configuration: str
    seed: int | None
    error: str

    def __str__(self) -> str:
        where = self.configuration if self.seed is None else f"{self.configuration}, seed {self.seed}"
        return f"{where}: {self.error}"


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric of one configuration over its seeds.

    values : the number by seed; None where the run has none.
    differences : the number less that of the first configuration with the same seed.
    """

    values: Sequence[float]
    differences: Sequence[float]

    @property
    def mean(self) -> float | None:
        """The mean over the seeds; None without any."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def difference(self) -> float | None:
        """The mean of the differences; None for the first configuration."""
        return statistics.fmean(self.differences) if self.differences else None

    def to_dict(self) -> dict[str, Any]:
        """Mean, extremes and deviations as plain data."""
        values, differences = self.values, self.differences
        return {
            "mean": self.mean,
            "min": min(values, default=None),
            "max": max(values, default=None),
            "deviation": statistics.pstdev(values) if values else None,
            "difference": self.difference,
            "difference_deviation": statistics.pstdev(differences) if differences else None,
        }


@dataclass(frozen=True)
class Comparison:
    """The results of configurations on one trace, and what failed.

    names : the configurations with results, in the order given; the first is what others differ from.
    results : by configuration, seed to result. One that draws nothing has one result, for all seeds.
    """

    names: Sequence[str]
    seeds: Sequence[int]
    results: Mapping[str, Mapping[int, Result]]
    failures: Sequence[Failure] = ()

    @property
    def metrics(self) -> list[Metric]:
        """What is compared, in the order of a table."""
        found = metrics(result for name in self.names for result in self.results[name].values())
        at = next(at for at, one in enumerate(found) if one.name == "instances_placed") + 1
        if len(self.names) > 1:
            found.insert(at, _ELSEWHERE)
        return found

    def result(self, name: str, seed: int) -> Result | None:
        """The result of a configuration with a seed; that of any seed for one that draws nothing."""
        found = self.results[name]
        if seed in found:
            return found[seed]
        only = next(iter(found.values()))
        return only if len(found) == 1 and not only["draws"] else None

    def spread(self, name: str, metric: Metric) -> Spread:
        """A metric of a configuration, over its seeds."""
        first = self.names[0]
        values, differences = [], []
        for seed in self.seeds:
            result, reference = self.result(name, seed), self.result(first, seed)
            if result is None:
                continue
            if metric is _ELSEWHERE:
                if reference is not None and name != first:
                    values.append(float(elsewhere(result, reference)))
                continue
            value, base = metric.value(result), None if reference is None else metric.value(reference)
            if value is not None:
                values.append(value)
                if base is not None and name != first:
                    differences.append(value - base)
        return Spread(values, differences)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data; series and shares of hosts are those of the first seed."""
        return {
            "version": FORMAT_VERSION,
            "seeds": list(self.seeds),
            "metrics": [{"name": one.name, "label": one.label.strip()} for one in self.metrics],
            "configurations": [self._configuration(name) for name in self.names],
            "failed": [
                {"configuration": one.configuration, "seed": one.seed, "error": one.error} for one in self.failures
            ],
        }

    def _configuration(self, name: str) -> dict[str, Any]:
        found = self.results[name]
        shown = next(iter(found.values()))
        return {
            "name": name,
            "runs": len(found),
            "draws": shown["draws"],
            "metrics": {one.name: self.spread(name, one).to_dict() for one in self.metrics},
            "refused_by": shown["refused_by"],
            "series": shown["series"],
            "hosts": shown["hosts"],
        }

    def rows(self) -> list[dict[str, Any]]:
        """One row a metric: its label, and a cell of each configuration; what depends on the machine is left out."""
        return [
            {"metric": metric.label, **{name: self._cell(name, metric) for name in self.names}}
            for metric in self.metrics
            if not metric.is_timing
        ]

    def timings(self) -> list[str]:
        """How long decisions took, in words; it depends on the machine, and on what else it does."""
        return [
            f"{metric.label}: "
            + ", ".join(f"{metric.shown(self.spread(name, metric).mean)} ({name})" for name in self.names)
            for metric in self.metrics
            if metric.is_timing
        ]

    def _cell(self, name: str, metric: Metric) -> str:
        spread = self.spread(name, metric)
        said = metric.shown(spread.mean)
        if len(spread.values) > 1 and max(spread.values) > min(spread.values):
            said += f" ±{metric.shown(statistics.pstdev(spread.values))}"
        if spread.difference is not None:
            said += f" ({metric.shown(spread.difference, signed=True)})"
        return said


#: How many instances are placed elsewhere than by the first configuration.
_ELSEWHERE = Metric("elsewhere", "  on another host than in the first", lambda _result: None)
