"""CrossCellWeigher: whether a move stays in its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class CrossCellWeigher(BaseWeigher):
    """Prefer hosts of the cell that an instance is moved from, if it may leave it.

    | destination names a cell, cross-cell moves allowed | host in that cell | raw weight |
    |----------------------------------------------------|-------------------|------------|
    | no                                                 | -                 | 0          |
    | yes                                                | yes               | 1          |
    | yes                                                | no                | -1         |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "cross_cell_move_weight_multiplier",
            default=1_000_000.0,
            help="How much it counts that an instance that may leave its cell stays there. High: it stays as long as "
            "the cell has a host for it. 0 disables the weigher. Negative: it leaves the cell if another cell has a "
            "host for it.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "cross_cell_move_weight_multiplier"
    host_reads: Sequence[str] = ("cell_uuid",)
    spec_reads: ClassVar[Sequence[str]] = ("requested_destination",)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        destination = weight_properties.requested_destination
        if destination is None or destination.cell is None or not destination.allow_cross_cell_move:
            return 0
        return 1 if host_state.cell_uuid == destination.cell else -1
