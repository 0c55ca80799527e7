"""Hosts in racks, a resource that they share, and schedulers with and without the engine."""

from filtersched import FilterScheduler, Flavor, HostPool, HostState, RequestSpec, SharedResource, make_conf


class RackHost(HostState):
    """A host that knows its rack."""

    rack: str | None = None


class Power(SharedResource):
    """Refuse hosts in whose rack too little power is left."""

    name = "power"
    scope = "rack"
    unit = "W"
    host_reads = ()
    spec_reads = ("flavor",)
    columnar = True

    def total(self, rack):
        return 1000

    def amount(self, spec, host):
        return int(spec.flavor.extra_specs.get("watts", 0))


def host(name, rack=None, **attributes):
    room = {"total_usable_ram_mb": 65536, "free_ram_mb": 65536, "vcpus_total": 64}
    return RackHost(name, rack=rack, **{**room, **attributes})


def racks(*names):
    """One host in each of these racks, h1, h2, …"""
    return [host(f"h{number}", rack) for number, rack in enumerate(names, 1)]


def pool_of(*names):
    return HostPool(racks(*names))


def request(watts=300, count=1, **fields):
    flavor = Flavor(memory_mb=1024, vcpus=2, extra_specs={"watts": str(watts)})
    return RequestSpec(flavor=flavor, num_instances=count, **fields)


def scheduler(*resources, use_engine=True, **options):
    options = {"scheduler_default_filters": ["RamFilter"], **options}
    return FilterScheduler(make_conf(**options), resources=resources or [Power], use_engine=use_engine)


def configured(*lines, use_engine=True):
    return FilterScheduler(make_conf(shared_resources=list(lines), scheduler_default_filters=[]), use_engine=use_engine)


def names(selections):
    return [one.host for one in selections]
