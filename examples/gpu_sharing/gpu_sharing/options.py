"""The options of the weighers, in the group `gpu_sharing`."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

GROUP = "gpu_sharing"

MULTIPLIER = cfg.FloatOpt(
    "gpu_weight_multiplier",
    default=1.0,
    help="How much the scores of the weighers of this package count. 0 disables them.",
)
LARGEST_HOST = (
    cfg.FloatOpt("cpus_of_largest_host", default=128, min=1, help="The virtual CPUs of the largest host."),
    cfg.IntOpt("gpus_of_largest_host", default=8, min=1, help="The GPUs of the largest host."),
)
TASK_MIX = cfg.StrOpt(
    "task_mix",
    help="A JSON file of the tasks that the cluster runs. FragmentationGpuWeigher requires it.",
)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """The options, for oslo's generator of sample files."""
    return [(GROUP, (MULTIPLIER, *LARGEST_HOST, TASK_MIX))]
