"""GroupAntiAffinityFilter: ServerGroupAntiAffinityFilter before groups had a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import count_instances, is_named
from filtersched.requests.request_spec import RequestSpec


class GroupAntiAffinityFilter(BaseHostFilter):
    """Refuse the hosts of the request's group, whatever policy it has.

    | group's hosts       | this very instance is here | passes |
    |---------------------|----------------------------|--------|
    | no group or none    | -                          | yes    |
    | not this one        | -                          | yes    |
    | this one among them | yes (it may stay)          | yes    |
    | this one among them | no                         | no     |

    The first releases had groups without policies, and the enabled filters decided what groups
    meant. The filter reads the hosts of the group, not its members, and ignores
    `max_server_per_host`. Together with GroupAffinityFilter, no host passes once a group has hosts.
    To respect the policy, use ServerGroupAntiAffinityFilter.
    """

    host_reads: Sequence[str] = ("host", "instances")
    spec_reads: ClassVar[Sequence[str]] = ("instance_group", "instance_uuid")
    # A pattern, so that advice names the filter of the policy first.
    spec_meets: ClassVar[Sequence[str] | None] = ("instance_group.anti-affinity*",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        group = spec.instance_group
        if group is None or not group.hosts:
            return True
        elsewhere = np.logical_not(is_named(host_state, group.hosts))
        if spec.instance_uuid is None:
            return elsewhere
        return elsewhere | (count_instances(host_state, (spec.instance_uuid,)) > 0)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        if self.host_passes(host_state, spec):
            return None
        return "is one of the group's hosts"
