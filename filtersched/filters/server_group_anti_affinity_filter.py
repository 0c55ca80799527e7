"""ServerGroupAntiAffinityFilter: the instances of a group apart from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.columns.values import whole
from filtersched.errors import InvalidRequest, must_be
from filtersched.filters.base import BaseHostFilter, NewRefusals
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import count_instances
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup

_MAX = "max_server_per_host"


class ServerGroupAntiAffinityFilter(BaseHostFilter):
    """Refuse hosts that run as many members of the request's anti-affinity group as allowed.

    | group | policy        | this very instance is here | members here | passes |
    |-------|---------------|----------------------------|--------------|--------|
    | none  | -             | -                          | -            | yes    |
    | any   | any other     | -                          | -            | yes    |
    | any   | anti-affinity | yes (it may stay)          | -            | yes    |
    | any   | anti-affinity | no                         | below max    | yes    |
    | any   | anti-affinity | no                         | max or more  | no     |

    max is the rule `max_server_per_host` of the group, or else 1. Members are counted among the
    instances of the host; the hosts of the group are ignored. Raises InvalidRequest if the rule is
    not an integer.
    """

    host_reads: Sequence[str] = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("group_policy", "instance_group", "instance_uuid")
    spec_meets: ClassVar[Sequence[str] | None] = ("instance_group.anti-affinity",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        group = spec.instance_group if spec.group_policy == "anti-affinity" else None
        if group is None:
            return True
        room = count_instances(host_state, group.members) < most_members(group)
        if spec.instance_uuid is None:
            return room
        return room | (count_instances(host_state, (spec.instance_uuid,)) > 0)

    def _refused_since(self, before: RequestSpec, spec: RequestSpec) -> NewRefusals:
        # All instances of the request are members from the start, so that only their hosts have more.
        if spec.group_policy != "anti-affinity":
            return NewRefusals()
        return NewRefusals(absent=tuple(one for one in (before.instance_uuid, spec.instance_uuid) if one is not None))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        group = spec.instance_group
        if group is None or self.host_passes(host_state, spec):
            return None
        here, most = count_instances(host_state, group.members), most_members(group)
        return f"holds {here} members of the group, {most} may be on one host"


def most_members(group: InstanceGroup) -> int:
    """How many members of an anti-affinity group may be on one host."""
    most = group.rules.get(_MAX)
    if most is None:
        return 1
    try:
        return whole(most)
    except ValueError as problem:
        raise InvalidRequest(
            f"instance_group.rules: {must_be(_MAX, problem, most)}",
            field=f"instance_group.rules.{_MAX}",
            value=most,
        ) from None
