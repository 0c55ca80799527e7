"""SameHostFilter: together with given instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import count_instances
from filtersched.requests.request_spec import RequestSpec


class SameHostFilter(BaseHostFilter):
    """Refuse hosts that run none of the instances named in the hint ``same_host``.

    The hint is an instance's uuid or a list of them; one is enough to pass. Without the hint, or
    with an empty one, every host passes.
    """

    run_filter_once_per_request = True
    host_reads: Sequence[str] = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("scheduler_hints.same_host",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        wanted = _wanted(spec)
        return not wanted or count_instances(host_state, wanted) > 0

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return f"runs none of {', '.join(map(str, _wanted(spec)))}, asked for the same host"


def _wanted(spec: RequestSpec) -> list[Any]:
    return [uuid for uuid in spec.scheduler_hints.get("same_host", ()) if uuid]
