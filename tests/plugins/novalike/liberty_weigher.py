"""2015.2: a weigher with a multiplier of the second signature, and a floor."""

from nova.scheduler import weights
from oslo_config import cfg

CONF = cfg.CONF
CONF.register_opt(cfg.FloatOpt("multiplier", default=1.0, help="0 disables the weigher"), group="liberty")


class LibertyWeigher(weights.BaseHostWeigher):
    """Weigh hosts by their free memory above a gigabyte."""

    minval = 0

    def weight_multiplier(self):
        return CONF.liberty.multiplier

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb - 1024
