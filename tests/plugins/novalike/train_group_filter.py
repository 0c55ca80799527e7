"""20: server groups, lists, and an exception of Nova's."""

from nova import exception
from nova.scheduler import filters


class TrainGroupFilter(filters.BaseHostFilter):
    """Keep named groups on the hosts that they are on."""

    def host_passes(self, host_state, spec_obj):
        group = spec_obj.instance_group
        if group is None or group.policy != "affinity":
            return True
        if not isinstance(group.hosts, (list, tuple)):
            raise exception.NovaException("hosts are a list")
        return group.hosts == [] or host_state.host in group.hosts
