"""ProjectSpreadWeigher: how many instances of the same owner a host has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.columns.column import HostColumns
from filtersched.plugins.columnar import count_instances_with, filled, item, most, number_of_instances, of_each
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
            help="Which instances to keep apart: of one project, or of one user.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "project_spread_weight_multiplier"
    host_reads: Sequence[str] = ("instances", "num_instances", "stats")
    spec_reads: ClassVar[Sequence[str]] = ("project_id", "user_id")
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        by_user = self.option("project_spread_by") == "user"
        owner = weight_properties.user_id if by_user else weight_properties.project_id
        if owner is None:
            return 0
        field = "user_id" if by_user else "project_id"
        here = number_of_instances(host_state)
        known = _plus(here, -1, count_instances_with(host_state, field, None))
        own = count_instances_with(host_state, field, owner)
        # One host with instances is not asked for statistics, which may be anything.
        if not by_user and (isinstance(host_state, HostColumns) or here == 0):
            known = _plus(known, here == 0, of_each(host_state, "stats", _counted))
            own = _plus(own, here == 0, filled(item(host_state, "stats", f"num_proj_{owner}", int), 0))
        return -(own + most(0, host_state.num_instances - known))


def _plus(count: Any, factor: Any, more: Any) -> Any:
    """`count + factor * more`; `more` is nearly always 0 for all hosts."""
    return count if type(more) is int and not more else count + factor * more


def _counted(stats: Mapping[str, Any]) -> int:
    """How many instances the statistics count, of all projects."""
    return sum(int(count) for name, count in stats.items() if name.startswith("num_proj_"))
