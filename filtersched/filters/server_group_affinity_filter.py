"""ServerGroupAffinityFilter: the instances of a group on one host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter, NewRefusals
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import is_named
from filtersched.requests.request_spec import RequestSpec


class ServerGroupAffinityFilter(BaseHostFilter):
    """Refuse hosts outside the request's affinity group.

    | group           | policy     | hosts of the group | this host is one | passes |
    |-----------------|------------|--------------------|------------------|--------|
    | none            | -          | -                  | -                | yes    |
    | any             | any other  | -                  | -                | yes    |
    | any             | affinity   | none yet           | -                | yes    |
    | any             | affinity   | some               | yes              | yes    |
    | any             | affinity   | some               | no               | no     |

    Hosts are compared by name: every node of a host is the same host.
    """

    host_reads: Sequence[str] = ("host",)
    spec_reads: ClassVar[Sequence[str]] = ("group_policy", "instance_group")
    spec_meets: ClassVar[Sequence[str] | None] = ("instance_group.affinity",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        group = spec.instance_group if spec.group_policy == "affinity" else None
        return group is None or not group.hosts or is_named(host_state, group.hosts)

    def _refused_since(self, before: RequestSpec, spec: RequestSpec) -> NewRefusals | None:
        # Once the group is on a host, each instance goes to a host that it is on.
        group = before.instance_group
        return NewRefusals() if group is None or group.policy != "affinity" or group.has_hosts else None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        if self.host_passes(host_state, spec) or spec.instance_group is None:
            return None
        return f"the group is on {', '.join(sorted(set(spec.instance_group.hosts)))}"
