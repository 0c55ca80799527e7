"""Moves that take all instances off hosts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.planning.move_goals import DrainGoal
from filtersched.planning.move_plan import DRAIN, MovePlan, Staying
from filtersched.planning.move_search import THOROUGH, is_small
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import TrialMoves
from filtersched.plugins.columnar import is_node, opposite
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost


class DrainedHostFilter(BaseHostFilter):
    """Refuse hosts that are being drained."""

    host_reads: Sequence[str] = ("host", "nodename")
    columnar = True
    reason_is_text = True

    def __init__(self, nodes: Collection[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._nodes = list(nodes)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return opposite(is_node(host_state, self._nodes))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return "is being drained"


def plan_drain(trial: TrialMoves, drained: Sequence[int], *, most: int) -> MovePlan:
    """The plan that moves all instances off these rows; each goes where the scheduler would place it."""
    goal = DrainGoal(drained, len(trial.keys))
    builder = PlanBuilder(trial, goal, most=most)
    refusals: dict[int, str] = {}
    off_by_choice = 0.0

    def by_choice() -> bool:
        nonlocal off_by_choice
        before = builder.measure
        refusals.update(_move_off(builder, goal))
        off_by_choice = before - builder.measure
        return builder.measure == 0 or builder.is_full or not is_small(trial)

    def by_search() -> bool:
        before = builder.measure
        builder.search(effort=THOROUGH)
        return before - builder.measure > off_by_choice

    if not builder.attempt(by_choice) and not builder.attempt(by_search):
        _move_off(builder, goal)
    left = _left(trial, goal, refusals)
    return builder.plan(DRAIN, reached=not left, left=left)


def _move_off(builder: PlanBuilder, goal: DrainGoal) -> dict[int, str]:
    """Let the scheduler place each instance of the drained hosts elsewhere; why some stay."""
    drained = np.flatnonzero(goal.is_drained)
    return place_elsewhere(builder, np.flatnonzero(goal.is_drained[builder.trial.where]), closed=drained.tolist())


def place_elsewhere(
    builder: PlanBuilder, columns: NDArray[np.intp], *, closed: Sequence[int], avoid: Sequence[int] = ()
) -> dict[int, str]:
    """Let the scheduler place these instances elsewhere, the largest first; by column why some stay.

    closed : rows that nothing goes to.
    avoid : rows that are taken only where no other is left.
    """
    refusals: dict[int, str] = {}
    for column in largest_first(builder.trial, columns):
        if builder.is_full:
            break
        refusal = _place(builder, column, [*closed, *avoid])
        if refusal is not None and avoid:
            refusal = _place(builder, column, closed)
        if refusal is not None:
            refusals[column] = refusal
    return refusals


def _place(builder: PlanBuilder, column: int, closed: Sequence[int]) -> str | None:
    """Move an instance to where the scheduler would place it; why that is nowhere."""
    trial = builder.trial
    uuid, source = trial.uuids[column], int(trial.where[column])
    spec = trial.spec(uuid)
    scheduler, own = trial.decided_by(spec)
    filters = [DrainedHostFilter([trial.keys[row] for row in closed]), *own]
    try:
        (selection,) = scheduler.place(spec, trial.pool, [uuid], filters=filters, seed=0, move=True)
    except NoValidHost as refusal:
        return str(refusal)
    trial.note(column, trial.row_of[selection.host, selection.nodename])
    builder.note(column, source)
    return None


def largest_first(trial: TrialMoves, columns: NDArray[np.intp]) -> list[int]:
    """These instances, those with the largest share of an average host first."""
    average = np.maximum(trial.use.total.mean(axis=0), 1e-12)
    sizes = (trial.amounts[columns] / average).max(axis=1, initial=0.0)
    return [int(columns[at]) for at in np.argsort(-sizes, kind="stable")]


def _left(trial: TrialMoves, goal: DrainGoal, refusals: Mapping[int, str]) -> tuple[Staying, ...]:
    """The instances that are still on drained hosts, each with what keeps it there."""
    found = [
        Staying(
            trial.uuids[column],
            trial.names[trial.where[column]],
            refusals.get(int(column), "the plan has as many moves as it may have"),
        )
        for column in np.flatnonzero(goal.is_drained[trial.where])
    ]
    drained = {trial.names[row] for row in np.flatnonzero(goal.is_drained)}
    return (*found, *(one for one in trial.staying if one.host in drained))
