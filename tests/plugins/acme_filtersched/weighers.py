from oslo_config import cfg

from filtersched.weighers import BaseWeigher


class LoadWeigher(BaseWeigher):
    """Prefer hosts with a low load average."""

    options = (cfg.FloatOpt("load_weight_multiplier", default=1.0, help="0: load has no say. Negative: stack."),)
    option_group = "acme"
    multiplier_option = "load_weight_multiplier"

    def _weigh_object(self, host_state, weight_properties):
        return -host_state.capabilities.get("load", 0.0)
