"""16: image properties as attributes, obj_attr_is_set, a filter that runs on rebuilds."""

import nova.conf
from nova import objects
from nova.scheduler import filters
from oslo_log import log as logging

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


class PikeImageFilter(filters.BaseHostFilter):
    """Keep licensed images on the hosts of their aggregate."""

    RUN_ON_REBUILD = True

    def host_passes(self, host_state, spec_obj):
        assert isinstance(spec_obj, objects.RequestSpec)
        if not spec_obj.obj_attr_is_set("image") or not spec_obj.image:
            return True
        distro = spec_obj.image.properties.get("os_distro")
        licensed = any(aggregate.metadata.get("licensed") == distro for aggregate in host_state.aggregates)
        return distro != "windows" or licensed
