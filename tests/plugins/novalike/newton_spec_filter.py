"""2016.2: nova.conf, a group of options, the request object, extra spec operators."""

import nova.conf
from nova.scheduler import filters
from nova.scheduler.filters import extra_specs_ops
from oslo_config import cfg
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
CONF.register_group(cfg.OptGroup("newton", title="Options of NewtonSpecFilter"))
CONF.register_opts([cfg.StrOpt("scope", default="newton", help="the scope of extra specs")], group="newton")


class NewtonSpecFilter(filters.BaseHostFilter):
    """Match extra specs of a scope with the host's statistics."""

    def host_passes(self, host_state, spec_obj):
        prefix = CONF.newton.scope + ":"
        for key, wanted in spec_obj.flavor.extra_specs.items():
            if not key.startswith(prefix):
                continue
            found = host_state.stats.get(key[len(prefix) :])
            if found is None or not extra_specs_ops.match(str(found), wanted):
                LOG.debug("%s: %s is %s", host_state.host, key, found)
                return False
        return True
