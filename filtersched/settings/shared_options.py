"""Options that more than one plug-in reads: declared once, listed on each of them.

An option of a single plug-in is on its class.
"""

from __future__ import annotations

from oslo_config import cfg


def _ratio(name: str, default: float, what: str, size: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        name,
        default=default,
        min=0,
        help=f"How many times its {what} a host may give out, unless the host has its own ratio. 1.0: no "
        f"oversubscription. 2.0: twice as much as there is. 0.0: not set, the same as {default}. However high it is, "
        f"a single instance never gets more than {size} of the host.",
    )


RAM_ALLOCATION_RATIO = _ratio("ram_allocation_ratio", 1.5, "memory", "the memory")
CPU_ALLOCATION_RATIO = _ratio("cpu_allocation_ratio", 16.0, "CPUs", "the CPUs")
DISK_ALLOCATION_RATIO = _ratio("disk_allocation_ratio", 1.0, "disk", "the disk")

ALLOCATION_RATIOS = (RAM_ALLOCATION_RATIO, CPU_ALLOCATION_RATIO, DISK_ALLOCATION_RATIO)


def initial_ratio(ratio: cfg.Opt) -> cfg.Opt:
    """The option of later releases that counts where the configuration does not set the ratio."""
    return cfg.FloatOpt(
        f"initial_{ratio.dest}",
        min=0,
        help=f"What {ratio.dest} is where it is not set itself. Unset or 0.0: {ratio.default}.",
    )


MAX_INSTANCES_PER_HOST = cfg.IntOpt(
    "max_instances_per_host",
    default=50,
    min=1,
    help="A host with this many instances is full. 1: one instance per host.",
)
MAX_IO_OPS_PER_HOST = cfg.IntOpt(
    "max_io_ops_per_host",
    default=8,
    min=0,
    help="A host is refused while this many of its instances are being built, resized, copied or moved. 1: only idle "
    "hosts are used. 0: every host is refused.",
)

EXTRA_SPEC_MAX_STEPS = cfg.IntOpt(
    "extra_spec_max_steps",
    default=20,
    min=1,
    help="The most steps that the path of an extra spec may have, as in capabilities:cpu_info:topology:cores, which "
    "has three. A request with a longer path is refused.",
)
EXTRA_SPEC_MAX_WORDS = cfg.IntOpt(
    "extra_spec_max_words",
    default=1000,
    min=2,
    help="The most words that an extra spec may have, as in <or> fast <or> large, which has four. Every host takes "
    "time for them. A request with more words is refused.",
)

DEFAULT_AVAILABILITY_ZONE = cfg.StrOpt(
    "default_availability_zone",
    default="nova",
    help="The zone of a host if neither its aggregates nor its service name one.",
)
SERVICE_DOWN_TIME = cfg.IntOpt(
    "service_down_time",
    default=60,
    min=0,
    help="Seconds after its last heartbeat until a service counts as down; exactly this many is still up. A host "
    "without a service record is up.",
)

METRICS_WEIGHT_SETTING = cfg.ListOpt(
    "weight_setting",
    default=[],
    help="The metrics that count, each as name=ratio: cpu.percent=-1.0 prefers hosts whose cpu.percent is low. An "
    "element that is not a name, '=' and a number is ignored. Empty: no metric counts.",
)
