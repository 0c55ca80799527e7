"""AggregateInstanceExtraSpecsFilter: extra specs that name aggregate metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.extra_specs import match
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(BaseHostFilter):
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
    spec_reads = ("extra_specs",)

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if no extra spec is about aggregates."""
        return ("aggregates",) if any(_asked(spec)) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return next(_unmet(host_state, spec), None) is None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for key, req, values in _unmet(host_state, spec):
            have = f"have {' or '.join(map(repr, values))}" if values else "do not set it"
            return f"the flavor asks {key} {req!r} of aggregates, those of the host {have}"
        return None


def _asked(spec: RequestSpec) -> Iterator[tuple[str, Any]]:
    for name, req in spec.extra_specs.items():
        scope, colon, key = name.partition(":")
        if not colon:
            yield name, req
        elif scope == _SCOPE:
            yield key, req


def _unmet(host: HostState, spec: RequestSpec) -> Iterator[tuple[str, Any, list[str]]]:
    asked = list(_asked(spec))
    metadata = aggregates.all_split(host) if asked else {}
    for key, req in asked:
        # Sorted, so that one value out of several that is no number fails the same requests always.
        values = sorted(metadata.get(key, ()))
        if not any(match(value, req) for value in values):
            yield key, req, values
