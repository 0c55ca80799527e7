"""2014.1: a standard filter with its hook overridden."""

from nova.openstack.common import log as logging
from nova.openstack.common.gettextutils import _LW
from nova.scheduler.filters import core_filter, utils

LOG = logging.getLogger(__name__)


class IcehouseCoreFilter(core_filter.CoreFilter):
    """Refuse hosts without enough CPUs, at the ratio of their rack."""

    def _get_cpu_allocation_ratio(self, host_state, filter_properties):
        values = utils.aggregate_values_from_key(host_state, "rack_cpu_ratio")
        try:
            return utils.validate_num_values(values, 1.0, cast_to=float)
        except ValueError as e:
            LOG.warning(_LW("Could not decode the ratio: '%s'"), e)
            return 1.0
