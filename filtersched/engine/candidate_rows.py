"""The rows that the request itself allows, found by name."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from filtersched.engine.candidates import Candidates
from filtersched.engine.steps import step
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.narrowing import is_bound_to_cell, permitted_by, rules_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep


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


class _Node(NamedTuple):
    """A host as far as the request's own rules look at it."""

    host: str
    nodename: str
    cell_uuid: str | None


class ExcludedRows:
    """The rows that the request's own rules leave out, as steps that are made when they are read.

    The hosts may have changed by then, so what the rules look at is copied where it can change.
    """

    __slots__ = ("_cells", "_names", "_nodes", "_spec")

    def __init__(self, rows: HostRows, spec: RequestSpec) -> None:
        self._spec = spec
        self._names = rows.host_names()
        wanted = spec.requested_destination
        needs_nodes = bool(spec.force_nodes or (wanted is not None and wanted.node))
        self._nodes = [host.nodename for host in rows.hosts()] if needs_nodes else None
        self._cells = [host.cell_uuid for host in rows.hosts()] if is_bound_to_cell(spec) else None

    def steps(self) -> list[FilterStep]:
        """One step for each rule that left hosts out."""
        steps: list[FilterStep] = []
        remaining = list(range(len(self._names)))
        for field, rule in rules_of(self._spec).items():
            passed = [row for row in remaining if rule(self._node(row))]
            if len(passed) < len(remaining):
                gone = np.setdiff1d(remaining, passed, assume_unique=True).astype(np.intp)
                steps.append(step(field, len(remaining), len(passed), self._names, functools.partial(np.array, gone)))
            remaining = passed
        return steps

    def _node(self, row: int) -> _Node:
        name = self._names.node(row)[0]
        node = name if self._nodes is None else self._nodes[row]
        return _Node(name, node, None if self._cells is None else self._cells[row])


def _named_like(rows: HostRows, names: Iterable[str]) -> list[int]:
    """The rows of the hosts of these names without regard to case, in order."""
    return sorted({row for name in names for row in rows.rows_named_like(name)})
