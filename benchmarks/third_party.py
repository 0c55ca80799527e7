"""A third-party filter: no declarations, so it is called for every host."""

from filtersched import BaseHostFilter


class BusyFilter(BaseHostFilter):
    """Refuse hosts on which more is going on than one would like."""

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 100 and host_state.free_ram_mb > spec.memory_mb
