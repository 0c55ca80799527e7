"""DifferentHostFilter: away from given instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import count_instances
from filtersched.requests.request_spec import RequestSpec


class DifferentHostFilter(BaseHostFilter):
    """Refuse hosts that run an instance named in the hint ``different_host``.

    The hint is an instance's uuid or a list of them; one is enough to refuse. Without the hint, or
    with an empty one, every host passes.
    """

    run_filter_once_per_request = True
    host_reads: Sequence[str] = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("scheduler_hints.different_host",)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        unwanted = spec.scheduler_hints.get("different_host")
        return not unwanted or count_instances(host_state, unwanted) == 0

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        here = [str(uuid) for uuid in spec.scheduler_hints["different_host"] if uuid in host_state.instances]
        return f"runs {', '.join(here)}, asked for a different host"
