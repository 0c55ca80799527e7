"""23: what the request is for, by the list in the stored hint."""

from nova.scheduler import filters
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class WallabyResizeFilter(filters.BaseHostFilter):
    """Let resized instances stay in the rack that they come from."""

    def host_passes(self, host_state, spec_obj):
        if "scheduler_hints" not in spec_obj or not spec_obj.scheduler_hints:
            return True
        if spec_obj.scheduler_hints.get("_nova_check_type") != ["resize"]:
            return True
        source = spec_obj.get_scheduler_hint("source_rack")
        return any(source in aggregate.metadata.get("rack", "") for aggregate in host_state.aggregates)
