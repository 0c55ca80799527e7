"""27: measured values, and all hosts at once."""

import nova.conf
from nova.scheduler import weights
from oslo_config import cfg

CONF = nova.conf.CONF
CONF.register_opts([cfg.StrOpt("metric", default="load")], group="antelope")


class AntelopeWeigher(weights.BaseHostWeigher):
    """Weigh hosts by a measured value, the least first."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [-self._measured(weighed.obj) for weighed in weighed_obj_list]

    def _weigh_object(self, host_state, weight_properties):
        return -self._measured(host_state)

    def _measured(self, host_state):
        return next((m.value for m in host_state.metrics if m.name == CONF.antelope.metric), 0.0)
