"""NumInstancesWeigher: how many instances a host has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class NumInstancesWeigher(BaseWeigher):
    """Prefer hosts by the number of their instances: more or fewer, as the multiplier says."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "num_instances_weight_multiplier",
            default=0.0,
            help="How much the number of instances on a host counts, whatever their size. Negative: hosts with fewer "
            "instances are preferred, and instances spread. Positive: hosts with more instances are preferred. 0 "
            "disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "num_instances_weight_multiplier"
    host_reads: Sequence[str] = ("num_instances",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.num_instances
