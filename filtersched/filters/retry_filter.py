"""RetryFilter: not where the request failed before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import is_node, opposite
from filtersched.requests.request_spec import RequestSpec


class RetryFilter(BaseHostFilter):
    """Refuse hosts that the request was tried on before.

    If a host has several nodes, only the node that was tried is refused. A record without a node, as
    the first schedulers wrote it, refuses all of them.
    """

    spec_reads: ClassVar[Sequence[str]] = ("retry",)
    columnar = True
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing for a request that was not tried yet."""
        return ("host", "nodename") if spec.retry is not None and spec.retry.hosts else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        if spec.retry is None or not spec.retry.hosts:
            return True
        return opposite(is_node(host_state, [(tried.host, tried.nodename) for tried in spec.retry.hosts]))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        if spec.retry is None or self.host_passes(host_state, spec):
            return None
        return f"was tried before; attempt {spec.retry.num_attempts} is for a host that was not"
