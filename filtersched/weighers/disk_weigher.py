"""DiskWeigher: free disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class DiskWeigher(BaseWeigher):
    """Prefer hosts with more free disk."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "disk_weight_multiplier",
            default=1.0,
            help="How much free disk counts. Positive: hosts with more of it are preferred, and instances spread. "
            "Negative: hosts with less are preferred; they fill up one after another unless other weighers, such as "
            "RAMWeigher, spread instances. 0 disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "disk_weight_multiplier"
    minval: float | None = 0
    host_reads: Sequence[str] = ("free_disk_mb",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.free_disk_mb
