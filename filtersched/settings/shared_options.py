"""Options that more than one plug-in reads: declared once, put on each of them.

An option of a single plug-in stands on the plug-in.
"""

from __future__ import annotations

from oslo_config import cfg


def _ratio(name: str, default: float, what: str, size: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        name,
        default=default,
        min=0,
        help=f"How many times its {what} a host may give out, unless the host says so itself. 1.0: what there is "
        f"and no more. 2.0: twice that. 0.0: not set, the same as {default}. However high it is, a single instance "
        f"never gets more than {size} of the host.",
    )


RAM_ALLOCATION_RATIO = _ratio("ram_allocation_ratio", 1.5, "memory", "the memory")
CPU_ALLOCATION_RATIO = _ratio("cpu_allocation_ratio", 16.0, "CPUs", "the CPUs")
DISK_ALLOCATION_RATIO = _ratio("disk_allocation_ratio", 1.0, "disk", "the disk")

MAX_INSTANCES_PER_HOST = cfg.IntOpt(
    "max_instances_per_host",
    default=50,
    min=1,
    help="A host with this many instances is full: 1 means one instance a host.",
)
MAX_IO_OPS_PER_HOST = cfg.IntOpt(
    "max_io_ops_per_host",
    default=8,
    min=0,
    help="A host is passed over while this many of its instances are being built, resized, copied or moved. "
    "1: only idle hosts are taken. 0: none is.",
)

DEFAULT_AVAILABILITY_ZONE = cfg.StrOpt(
    "default_availability_zone",
    default="nova",
    help="The zone of a host that neither its aggregates nor its service put in one.",
)
SERVICE_DOWN_TIME = cfg.IntOpt(
    "service_down_time",
    default=60,
    min=0,
    help="Seconds since its last heartbeat after which a service counts as down; exactly this many is still up. "
    "A host without a service record is up.",
)

METRICS_WEIGHT_SETTING = cfg.ListOpt(
    "weight_setting",
    default=[],
    help="The metrics to weigh by, each as name=ratio: cpu.percent=-1.0 prefers hosts whose cpu.percent is low. "
    "An element that is not a name, '=' and a number is ignored. Empty: metrics have no say.",
)
