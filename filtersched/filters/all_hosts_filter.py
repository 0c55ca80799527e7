"""AllHostsFilter: no opinion."""

from __future__ import annotations

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class AllHostsFilter(BaseHostFilter):
    """Pass every host."""

    run_filter_once_per_request = True
    host_reads = ()
    spec_reads = ()
    columnar = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return True
