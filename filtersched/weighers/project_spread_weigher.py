"""ProjectSpreadWeigher: how many instances of the same owner a host has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class ProjectSpreadWeigher(BaseWeigher):
    """Prefer hosts with fewer instances of the request's project, or user, so that one failure hits it less.

    The weigher counts the host's `instances`, or, for projects on a host without any, its statistics
    `num_proj_<id>`. Instances in `num_instances` beyond those have an unknown owner and count as the
    project's, and so do the instances that the same request has placed.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "project_spread_weight_multiplier",
            default=1.0,
            help="How much instances of the same project or user count against a host. 1.0: the host with the most of "
            "them loses as much as a host without free memory. Higher values spread them more strictly. 0 disables "
            "the weigher. Negative: they come together.",
        ),
        cfg.StrOpt(
            "project_spread_by",
            default="project",
            choices=["project", "user"],
            help="Which instances are kept apart: those of one project, or those of one user.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "project_spread_weight_multiplier"
    host_reads: Sequence[str] = ("instances", "num_instances", "stats")
    spec_reads: ClassVar[Sequence[str]] = ("project_id", "user_id")

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        by_user = self.option("project_spread_by") == "user"
        owner = weight_properties.user_id if by_user else weight_properties.project_id
        if owner is None:
            return 0
        owners = [one.user_id if by_user else one.project_id for one in host_state.instances.values()]
        if owners or by_user:
            known = sum(1 for one in owners if one is not None)
            own = owners.count(owner)
        else:
            known, own = _statistics(host_state.stats, owner)
        return -(own + max(0, host_state.num_instances - known))


def _statistics(stats: Any, project_id: str) -> tuple[int, int]:
    """How many instances the statistics count for all projects, and for this one."""
    counts = {name: int(count) for name, count in stats.items() if name.startswith("num_proj_")}
    return sum(counts.values()), counts.get(f"num_proj_{project_id}", 0)
