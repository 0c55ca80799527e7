"""TypeAffinityFilter: one flavor a host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import count_instances_with, number_of_instances
from filtersched.requests.request_spec import RequestSpec


class TypeAffinityFilter(BaseHostFilter):
    """Refuse hosts that run an instance of another flavor.

    The filter compares the flavor's id with `instance_type_id` of the instances. An instance with an
    unknown flavor counts as one of another flavor.
    """

    host_reads: Sequence[str] = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("flavor",)
    spec_meets: ClassVar[Sequence[str] | None] = ("flavor.id",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        alike = count_instances_with(host_state, "instance_type_id", spec.flavor.id)
        return alike == number_of_instances(host_state)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        here = [one.instance_type_id for one in host_state.instances.values()]
        others = [flavor_id for flavor_id in here if flavor_id != spec.flavor.id]
        if not others:
            return None
        listed = ", ".join(sorted(set(map(repr, others)))[:5])
        return f"runs {len(others)} instances of flavors {listed}, the request is for {spec.flavor.id!r}"
