"""2015.1: oslo_config and oslo_log, hints of the filter properties, split aggregate metadata."""

from nova.i18n import _LI
from nova.scheduler import filters
from nova.scheduler.filters import utils
from oslo_config import cfg
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.register_opt(cfg.StrOpt("kilo_default_rack", default="", help="the rack of an instance without a hint"))


class KiloRackFilter(filters.BaseHostFilter):
    """Refuse hosts outside of the rack that the user hints at."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, filter_properties):
        hints = filter_properties.get("scheduler_hints") or {}
        rack = hints.get("rack", CONF.kilo_default_rack)
        racks = utils.aggregate_metadata_get_by_host(host_state, "rack").get("rack", set())
        if rack and rack not in racks:
            LOG.info(_LI("%(host)s is not in %(rack)s"), {"host": host_state.host, "rack": rack})
            return False
        return True
