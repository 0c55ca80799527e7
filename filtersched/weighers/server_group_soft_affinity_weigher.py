"""ServerGroupSoftAffinityWeigher: members of the request's server group on a host."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class ServerGroupSoftAffinityWeigher(BaseWeigher):
    """Prefer hosts with more members of a soft-affinity group; requests of no such group are indifferent."""

    options = (
        cfg.FloatOpt(
            "soft_affinity_weight_multiplier",
            default=1.0,
            min=0,
            help="How much members of a soft-affinity group on a host count for the next member. Larger: they stay "
            "together even where other weighers object. 0: no say.",
        ),
    )
    multiplier_option = "soft_affinity_weight_multiplier"
    host_reads = ("instances",)
    spec_reads = ("instance_group",)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return members_on(host_state, weight_properties, "soft-affinity")


def members_on(host: Any, spec: Any, policy: str) -> int:
    """How many members of the request's group are on the host; 0 unless the group has that policy."""
    group = spec.instance_group
    if group is None or group.policy != policy or not host.instances:
        return 0
    return len(host.instances.keys() & set(group.members))
