"""ServerGroupSoftAntiAffinityWeigher: members of the request's server group on a host, held against it."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.server_group_soft_affinity_weigher import members_on


class ServerGroupSoftAntiAffinityWeigher(BaseWeigher):
    """Prefer hosts with fewer members of a soft-anti-affinity group; requests of no such group are indifferent."""

    options = (
        cfg.FloatOpt(
            "soft_anti_affinity_weight_multiplier",
            default=1.0,
            min=0,
            help="How much members of a soft-anti-affinity group on a host count against it for the next member. "
            "Larger: they keep apart even where other weighers object. 0: no say.",
        ),
    )
    multiplier_option = "soft_anti_affinity_weight_multiplier"
    host_reads = ("instances",)
    spec_reads = ("instance_group",)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return -members_on(host_state, weight_properties, "soft-anti-affinity")
