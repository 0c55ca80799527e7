"""IoOpsWeigher: operations that load a host's disks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class IoOpsWeigher(BaseWeigher):
    """Prefer hosts with fewer builds, migrations, snapshots and the like under way."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "io_ops_weight_multiplier",
            default=-1.0,
            help="How much the running operations of a host count (num_io_ops). Negative: idle hosts are preferred. "
            "Positive: busy hosts are preferred. 0 disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "io_ops_weight_multiplier"
    minval: float | None = 0
    host_reads: Sequence[str] = ("num_io_ops",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.num_io_ops
