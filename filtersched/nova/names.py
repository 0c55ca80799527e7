"""The table of stand-ins: which of Nova's module names are answered here, by what, and why others are not.

A source is a module, for all its public names, or `module:Name` for one of them.
"""

from __future__ import annotations

_ROOM = "filtersched.nova"
_FILTERS = "filtersched.filters"
_WEIGHERS = "filtersched.weighers"


def _filter(*modules_and_classes: str) -> tuple[str, ...]:
    return tuple(f"{_FILTERS}.{one}" for one in modules_and_classes)


def _capacity(*classes: str) -> tuple[str, ...]:
    return tuple(f"{_ROOM}.capacity:{one}" for one in classes)


def _weigher(module: str, name: str) -> tuple[str, ...]:
    return (f"{_WEIGHERS}.{module}:{name}",)


_STANDARD_FILTERS = {
    "affinity_filter": _filter(
        "different_host_filter:DifferentHostFilter",
        "same_host_filter:SameHostFilter",
        "simple_cidr_affinity_filter:SimpleCIDRAffinityFilter",
        "server_group_affinity_filter:ServerGroupAffinityFilter",
        "server_group_anti_affinity_filter:ServerGroupAntiAffinityFilter",
        "group_affinity_filter:GroupAffinityFilter",
        "group_anti_affinity_filter:GroupAntiAffinityFilter",
    ),
    "aggregate_image_properties_isolation": _filter(
        "aggregate_image_properties_isolation:AggregateImagePropertiesIsolation"
    ),
    "aggregate_instance_extra_specs": _filter(
        "aggregate_instance_extra_specs_filter:AggregateInstanceExtraSpecsFilter"
    ),
    "aggregate_multitenancy_isolation": _filter("aggregate_multi_tenancy_isolation:AggregateMultiTenancyIsolation"),
    "all_hosts_filter": _filter("all_hosts_filter:AllHostsFilter"),
    "availability_zone_filter": _filter("availability_zone_filter:AvailabilityZoneFilter"),
    "compute_capabilities_filter": _filter("compute_capabilities_filter:ComputeCapabilitiesFilter"),
    "compute_filter": _filter("compute_filter:ComputeFilter"),
    "core_filter": _capacity("BaseCoreFilter", "CoreFilter", "AggregateCoreFilter"),
    "disk_filter": _capacity("DiskFilter", "AggregateDiskFilter"),
    "exact_core_filter": _filter("exact_core_filter:ExactCoreFilter"),
    "exact_disk_filter": _filter("exact_disk_filter:ExactDiskFilter"),
    "exact_ram_filter": _filter("exact_ram_filter:ExactRamFilter"),
    "image_props_filter": _filter("image_properties_filter:ImagePropertiesFilter"),
    "io_ops_filter": _capacity("IoOpsFilter", "AggregateIoOpsFilter"),
    "isolated_hosts_filter": _filter("isolated_hosts_filter:IsolatedHostsFilter"),
    "json_filter": _filter("json_filter:JsonFilter"),
    "metrics_filter": _filter("metrics_filter:MetricsFilter"),
    "num_instances_filter": _capacity("NumInstancesFilter", "AggregateNumInstancesFilter"),
    "numa_topology_filter": _filter("numa_topology_filter:NUMATopologyFilter"),
    "pci_passthrough_filter": _filter("pci_passthrough_filter:PciPassthroughFilter"),
    "ram_filter": _capacity("BaseRamFilter", "RamFilter", "AggregateRamFilter"),
    "retry_filter": _filter("retry_filter:RetryFilter"),
    "trusted_filter": _filter("trusted_filter:TrustedFilter"),
    "type_filter": _filter(
        "type_affinity_filter:TypeAffinityFilter", "aggregate_type_affinity_filter:AggregateTypeAffinityFilter"
    ),
}
_STANDARD_WEIGHERS = {
    "affinity": (
        *_weigher("server_group_soft_affinity_weigher", "ServerGroupSoftAffinityWeigher"),
        *_weigher("server_group_soft_anti_affinity_weigher", "ServerGroupSoftAntiAffinityWeigher"),
    ),
    "compute": _weigher("build_failure_weigher", "BuildFailureWeigher"),
    "cpu": _weigher("cpu_weigher", "CPUWeigher"),
    "cross_cell": _weigher("cross_cell_weigher", "CrossCellWeigher"),
    "disk": _weigher("disk_weigher", "DiskWeigher"),
    "hypervisor_version": _weigher("hypervisor_version_weigher", "HypervisorVersionWeigher"),
    "image_props": _weigher("image_properties_weigher", "ImagePropertiesWeigher"),
    "io_ops": _weigher("io_ops_weigher", "IoOpsWeigher"),
    "metrics": _weigher("metrics_weigher", "MetricsWeigher"),
    "num_instances": _weigher("num_instances_weigher", "NumInstancesWeigher"),
    "pci": _weigher("pci_weigher", "PCIWeigher"),
    "ram": _weigher("ram_weigher", "RAMWeigher"),
}
_BASES = f"{_ROOM}.plugin_bases"
_OF_OSLO_CONFIG = ("cfg", "types")

# Module name -> sources. A name that is the start of others is a package.
STAND_INS: dict[str, tuple[str, ...]] = {
    "nova": (),
    "nova.conf": (f"{_ROOM}.conf",),
    "nova.config": (f"{_ROOM}.conf",),
    "nova.exception": (f"{_ROOM}.exception",),
    "nova.filters": (f"{_BASES}:BaseFilter", f"{_BASES}:BaseFilterHandler"),
    "nova.flags": (f"{_ROOM}.flags",),
    "nova.i18n": (f"{_ROOM}.i18n",),
    "nova.log": (f"{_ROOM}.log",),
    "nova.objects": (f"{_ROOM}.objects",),
    "nova.objects.aggregate": (f"{_ROOM}.objects:Aggregate",),
    "nova.objects.fields": (f"{_ROOM}.fields",),
    "nova.objects.flavor": (f"{_ROOM}.objects:Flavor",),
    "nova.objects.image_meta": (f"{_ROOM}.objects:ImageMeta", f"{_ROOM}.objects:ImageMetaProps"),
    "nova.objects.instance": (f"{_ROOM}.objects:Instance",),
    "nova.objects.instance_group": (f"{_ROOM}.objects:InstanceGroup",),
    "nova.objects.request_spec": (
        f"{_ROOM}.objects:Destination",
        f"{_ROOM}.objects:RequestSpec",
        f"{_ROOM}.objects:SchedulerRetries",
    ),
    "nova.objects.service": (f"{_ROOM}.objects:Service",),
    "nova.openstack": (),
    "nova.openstack.common": (),
    "nova.openstack.common.cfg": ("oslo_config.cfg",),
    "nova.openstack.common.gettextutils": (f"{_ROOM}.i18n",),
    "nova.openstack.common.importutils": (f"{_ROOM}.importutils",),
    "nova.openstack.common.jsonutils": (f"{_ROOM}.jsonutils",),
    "nova.openstack.common.log": (f"{_ROOM}.log",),
    "nova.openstack.common.strutils": (f"{_ROOM}.strutils",),
    "nova.openstack.common.timeutils": (f"{_ROOM}.timeutils",),
    "nova.scheduler": (),
    "nova.scheduler.filters": (
        *(
            f"{_BASES}:{name}"
            for name in ("BaseFilterHandler", "BaseHostFilter", "all_filters", "standard_filters")
        ),
        f"{_BASES}:BaseFilterHandler=HostFilterHandler",
    ),
    "nova.scheduler.filters.extra_specs_ops": (f"{_FILTERS}.extra_specs:match",),
    "nova.scheduler.filters.utils": (f"{_FILTERS}.utils",),
    **{f"nova.scheduler.filters.{name}": sources for name, sources in _STANDARD_FILTERS.items()},
    "nova.scheduler.host_manager": ("filtersched.hosts.host_state:HostState",),
    "nova.scheduler.utils": ("filtersched.utils",),
    "nova.scheduler.weights": (
        *(f"{_BASES}:{name}" for name in ("BaseHostWeigher", "WeighedHost", "all_weighers")),
        f"{_BASES}:BaseWeightHandler=HostWeightHandler",
    ),
    **{f"nova.scheduler.weights.{name}": sources for name, sources in _STANDARD_WEIGHERS.items()},
    "nova.utils": (f"{_ROOM}.utils",),
    "nova.weights": tuple(
        f"{_BASES}:{name}" for name in ("BaseWeigher", "BaseWeightHandler", "WeighedObject", "normalize")
    ),
    "oslo": (),
    "oslo.config": tuple(f"oslo_config.{name}:*{name}" for name in _OF_OSLO_CONFIG),
    **{f"oslo.config.{name}": (f"oslo_config.{name}",) for name in _OF_OSLO_CONFIG},
    "oslo_log": (),
    "oslo_log.log": (f"{_ROOM}.log",),
    "oslo_serialization": (),
    "oslo_serialization.jsonutils": (f"{_ROOM}.jsonutils",),
    "oslo_utils": (),
    **{f"oslo_utils.{name}": (f"{_ROOM}.{name}",) for name in ("importutils", "strutils", "timeutils", "units")},
}

# The modules of these register Nova's options in the global ConfigOpts, as Nova's own modules do.
_REGISTER = ("nova.conf", "nova.config", "nova.flags", "nova.scheduler.filters.", "nova.scheduler.weights.")

_DATABASE = "it reads Nova's database, which a scheduler of filtersched has none of; hosts and requests are given"
_RPC = "it calls other services of Nova over RPC, and there are none"
_DRIVER = "schedulers are not Nova's here; derive from filtersched.FilterScheduler"
_REASONS = {
    "nova.db": _DATABASE,
    "nova.context": _DATABASE,
    "nova.servicegroup": _DATABASE,
    "nova.availability_zones": _DATABASE,
    "nova.quota": _DATABASE,
    "nova.objects": _DATABASE,
    "nova.rpc": _RPC,
    "nova.conductor": _RPC,
    "nova.compute": _RPC,
    "nova.notifications": _RPC,
    "nova.network": _RPC,
    "nova.volume": _RPC,
    "nova.image": _RPC,
    "nova.scheduler.client": _RPC,
    "nova.scheduler.rpcapi": _RPC,
    "nova.scheduler.driver": _DRIVER,
    "nova.scheduler.filter_scheduler": _DRIVER,
    "nova.scheduler.chance": _DRIVER,
    "nova.scheduler.manager": _DRIVER,
    "nova.virt": "it belongs to the compute service and its hypervisor",
    "nova.pci": "it belongs to the compute service and its devices",
}
ROOTS = ("nova", "oslo", "oslo_log", "oslo_serialization", "oslo_utils")


def is_package(name: str) -> bool:
    """Whether other stand-ins are inside this one."""
    return any(other.startswith(f"{name}.") for other in STAND_INS)


def alias_of(name: str) -> str | None:
    """The module of oslo.config that is meant under its old name."""
    sources = STAND_INS[name]
    return sources[0] if len(sources) == 1 and sources[0].startswith("oslo_config.") else None


def registers_options(name: str) -> bool:
    """Whether Nova's module of this name brings Nova's options."""
    return name.startswith(_REGISTER)


def reason_against(name: str) -> str:
    """Why there is no stand-in for a module of Nova's."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        reason = _REASONS.get(".".join(parts[:length]))
        if reason is not None:
            return reason
    return "only the modules that filters and weighers need have a stand-in"
