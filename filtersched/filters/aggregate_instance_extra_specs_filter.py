"""AggregateInstanceExtraSpecsFilter: extra specs that name aggregate metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from filtersched.errors import InvalidRequest, shown
from filtersched.filters.extra_specs import ExtraSpecsFilter, Wish, match
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class AggregateInstanceExtraSpecsFilter(ExtraSpecsFilter):
    """Refuse hosts whose aggregates do not satisfy the flavor's extra specs.

    | extra spec                                | key in the aggregates | one value matches | passes |
    |-------------------------------------------|-----------------------|-------------------|--------|
    | `aggregate_instance_extra_specs:key`      | no                    | -                 | no     |
    | or `key` (no colon)                       | yes                   | no                | no     |
    |                                           | yes                   | yes               | yes    |
    | any other scope                           | -                     | -                 | yes    |

    Every extra spec must pass. Values are lists separated by commas; those of all aggregates are
    combined, and compared with the operators of extra specs. A key without a scope refuses every
    host that is in no aggregate with that key. ComputeCapabilitiesFilter ignores such a key if no
    host attribute has that name. If you enable both filters, give keys a scope.
    """

    run_filter_once_per_request = True
    spec_reads: ClassVar[Sequence[str]] = ("extra_specs.*", "extra_specs.aggregate_instance_extra_specs:*")
    reason_is_text = True
    scope = "aggregate_instance_extra_specs"
    has_paths = False

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if no extra spec is about aggregates."""
        try:
            return ("aggregates",) if self.wishes(spec) else ()
        except InvalidRequest:
            # A host is asked first, and then what is wrong with the request is said.
            return ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return next(self._unmet(host_state, spec), None) is None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for wish, values in self._unmet(host_state, spec):
            have = f"have {' or '.join(map(repr, values))}" if values else "do not set it"
            return f"the flavor asks {wish.name} {shown(wish.requirement)} of aggregates, the host's {have}"
        return None

    def _unmet(self, host: HostState, spec: RequestSpec) -> Iterator[tuple[Wish, list[str]]]:
        wishes = self.wishes(spec)
        metadata = aggregates.all_split(host) if wishes else {}
        for wish in wishes:
            # Sorted, so that one value out of several that is no number fails the same requests always.
            values = sorted(metadata.get(wish.name, ()))
            if not any(match(value, wish.requirement) for value in values):
                yield wish, values
