"""AggregateMultiTenancyIsolation: hosts set aside for certain projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_KEY = "filter_tenant_id"


class AggregateMultiTenancyIsolation(BaseHostFilter):
    """Refuse hosts whose aggregates are set aside for other projects.

    | a key of the aggregates begins with `filter_tenant_id` | its values name the project | passes |
    |--------------------------------------------------------|-----------------------------|--------|
    | no                                                     | -                           | yes    |
    | yes                                                    | yes                         | yes    |
    | yes                                                    | no                          | no     |

    Values are split at commas and united over all such keys and all aggregates, so that
    `filter_tenant_id2` goes on where one value would be too long.
    """

    run_filter_once_per_request = True
    host_reads: Sequence[str] = ("aggregates",)
    spec_reads: ClassVar[Sequence[str]] = ("project_id",)
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        projects = _projects(host_state)
        return not projects or spec.project_id in projects

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        projects = _projects(host_state)
        if not projects or spec.project_id in projects:
            return None
        named = sorted(projects)
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        return f"is for projects {', '.join(named[:5])}{more}, not for {spec.project_id!r}"


def _projects(host: HostState) -> set[str]:
    return aggregates.split_values_of_prefix(host, _KEY)
