"""2013.1: oslo.config under its dotted name, and the first signature of a weigher's multiplier."""

from nova.openstack.common import log as logging
from nova.openstack.common.gettextutils import _
from nova.scheduler import weights
from oslo.config import cfg

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.register_opts([cfg.FloatOpt("grizzly_weight_multiplier", default=1.0, help="how much instances count")])


class GrizzlyWeigher(weights.BaseHostWeigher):
    """Weigh hosts by their number of instances."""

    def _weight_multiplier(self):
        return CONF.grizzly_weight_multiplier

    def _weigh_object(self, host_state, weight_properties):
        LOG.debug(_("%(host)s has %(n)d"), {"host": host_state.host, "n": host_state.num_instances})
        return host_state.num_instances
