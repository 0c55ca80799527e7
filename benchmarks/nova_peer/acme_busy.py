"""A third-party filter as it is written for Nova, and the same with declarations. Both sides run this file."""

from nova.scheduler import filters


class BusyHostFilter(filters.BaseHostFilter):
    """Refuse hosts that do much, or have little memory left."""

    RUN_ON_REBUILD = False

    def host_passes(self, host_state, spec_obj):
        return host_state.num_io_ops < 100 and host_state.free_ram_mb > spec_obj.memory_mb


class DeclaredBusyHostFilter(BusyHostFilter):
    """The same, with what it reads."""

    host_reads = ("num_io_ops", "free_ram_mb")
    spec_reads = ("memory_mb",)

    def host_passes(self, host_state, spec_obj):
        return host_state.num_io_ops < 100 and host_state.free_ram_mb > spec_obj.memory_mb


class ColumnarBusyHostFilter(BusyHostFilter):
    """The same, in operators."""

    host_reads = ("num_io_ops", "free_ram_mb")
    spec_reads = ("memory_mb",)
    columnar = True

    def host_passes(self, host_state, spec_obj):
        return (host_state.num_io_ops < 100) & (host_state.free_ram_mb > spec_obj.memory_mb)


class RackHostFilter(filters.BaseHostFilter):
    """Refuse hosts of other racks than the one asked for."""

    RUN_ON_REBUILD = False

    def host_passes(self, host_state, spec_obj):
        return host_state.capabilities["rack"] != spec_obj.flavor.extra_specs.get("acme:not_rack")


class DeclaredRackHostFilter(RackHostFilter):
    """The same, with the attributes that it reads."""

    host_reads = ("capabilities",)
    spec_reads = ("extra_specs",)

    def host_passes(self, host_state, spec_obj):
        return host_state.capabilities["rack"] != spec_obj.extra_specs.get("acme:not_rack")


class KeyedRackHostFilter(RackHostFilter):
    """The same, with the items that it reads."""

    host_reads = ("capabilities.rack",)
    spec_reads = ("extra_specs.acme:not_rack",)

    def host_passes(self, host_state, spec_obj):
        return host_state.capabilities["rack"] != spec_obj.extra_specs.get("acme:not_rack")
