"""TypeAffinityFilter: one flavor a host."""

from __future__ import annotations

from typing import Any

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class TypeAffinityFilter(BaseHostFilter):
    """Refuse hosts that run an instance of another flavor.

    Compared are flavor ids, `instance_type_id` of the instances. An instance whose flavor is not
    known is one of another flavor.
    """

    host_reads = ("instances",)
    spec_reads = ("flavor",)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return all(_flavor_id(one) == spec.flavor.id for one in host_state.instances.values())

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        others = [_flavor_id(one) for one in host_state.instances.values() if _flavor_id(one) != spec.flavor.id]
        if not others:
            return None
        listed = ", ".join(sorted(set(map(repr, others)))[:5])
        return f"runs {len(others)} instances of flavors {listed}, the request is for {spec.flavor.id!r}"


def _flavor_id(instance: Any) -> Any:
    return getattr(instance, "instance_type_id", None)
