"""GroupAffinityFilter: ServerGroupAffinityFilter before groups had a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import is_named
from filtersched.requests.request_spec import RequestSpec


class GroupAffinityFilter(BaseHostFilter):
    """Refuse hosts outside the request's group, whatever policy it has.

    The first releases had groups without policies, and the enabled filters decided what groups
    meant. A request without a group passes, and so do a group without hosts and a host of the group.
    Together with GroupAntiAffinityFilter, no host passes once a group has hosts. To respect the
    policy, use ServerGroupAffinityFilter.
    """

    host_reads: Sequence[str] = ("host",)
    spec_reads: ClassVar[Sequence[str]] = ("instance_group",)
    # A pattern, so that advice names the filter of the policy first.
    spec_meets: ClassVar[Sequence[str] | None] = ("instance_group.affinity*",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        group = spec.instance_group
        return group is None or not group.hosts or is_named(host_state, group.hosts)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        if self.host_passes(host_state, spec) or spec.instance_group is None:
            return None
        return f"the group is on {', '.join(sorted(set(spec.instance_group.hosts)))}"
