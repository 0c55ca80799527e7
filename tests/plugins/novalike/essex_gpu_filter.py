"""2012.1: flags, the dict of filter properties, announced capabilities."""

from nova import flags
from nova import log as logging
from nova.openstack.common import cfg
from nova.scheduler import filters

LOG = logging.getLogger(__name__)

gpu_opts = [cfg.IntOpt("essex_gpus_kept", default=0, help="GPUs that stay free on each host")]
FLAGS = flags.FLAGS
FLAGS.register_opts(gpu_opts)


class EssexGpuFilter(filters.BaseHostFilter):
    """Refuse hosts that announce fewer GPUs than the instance type asks for."""

    def host_passes(self, host_state, filter_properties):
        instance_type = filter_properties.get("instance_type") or {}
        asked = int(instance_type.get("extra_specs", {}).get("essex:gpus", 0))
        if not asked:
            return True
        free = host_state.capabilities.get("gpus", 0) - FLAGS.essex_gpus_kept
        if free < asked:
            LOG.audit("%s has %d GPUs", host_state.host, free)
        return free >= asked
