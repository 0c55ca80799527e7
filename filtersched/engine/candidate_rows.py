"""The rows that the request itself allows, found by name."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from filtersched.engine.candidates import Candidates
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.narrowing import is_bound_to_cell, permitted_by
from filtersched.requests.request_spec import RequestSpec


def candidate_rows(rows: HostRows, spec: RequestSpec) -> Candidates:
    """The rows whose hosts `permitted_by` allows; it is asked only about those that an index cannot rule out.

    No two rows are of the same host and node.
    """
    is_permitted = permitted_by(spec)
    if is_permitted is None:
        return Candidates(len(rows))
    wanted = spec.requested_destination
    if wanted is not None and wanted.host is not None:
        asked: Iterable[int] = rows.rows_named(wanted.host)
    elif spec.force_hosts:
        asked = _named_like(rows, spec.force_hosts)
    elif spec.force_nodes or is_bound_to_cell(spec):
        asked = range(len(rows))
    else:
        refused = [row for row in _named_like(rows, spec.ignore_hosts) if not is_permitted(rows.host(row))]
        mask = np.ones(len(rows), dtype=np.bool_)
        mask[refused] = False
        return Candidates(len(rows), mask=mask)
    left = [row for row in asked if is_permitted(rows.host(row))]
    return Candidates.of_rows(len(rows), np.array(left, dtype=np.intp))


def _named_like(rows: HostRows, names: Iterable[str]) -> list[int]:
    """The rows of the hosts of these names without regard to case, in order."""
    return sorted({row for name in names for row in rows.rows_named_like(name)})
