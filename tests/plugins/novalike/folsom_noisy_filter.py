"""2012.2: options of nova.openstack.common.cfg, the request_spec, the caller's context."""

from nova.openstack.common import cfg, jsonutils
from nova.openstack.common import log as logging
from nova.scheduler import filters

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.register_opt(cfg.StrOpt("folsom_noisy", default="[]", help="hosts with noisy neighbours, JSON"))


class FolsomNoisyFilter(filters.BaseHostFilter):
    """Refuse noisy hosts to projects that are not the administrator's."""

    def host_passes(self, host_state, filter_properties):
        context = filter_properties["context"]
        properties = filter_properties["request_spec"]["instance_properties"]
        if context.is_admin or properties["project_id"] == "ops":
            return True
        return host_state.host not in jsonutils.loads(CONF.folsom_noisy)
