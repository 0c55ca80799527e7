"""17: a filter of memory with the ratio of the host or of nova.conf."""

import nova.conf
from nova.scheduler import filters

CONF = nova.conf.CONF


class QueensRamFilter(filters.BaseHostFilter):
    """Refuse hosts on which memory would be oversold."""

    def host_passes(self, host_state, spec_obj):
        used = host_state.total_usable_ram_mb - host_state.free_ram_mb
        limit = host_state.total_usable_ram_mb * host_state.ram_allocation_ratio
        host_state.limits["memory_mb"] = limit
        return limit - used >= spec_obj.memory_mb
