"""AggregateTypeAffinityFilter: hosts set aside for certain flavors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_KEY = "instance_type"


class AggregateTypeAffinityFilter(BaseHostFilter):
    """Refuse hosts whose aggregates are set aside for other flavors.

    | an aggregate has `instance_type` | one of its values is the flavor's name | passes |
    |----------------------------------|----------------------------------------|--------|
    | no                               | -                                      | yes    |
    | yes                              | yes                                    | yes    |
    | yes                              | no                                     | no     |

    Values are split at commas.
    """

    run_filter_once_per_request = True
    host_reads: Sequence[str] = ("aggregates",)
    spec_reads: ClassVar[Sequence[str]] = ("flavor",)
    spec_meets: ClassVar[Sequence[str] | None] = ("flavor.name",)
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        names = aggregates.split_values(host_state.aggregates, _KEY)
        return not names or spec.flavor.name in names

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        names = aggregates.split_values(host_state.aggregates, _KEY)
        if not names or spec.flavor.name in names:
            return None
        return f"is for flavors {', '.join(sorted(names))}, not for {spec.flavor.name!r}"
