"""RAMWeigher: free memory. The model of a weigher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class RAMWeigher(BaseWeigher):
    """Prefer hosts with more free memory."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "ram_weight_multiplier",
            default=1.0,
            help="How much free memory counts. Positive: hosts with more of it are preferred, and instances spread. "
            "Negative: hosts with less are preferred; they fill up one after another unless other weighers, such as "
            "CPUWeigher, spread instances. 0 disables the weigher. An oversubscribed host counts as one without any.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "ram_weight_multiplier"
    minval: float | None = 0
    host_reads: Sequence[str] = ("free_ram_mb",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.free_ram_mb
