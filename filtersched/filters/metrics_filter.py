"""MetricsFilter: hosts that measure what the weighing needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import METRICS_WEIGHT_SETTING
from filtersched.settings.weight_settings import read_settings_list


class MetricsFilter(BaseHostFilter):
    """Refuse hosts that lack a metric of `[metrics] weight_setting`, by which MetricsWeigher weighs.

    Elements of the setting that are not `name=number` are ignored. Without any metric, every host
    passes.
    """

    option_group = "metrics"
    options: ClassVar[Sequence[cfg.Opt]] = (METRICS_WEIGHT_SETTING,)

    _names: tuple[str, ...] | None = None

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._names = None

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if no metric is needed."""
        return ("metrics",) if self._needed() else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return not self._missing(host_state)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        missing = self._missing(host_state)
        if not missing:
            return None
        has = ", ".join(sorted(metric.name for metric in host_state.metrics)) or "none"
        return f"lacks the metrics {', '.join(missing)} of [metrics] weight_setting; it has {has}"

    def _missing(self, host: HostState) -> list[str]:
        needed = self._needed()
        known = {metric.name for metric in host.metrics or ()} if needed else ()
        return [name for name in needed if name not in known]

    def _needed(self) -> tuple[str, ...]:
        if self._names is None:
            settings = read_settings_list(self.option("weight_setting"), "[metrics] weight_setting")
            self._names = tuple(dict.fromkeys(name for name, _ratio in settings))
        return self._names
