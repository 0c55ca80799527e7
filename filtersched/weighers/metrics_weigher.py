"""MetricsWeigher: measured values of a host, each with a ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.errors import InvalidHost
from filtersched.settings.shared_options import METRICS_WEIGHT_SETTING
from filtersched.settings.weight_settings import read_settings_list
from filtersched.weighers.base import BaseWeigher


class MetricsWeigher(BaseWeigher):
    """Prefer hosts by their metrics: the sum of value times ratio over ``[metrics] weight_setting``.

    If a host lacks a metric:

    | ``required`` | ratio times multiplier | raw weight                                            |
    |--------------|------------------------|-------------------------------------------------------|
    | true         | any                    | InvalidHost, the request fails                        |
    | false        | not 0                  | ``weight_of_unavailable``, whatever the others are    |
    | false        | 0                      | the sum of the others                                 |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "weight_multiplier",
            default=1.0,
            help="How much metrics count. Positive: a higher sum is preferred. Negative: a lower sum is preferred. 0 "
            "disables the weigher. In the metadata of an aggregate, the key is metrics_weight_multiplier.",
        ),
        METRICS_WEIGHT_SETTING,
        cfg.BoolOpt(
            "required",
            default=True,
            help="True: a request fails if a host that passed the filters lacks a metric of weight_setting; "
            "MetricsFilter refuses such hosts. False: the raw weight of such a host is weight_of_unavailable.",
        ),
        cfg.FloatOpt(
            "weight_of_unavailable",
            default=-10000.0,
            help="The raw weight of a host that lacks a metric, if required is false. Lower than every real sum: the "
            "host comes last. Higher: it comes first.",
        ),
    )
    option_group = "metrics"
    aggregate_overrides: ClassVar[Mapping[str, str]] = {"weight_multiplier": "metrics_weight_multiplier"}

    _settings: list[tuple[str, float]] | None = None

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        """Nothing without settings; aggregates because a missing metric counts by the multiplier."""
        return ("metrics", "aggregates", "host", "nodename") if self._read_settings() else ()

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._settings = None

    def weight_multiplier(self, host_state: Any) -> Any:
        return self.aggregate_number(host_state, "weight_multiplier", self.option("weight_multiplier"))

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        settings = self._read_settings()
        if not settings:
            return 0.0
        values = {metric.name: metric.value for metric in host_state.metrics or ()}
        weight = 0.0
        for name, ratio in settings:
            if name in values:
                weight += values[name] * ratio
            elif self.option("required"):
                raise InvalidHost(
                    f"MetricsWeigher: host {host_state.host!r}, node {host_state.nodename!r} has no metric {name!r}. "
                    "Use MetricsFilter to refuse such hosts, or set [metrics] required to false.",
                    host=host_state.host,
                    attribute="metrics",
                    value=name,
                )
            elif ratio * self.weight_multiplier(host_state) != 0:
                return self.option("weight_of_unavailable")
        return weight

    def reads_metric(self, name: str) -> bool:
        """Whether the value of a metric makes a difference."""
        counts = bool(self.option("weight_multiplier"))
        return counts and any(name == one and ratio for one, ratio in self._read_settings())

    def _read_settings(self) -> list[tuple[str, float]]:
        if self._settings is None:
            self._settings = read_settings_list(self.option("weight_setting"), "[metrics] weight_setting")
        return self._settings
