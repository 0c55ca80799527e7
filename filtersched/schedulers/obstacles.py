"""Obstacles: what keeps a refused request from being placed, and which changes of hosts may remove it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.values import moment
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.plugins.plugin import belongs_to, declaration_of
from filtersched.plugins.request_reads import attributes_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep
from filtersched.results.no_valid_host import NoValidHost

# Attributes of a request that tell of instances on all hosts.
_OF_ALL_HOSTS = frozenset(("instance_group", "member_hosts", "topology"))
# Attributes that a request has only once a scheduler has made it ready.
_MADE_READY = frozenset(("now", "availability_zone", "config_options", "numa_topology", "pci_requests"))
# About so many changed hosts a filter is asked, before the whole request is tried.
_FEW = 16


class Obstacle(NamedTuple):
    """Hosts that a filter refused, and what it read of them.

    reads : the attributes; None is any.
    names : of all hosts, in order of rows; another object once the rows are others.
    rows : (n_rows / 8,) bits, 1 for a row whose change counts; None is every row.
    until : the moment at which time alone may change an answer, in microseconds since 1970.
    asked : the filter, where its verdict on a changed host is the same before the request is made ready.
    """

    reads: tuple[str, ...] | None
    names: HostNames | None = None
    rows: NDArray[np.uint8] | None = None
    until: float = math.inf
    asked: BaseHostFilter | None = None

    def may_be_gone(self, rows: HostRows, as_of: int, now: datetime, spec: RequestSpec) -> bool:
        """Whether the hosts have changed since so many changes in a way that may let one pass.

        spec : the request, which is not made ready. Called while hosts may not be changed.
        """
        if self.names is not None and self.names is not rows.host_names():
            return True  # hosts came or went
        if moment(now) >= self.until:
            return True
        if rows.change_count == as_of:
            return False
        changed = rows.changed_rows(as_of, self.reads)
        if changed is None or (changed and self.rows is None):
            return True
        if not changed or self.rows is None:
            return False
        at = np.array(changed, dtype=np.intp)
        at = at[(self.rows[at >> 3] >> (7 - (at & 7)) & 1).astype(np.bool_)]
        if self.asked is None or len(at) > _FEW:
            return len(at) > 0
        return any(_passes(self.asked, rows.host(row), spec) for row in at.tolist())


def obstacles_of(
    problem: Exception, filters: Sequence[BaseHostFilter] | None, spec: RequestSpec, pool: HostPool, now: datetime
) -> Sequence[Obstacle]:
    """What kept a request from being placed, when it was tried.

    filters : those that ran; None if it is not known what ran.
    """
    names = pool.rows.host_names()
    if not isinstance(problem, NoValidHost) or filters is None:
        return (Obstacle(None, names),)
    by_name: dict[str, list[BaseHostFilter]] = {}
    for one in filters:
        by_name.setdefault(type(one).__name__, []).append(one)
    explanation = problem.explanation
    found = []
    for step in (*explanation.earlier, *explanation.steps):
        if step.before == step.after or step.by_request:
            continue
        if step.name not in by_name:
            return (Obstacle(None, names),)
        found += [_obstacle(one, step, spec, pool, now) for one in by_name[step.name]]
    # Without any host, or where the request itself excludes all, only others can help.
    return found or (Obstacle((), names),)


def _obstacle(one: BaseHostFilter, step: FilterStep, spec: RequestSpec, pool: HostPool, now: datetime) -> Obstacle:
    names = pool.rows.host_names()
    declaration = declaration_of(type(one))
    if declaration is None:
        return Obstacle(None, names)
    refused = _rows(step, pool)
    until = math.inf
    if "now" in declaration.spec_attributes:
        until = _next_change(one, refused, pool.rows, moment(now))
    if not _OF_ALL_HOSTS.isdisjoint(declaration.spec_attributes):
        return Obstacle(None, names, until=until)
    reads = declaration.host_reads
    if not isinstance(reads, tuple):
        try:
            reads = tuple(reads(one, spec))
        except Exception:
            # The boundary to the plug-in.
            return Obstacle(None, names, until=until)
    if "shared_resources" in declaration.spec_attributes:
        # An instance on any host may give back what others wait for.
        return Obstacle(attributes_of(("instances", *reads)), names, until=until)
    is_refused = np.zeros(len(names), dtype=np.bool_)
    is_refused[refused] = True
    is_same = one.refusals_are_final and _MADE_READY.isdisjoint(declaration.spec_attributes)
    return Obstacle(attributes_of(reads), names, np.packbits(is_refused), until, one if is_same else None)


def _passes(one: BaseHostFilter, host: HostState, spec: RequestSpec) -> bool:
    try:
        return bool(one._filter_one(host, spec))
    except Exception:
        # The boundary to the plug-in: the next try says what is wrong.
        return True


def _rows(step: FilterStep, pool: HostPool) -> NDArray[np.intp]:
    """The rows of the hosts that were refused."""
    rows = pool.rows
    if step.rows is not None and step.rows.names is rows.host_names():
        return step.rows.rows()
    named = [[rows.row_of(host, node)] if node is not None else rows.rows_named(host) for host, node in step.dropped()]
    return np.array([row for each in named for row in each if row is not None], dtype=np.intp)


def _next_change(one: BaseHostFilter, refused: NDArray[np.intp], rows: HostRows, now: float) -> float:
    """When the filter's verdict on one of the refused hosts may change as time passes; now if it does not say."""
    if not belongs_to(type(one), "changes_at", "host_passes"):
        return now
    try:
        moments = [float(when) for row in refused.tolist() for when in one.changes_at(rows.host(row))]
    except Exception:
        # The boundary to the plug-in.
        return now
    return min((when for when in moments if when > now), default=math.inf)
