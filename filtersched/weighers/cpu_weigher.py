"""CPUWeigher: free virtual CPUs, oversubscription included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.columnar import filled
from filtersched.settings.shared_options import CPU_ALLOCATION_RATIO
from filtersched.weighers.base import BaseWeigher


class CPUWeigher(BaseWeigher):
    """Prefer hosts with more free virtual CPUs, oversubscription included; unknown ones count as none."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "cpu_weight_multiplier",
            default=1.0,
            help="How much free virtual CPUs count. Positive: hosts with more of them are preferred, and instances "
            "spread. Negative: hosts with fewer are preferred; they fill up one after another unless other weighers, "
            "such as RAMWeigher, spread instances. 0 disables the weigher.",
        ),
        CPU_ALLOCATION_RATIO,
    )
    multiplier_option: ClassVar[str | None] = "cpu_weight_multiplier"
    minval: float | None = 0
    host_reads: Sequence[str] = ("vcpus_total", "vcpus_used", "cpu_allocation_ratio")
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        ratio = self.allocation_ratio(host_state.cpu_allocation_ratio, "cpu_allocation_ratio")
        return filled(host_state.vcpus_total, 0) * ratio - host_state.vcpus_used
