"""RAMWeigher: free memory. The model of a weigher."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class RAMWeigher(BaseWeigher):
    """Prefer hosts with more free memory."""

    options = (
        cfg.FloatOpt(
            "ram_weight_multiplier",
            default=1.0,
            help="How much free memory counts. Positive: the host with more of it wins, instances spread. Negative: "
            "the one with less wins, hosts are filled one after another. 0: no say. An oversubscribed host counts as "
            "one without any.",
        ),
    )
    multiplier_option = "ram_weight_multiplier"
    minval = 0
    host_reads = ("free_ram_mb",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.free_ram_mb
