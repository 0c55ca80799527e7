"""The rows that the request itself allows, found by name."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from filtersched.engine.candidates import Candidates, Rows
from filtersched.hosts.host_rows import HostRows
from filtersched.requests.request_spec import RequestSpec


def candidate_rows(rows: HostRows, spec: RequestSpec) -> Candidates:
    """The rows that destination, ignored and forced hosts allow; filtersched.hosts.narrowing states the rule.

    No two rows are of the same host and node.
    """
    wanted = spec.requested_destination
    if wanted is None and not (spec.ignore_hosts or spec.force_hosts or spec.force_nodes):
        return Candidates(len(rows))
    left: Rows = np.arange(len(rows), dtype=np.intp)
    if wanted is not None and wanted.host is not None:
        left = _rows(row for row in rows.rows_named(wanted.host) if not wanted.node or _node(rows, row) == wanted.node)
    if wanted is not None and wanted.cell is not None and not wanted.allow_cross_cell_move:
        left = _rows(row for row in left.tolist() if rows.host(row).cell_uuid == wanted.cell)
    if spec.ignore_hosts:
        ignored = _named(rows, spec.ignore_hosts)
        left = left[~np.isin(left, ignored)]
    if spec.force_hosts:
        left = left[np.isin(left, _named(rows, spec.force_hosts))]
    if spec.force_nodes:
        left = _rows(row for row in left.tolist() if _node(rows, row) in spec.force_nodes)
    return Candidates.of_rows(len(rows), left)


def _named(rows: HostRows, names: Iterable[str]) -> Rows:
    return _rows(row for name in names for row in rows.rows_named_like(name))


def _node(rows: HostRows, row: int) -> str:
    return rows.host(row).nodename


def _rows(found: Iterable[int]) -> Rows:
    return np.array(list(found), dtype=np.intp)
