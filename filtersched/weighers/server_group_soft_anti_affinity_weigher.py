"""ServerGroupSoftAntiAffinityWeigher: members of the request's server group on a host, held against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.columnar import count_instances
from filtersched.weighers.base import BaseWeigher


class ServerGroupSoftAntiAffinityWeigher(BaseWeigher):
    """Prefer hosts with fewer members of a soft-anti-affinity group; requests of no such group are indifferent."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "soft_anti_affinity_weight_multiplier",
            default=1.0,
            min=0,
            help="How much members of a soft-anti-affinity group on a host count against it for the next member. "
            "Higher values spread the group more strictly. 0 disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "soft_anti_affinity_weight_multiplier"
    host_reads: Sequence[str] = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("group_policy", "instance_group")
    spec_meets: ClassVar[Sequence[str] | None] = ("instance_group.soft-anti-affinity",)
    columnar = True
    # All instances of the request are members from the start, so that only their hosts get more of them.
    _changes_for_chosen_only: ClassVar[bool] = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        if weight_properties.group_policy != "soft-anti-affinity":
            return 0
        return -count_instances(host_state, weight_properties.instance_group.members)
