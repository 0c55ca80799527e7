"""19: a multiplier that aggregates override, options through nova.conf."""

import nova.conf
from nova.scheduler import utils, weights
from oslo_config import cfg

CONF = nova.conf.CONF
CONF.register_opt(cfg.FloatOpt("stein_weight_multiplier", default=1.0), group="filter_scheduler")


class SteinWeigher(weights.BaseHostWeigher):
    """Weigh hosts by their free CPUs, relative to what they have."""

    minval = 0
    maxval = 1

    def weight_multiplier(self, host_state):
        return utils.get_weight_multiplier(
            host_state, "stein_weight_multiplier", CONF.filter_scheduler.stein_weight_multiplier
        )

    def _weigh_object(self, host_state, weight_properties):
        return 1 - host_state.vcpus_used / (host_state.vcpus_total * host_state.cpu_allocation_ratio)
