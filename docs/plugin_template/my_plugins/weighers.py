"""Which of the hosts that may be used is liked best."""

from oslo_config import cfg

from filtersched import BaseWeigher, HostState, RequestSpec


class CoolHostWeigher(BaseWeigher):
    """Prefer cool hosts."""

    options = (
        cfg.FloatOpt(
            "cool_host_weight_multiplier",
            default=1.0,
            help="How much the temperature counts. Positive: the coolest host wins. 0 disables the weigher.",
        ),
    )
    option_group = "my_plugins"
    multiplier_option = "cool_host_weight_multiplier"
    host_reads = ("stats",)

    def _weigh_object(self, host_state: HostState, weight_properties: RequestSpec) -> float:
        return -float(host_state.stats.get("temperature_c", 0.0))
