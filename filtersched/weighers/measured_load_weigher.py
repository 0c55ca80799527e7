"""MeasuredLoadWeigher: hosts by a metric that they report, and by what was placed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.hosts.metric_history import MOST_REPORTS, mean_and_deviation
from filtersched.plugins.columnar import either, filled, is_known, of_each
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "measured_load_weight_multiplier"


class MeasuredLoadWeigher(BaseWeigher):
    """Prefer hosts with less measured load, counting what was placed since the measurement.

    The load is the mean of the last values of a metric, plus a share of their deviation, plus so much for each vCPU of
    the instances that were placed since the report that brought the metric, earlier instances of the request included.
    The raw weight is the load with the sign changed.

    A pool remembers the values that reports bring from the first decision on, or from `pool.keep_metrics()`. A host
    with one value has no deviation.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much the measured load counts. Positive: hosts with less load are preferred. Negative: hosts "
            "with more. 0 disables the weigher. Then aggregates cannot set another multiplier, and pools keep nothing "
            "for it.",
        ),
        cfg.StrOpt(
            "measured_load_metric",
            default="cpu.percent",
            help="The metric that is the load of a host. Empty: all hosts have the same load.",
        ),
        cfg.IntOpt(
            "measured_load_reports",
            default=10,
            min=1,
            max=MOST_REPORTS,
            help="Of how many reports, the last ones, the mean and the deviation are. 1: the last value alone counts.",
        ),
        cfg.FloatOpt(
            "measured_load_deviation_share",
            default=0.5,
            min=0.0,
            help="How much of the standard deviation is added to the mean, so that a host whose load swings counts as "
            "more loaded. 0: nothing.",
        ),
        cfg.FloatOpt(
            "measured_load_per_vcpu",
            default=2.0,
            min=0.0,
            help="What one vCPU of an instance placed since the report is expected to add, in units of the metric. For "
            "a percentage, a busy vCPU adds 100 divided by the CPUs of the host. 0: nothing, so that many instances "
            "may follow each other to one host.",
        ),
        cfg.FloatOpt(
            "measured_load_unknown",
            default=100.0,
            help="The load of a host whose last report has no such metric; nothing is added to it. 0: such a host "
            "counts as idle.",
        ),
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = ()
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        return ("metrics", "metric_history", "unmeasured_vcpus") if self.kept_metrics() else ()

    def kept_metrics(self) -> Mapping[str, int]:
        """Of which metric pools keep how many values; nothing where the weigher is disabled."""
        metric = self.option("measured_load_metric")
        return {metric: self.option("measured_load_reports")} if metric and self.option(_MULTIPLIER) else {}

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        kept = self.kept_metrics()
        if not kept:
            return 0.0
        ((metric, reports),) = kept.items()
        latest = of_each(host_state, "metrics", latest_of, metric)
        usual = of_each(
            host_state, "metric_history", usual_of, metric, reports, self.option("measured_load_deviation_share")
        )
        added = host_state.unmeasured_vcpus * self.option("measured_load_per_vcpu")
        unknown = self.option("measured_load_unknown")
        return either(is_known(latest), filled(usual, filled(latest, unknown)) + added, unknown) * -1.0


def latest_of(metrics: Sequence[tuple[str, float]], metric: str) -> float | None:
    """The value of a metric in the last report."""
    return dict(metrics).get(metric)


def usual_of(history: Mapping[str, Sequence[float]], metric: str, reports: int, share: float) -> float | None:
    """The mean of the last values of a metric and a share of their deviation; None without values."""
    values = history.get(metric, ())[-reports:]
    if not values:
        return None
    mean, deviation = mean_and_deviation(values)
    return mean + share * deviation
