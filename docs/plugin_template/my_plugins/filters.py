"""What a host must be like."""

from oslo_config import cfg

from filtersched import BaseHostFilter, HostState, RequestSpec


class TemperatureFilter(BaseHostFilter):
    """Refuse hosts that are hotter than ``[my_plugins] max_temperature_c``."""

    options = (
        cfg.FloatOpt(
            "max_temperature_c",
            default=80.0,
            help="The highest temperature, in degrees Celsius, at which a host still gets instances.",
        ),
    )
    option_group = "my_plugins"
    host_reads = ("stats",)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return self._temperature_c(host_state) <= float(self.option("max_temperature_c"))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return f"{self._temperature_c(host_state)} °C is above {self.option('max_temperature_c')} °C"

    def _temperature_c(self, host_state: HostState) -> float:
        # A host that does not say is not refused.
        return float(host_state.stats.get("temperature_c", 0.0))
