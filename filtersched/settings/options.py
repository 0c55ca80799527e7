"""The scheduler-level options: every one, in every spelling, with what each value does.

Options of a plug-in are on its class. This module has the options that the pipeline reads, and
options of Nova that are accepted without effect so that existing files work, each with the reason. The table
is long because it is the reference.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from oslo_config import cfg

from filtersched.settings.shared_options import (
    ALLOCATION_RATIOS,
    DEFAULT_AVAILABILITY_ZONE,
    SERVICE_DOWN_TIME,
    initial_ratio,
)

DEFAULT = "DEFAULT"
GROUPED = "filter_scheduler"

# A group and a name in it; the flat spelling of an option has the group DEFAULT.
Spelling = tuple[str, str]


def spelled(spelling: Spelling) -> str:
    """`[group] name`, as it is written in messages; an argument of a call has no group."""
    return f"[{spelling[0]}] {spelling[1]}" if spelling[0] else spelling[1]


def spellings_of(opt: cfg.Opt, group: str) -> list[Spelling]:
    """How an option of a plug-in may be written: in its group, and for the common group also flat."""
    flat = group == GROUPED and opt.name not in cfg.ConfigOpts.disallow_names  # oslo.config's own flat names
    return [(DEFAULT, opt.dest), (group, opt.dest)] if flat else [(group, opt.dest)]


def respelled(opt: cfg.Opt, spellings: Sequence[Spelling]) -> tuple[tuple[str, cfg.Opt], ...]:
    """A copy of `opt` for each spelling, each help text naming the others."""
    copies = []
    for group, name in spellings:
        other = copy.copy(opt)
        other.name = other.dest = name
        others = ", ".join(spelled(s) for s in spellings if s != (group, name))
        if others:
            other.help = f"{opt.help or ''} Also written {others}.".strip()
        copies.append((group, other))
    return tuple(copies)


def _field(opt: cfg.Opt, group: str | None) -> Any:
    """A field with the value of `opt`, which is in [DEFAULT] and, under the field's name, in `group`."""
    return dataclasses.field(metadata={"opt": opt, "group": group})


def _option(kind: Callable[..., cfg.Opt], name: str, *, group: str | None = None, **facts: Any) -> Any:
    return _field(kind(name, **facts), group)


def _grouped_option(kind: Callable[..., cfg.Opt], name: str, group: str, **facts: Any) -> Any:
    """A field with the value of an option that is in one group only, under its own name."""
    return dataclasses.field(metadata={"opt": kind(name, **facts), "only_in": group})


_WHOLE_NODES = ("ironic_host_manager", "IronicHostManager", "baremetal_host_manager", "BaremetalHostManager")


@dataclasses.dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """The scheduler-level options, read once."""

    driver: str = _option(
        cfg.StrOpt,
        "scheduler_driver",
        group="scheduler",
        default="FilterScheduler",
        help="The scheduler to use: the name of an entry point of filtersched.drivers, or the path of a class, usually "
        "one derived from FilterScheduler. FilterScheduler takes the best host that passes the filters, "
        "StochasticScheduler draws one of these hosts in proportion to their weights, and ChanceScheduler draws "
        "one of the hosts that are up. Nova's class paths mean the scheduler of that name; "
        "nova.scheduler.multi.MultiScheduler means the scheduler that compute_scheduler_driver names.",
    )
    compute_driver: str = _option(
        cfg.StrOpt,
        "compute_scheduler_driver",
        default="FilterScheduler",
        help="The scheduler that MultiScheduler uses for compute requests. Only read if scheduler_driver is "
        "MultiScheduler.",
    )
    host_manager: str = _option(
        cfg.StrOpt,
        "scheduler_host_manager",
        group="scheduler",
        default="host_manager",
        help="ironic_host_manager, or Nova's class path of it: an instance takes the whole node, whatever its flavor, "
        "except on hosts with a hypervisor_type other than ironic and baremetal. Any other value has no effect: the "
        "calling program gives the hosts to the scheduler.",
    )
    available_filters: tuple[str, ...] = _option(
        cfg.MultiStrOpt,
        "scheduler_available_filters",
        group=GROUPED,
        default=["standard_filters"],
        help="The filters that may be enabled. May be repeated; each value may contain several, separated by commas. "
        "standard_filters: the library's own. all_filters: every installed one. Otherwise the name of an entry "
        "point of filtersched.filters, the path of a filter class, or the path of a function that returns filter "
        "classes.",
    )
    enabled_filters: tuple[str, ...] = _option(
        cfg.ListOpt,
        "scheduler_default_filters",
        group=GROUPED,
        default=["AvailabilityZoneFilter", "RamFilter", "ComputeFilter"],
        help="The filters of every request, by class name, in this order; they must be available. A name given twice "
        "runs twice. Empty: no filter refuses anything.",
    )
    weight_classes: tuple[str, ...] = _option(
        cfg.ListOpt,
        "scheduler_weight_classes",
        group=GROUPED,
        default=["all_weighers"],
        help="The weighers that rank the remaining hosts. all_weighers: the library's own, in a fixed order. Otherwise "
        "the name of an entry point of filtersched.weighers, the path of a weigher class, or the path of a "
        "function that returns weigher classes, in the given order; a weigher given twice counts twice. Empty: "
        "all hosts weigh the same. Cannot be combined with least_cost_functions.",
    )
    least_cost_functions: tuple[str, ...] | None = _option(
        cfg.ListOpt,
        "least_cost_functions",
        help="Cost functions of the first filter scheduler, used instead of weighers: paths of functions "
        "fn(host_state, weighing_properties). The lowest sum of <function name>_weight times cost wins, without "
        "normalising. Only functions whose names begin with compute_ or noop are used, as in Nova. Unset: "
        "weighers. Empty: all hosts cost the same.",
    )
    profile_hints: tuple[str, ...] | None = _option(
        cfg.ListOpt,
        "scheduler_profile_hints",
        group=GROUPED,
        help="The profiles that a request may choose by the hint filtersched:profile; a request that names another one "
        "is an error. Unset: every profile. Empty: none. Flavors, projects and callers may choose every profile.",
    )
    shared_resources: tuple[str, ...] = _option(
        cfg.MultiStrOpt,
        "shared_resources",
        group=GROUPED,
        default=[],
        help="Resources that belong to no single host. May be repeated. A value defines one: power "
        "of=extra_specs.acme:watts per=rack total=5000 (docs/shared_resources has the keys), or it names entry points "
        "of filtersched.resources or paths of classes, separated by commas. Hosts in whose scope too little is free "
        "are refused. None: no resource is shared.",
    )
    host_subset_size: int = _option(
        cfg.IntOpt,
        "scheduler_host_subset_size",
        group=GROUPED,
        default=1,
        min=1,
        help="Draw one of this many best hosts. 1: always the best one. More than there are: any of them. Higher "
        "values make parallel schedulers collide less, and choose worse hosts. StochasticScheduler ignores it.",
    )
    shuffle_best_same_weighed_hosts: bool = _option(
        cfg.BoolOpt,
        "shuffle_best_same_weighed_hosts",
        group=GROUPED,
        default=False,
        help="True: hosts that share the highest weight are shuffled before one is chosen. False: the first of them "
        "wins. StochasticScheduler ignores it.",
    )
    max_attempts: int = _option(
        cfg.IntOpt,
        "scheduler_max_attempts",
        group="scheduler",
        default=3,
        min=1,
        help="How many hosts an instance may be tried on. A selection has up to one alternate less than this, if "
        "alternates are requested. 1: no alternates, and requests carry no retry record.",
    )
    service_down_time: int = _field(SERVICE_DOWN_TIME, GROUPED)
    default_availability_zone: str = _field(DEFAULT_AVAILABILITY_ZONE, GROUPED)
    default_schedule_zone: str | None = _option(
        cfg.StrOpt,
        "default_schedule_zone",
        group=GROUPED,
        help="The zone of a request that names none. Unset: such a request may go to any zone.",
    )
    json_config_location: str = _option(
        cfg.StrOpt,
        "scheduler_json_config_location",
        default="",
        help="A JSON file whose content filters get as filter_properties['config_options']. It is read again after a "
        "change. Empty: no file, and the content is {}.",
    )
    use_baremetal_filters: bool = _option(
        cfg.BoolOpt,
        "scheduler_use_baremetal_filters",
        group=GROUPED,
        default=False,
        help="True: use the filters of baremetal_scheduler_default_filters instead of those of "
        "scheduler_default_filters.",
    )
    baremetal_enabled_filters: tuple[str, ...] = _option(
        cfg.ListOpt,
        "baremetal_scheduler_default_filters",
        group=GROUPED,
        default=[
            "RetryFilter",
            "AvailabilityZoneFilter",
            "ComputeFilter",
            "ComputeCapabilitiesFilter",
            "ImagePropertiesFilter",
            "ExactRamFilter",
            "ExactDiskFilter",
            "ExactCoreFilter",
        ],
        help="The filters to use if scheduler_use_baremetal_filters is true. Otherwise no effect.",
    )
    reserved_host_memory_mb: int = _option(
        cfg.IntOpt,
        "reserved_host_memory_mb",
        group=GROUPED,
        default=512,
        min=0,
        help="Memory in MiB that a host reserves for itself. It is subtracted where an inventory file gives the total "
        "but not the free memory. 0: nothing is reserved.",
    )
    reserved_host_disk_mb: int = _option(
        cfg.IntOpt,
        "reserved_host_disk_mb",
        group=GROUPED,
        default=0,
        min=0,
        help="Disk in MiB that a host reserves for itself. It is subtracted where an inventory file gives the total "
        "but not the free disk. 0: nothing is reserved.",
    )
    pci_aliases: tuple[str, ...] = _grouped_option(
        cfg.MultiStrOpt,
        "alias",
        "pci",
        default=[],
        help="A name for PCI devices, which flavors ask for as pci_passthrough:alias = name:count. May be repeated; "
        'each value is a JSON object such as {"name": "gpu", "vendor_id": "10de", "product_id": "1eb8", "device_type": '
        '"type-PCI", "numa_policy": "legacy"}. The same name again adds devices. numa_policy: required, legacy, '
        "preferred or socket, how close devices must be to the cells of the instance.",
    )
    packs_numa_cells: bool = _grouped_option(
        cfg.BoolOpt,
        "packing_host_numa_cells_allocation_strategy",
        "compute",
        default=False,
        help="Which NUMA cells of a host an instance gets if it needs fewer than there are. True: those that are used "
        "most. False: those that are used least.",
    )
    connection_type: str | None = _option(
        cfg.StrOpt,
        "connection_type",
        help="fake: the command generates an inventory to try things on. Any other value, such as the hypervisor in an "
        "old file, has no effect: hosts come from the inventory.",
    )
    host_class: str | None = _option(
        cfg.StrOpt,
        "host_class",
        help="The class of the hosts that the command reads from an inventory: the path of a class derived from "
        "HostState, such as my_hosts.MetalHost, whose attributes the inventory may have. Unset: HostState.",
    )
    verbose: bool = _option(
        cfg.BoolOpt,
        "verbose",
        default=False,
        help="True: the command reports each stage of a decision, and why each host was chosen, on stderr.",
    )

    @property
    def takes_whole_nodes(self) -> bool:
        """Whether an instance takes the whole node that it is placed on."""
        return self.host_manager.strip().rpartition(".")[2] in _WHOLE_NODES

    # The spelling that set each field, for messages; for a default, the flat one.
    spellings: dict[str, Spelling] = dataclasses.field(default_factory=dict, compare=False)


class Setting(NamedTuple):
    """One scheduler-level value: the field that holds it, and the option in all its spellings."""

    field: str
    opts: tuple[tuple[str, cfg.Opt], ...]

    @property
    def spellings(self) -> list[Spelling]:
        return [(group, opt.dest) for group, opt in self.opts]


def _setting(field: dataclasses.Field[Any]) -> Setting:
    opt = field.metadata["opt"]
    if "only_in" in field.metadata:
        return Setting(field.name, respelled(opt, [(field.metadata["only_in"], opt.dest)]))
    group = field.metadata["group"]
    grouped = [(group, field.name)] if group else []
    return Setting(field.name, respelled(opt, [(DEFAULT, opt.dest), *grouped]))


SETTINGS = tuple(_setting(field) for field in dataclasses.fields(SchedulerSettings) if field.metadata)

# The first filter scheduler ignored cost functions of other names, and so does this one.
COST_FUNCTION_PREFIXES = ("compute_", "noop")
_COST_WEIGHTS = {"noop_cost_fn": 1.0, "compute_fill_first_cost_fn": -1.0}


def cost_weight_option(function: str) -> cfg.Opt:
    """The option that weighs a cost function; there is one for every name of a function."""
    return cfg.FloatOpt(
        f"{function}_weight",
        default=_COST_WEIGHTS.get(function),
        help=f"The factor of the cost of {function}, if least_cost_functions names it. Positive: low costs win. "
        "Negative: high costs win. 0 disables the function.",
    )


_INSTANCES = "the caller says which instances a host has, so they are always known."
_ZONE = "a service record contains its zone; see default_availability_zone."
_FRESH = "the caller gives the capabilities with the host, and updates them."
_ATTESTED = "TrustedFilter queries no attestation server; it reads the capability trust_lvl of a host."

NO_EFFECT: tuple[tuple[str, cfg.Opt], ...] = tuple(
    (group, kind(name, help=f"Accepted without effect: {why}", secret=name.endswith("auth_blob")))
    for group, kind, name, why in (
        (DEFAULT, cfg.BoolOpt, "scheduler_tracks_instance_changes", _INSTANCES),
        (GROUPED, cfg.BoolOpt, "track_instance_changes", _INSTANCES),
        (DEFAULT, cfg.StrOpt, "node_availability_zone", _ZONE),
        (DEFAULT, cfg.IntOpt, "periodic_interval", _FRESH),
        ("trusted_computing", cfg.StrOpt, "attestation_server", _ATTESTED),
        ("trusted_computing", cfg.StrOpt, "attestation_server_ca_file", _ATTESTED),
        ("trusted_computing", cfg.StrOpt, "attestation_port", _ATTESTED),
        ("trusted_computing", cfg.StrOpt, "attestation_api_url", _ATTESTED),
        ("trusted_computing", cfg.StrOpt, "attestation_auth_blob", _ATTESTED),
        ("trusted_computing", cfg.IntOpt, "attestation_auth_timeout", _ATTESTED),
        ("trusted_computing", cfg.BoolOpt, "attestation_insecure_ssl", _ATTESTED),
    )
)


@functools.cache
def scheduler_options() -> tuple[tuple[str, cfg.Opt], ...]:
    """Every scheduler-level option under every spelling, as (group, option)."""
    cost_weights = ((DEFAULT, cost_weight_option(function)) for function in _COST_WEIGHTS)
    initial = ((DEFAULT, initial_ratio(ratio)) for ratio in ALLOCATION_RATIOS)
    return (
        *(spelled_opt for setting in SETTINGS for spelled_opt in setting.opts), *cost_weights, *initial, *NO_EFFECT
    )
