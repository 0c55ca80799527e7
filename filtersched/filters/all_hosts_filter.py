"""AllHostsFilter: no opinion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class AllHostsFilter(BaseHostFilter):
    """Pass every host."""

    run_filter_once_per_request = True
    host_reads: Sequence[str] = ()
    spec_reads: ClassVar[Sequence[str]] = ()
    columnar = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return True
