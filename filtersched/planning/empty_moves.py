"""Moves that leave as few hosts in use as possible."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from filtersched.planning.drain_moves import largest_first
from filtersched.planning.move_goals import EmptyGoal
from filtersched.planning.move_plan import EMPTY, MovePlan
from filtersched.planning.move_search import THOROUGH, is_small
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import TrialMoves

# So many hosts are asked about one instance, and so many hosts in a row may fail to be emptied.
_ASKED = 24
_FAILURES = 40


def plan_empty(trial: TrialMoves, *, most: int, keep_free: float) -> MovePlan:
    """The plan that empties hosts; those that take instances keep a share of each resource free."""
    goal = EmptyGoal(keep_free)
    builder = PlanBuilder(trial, goal, most=most)
    if is_small(trial):
        builder.search(effort=THOROUGH)
    else:
        _empty_one_by_one(builder, goal)
    return builder.plan(EMPTY, reached=builder.measure < builder.measure_before)


def _empty_one_by_one(builder: PlanBuilder, goal: EmptyGoal) -> None:
    """Empty the hosts with the fewest instances first; one that cannot be emptied whole stays as it is."""
    trial = builder.trial
    stay = {one.host for one in trial.staying}
    fullness = _fullness(trial)
    in_use = [row for row in np.flatnonzero(trial.use.counts > 0).tolist() if trial.names[row] not in stay]
    failures = 0
    for row in sorted(in_use, key=lambda row: (trial.use.counts[row], fullness[row])):
        if failures == _FAILURES or trial.use.counts[row] > builder.most - len(builder.moves):
            return
        if builder.attempt(functools.partial(_empty, builder, goal, row)):
            failures = 0
        else:
            failures += 1


def _empty(builder: PlanBuilder, goal: EmptyGoal, row: int) -> bool:
    """Move everything off a host; whether all of it found a place."""
    trial = builder.trial
    return all(
        any(builder.move(column, target) for target in _targets(trial, goal, column))
        for column in largest_first(trial, np.flatnonzero(trial.where == row))
    )


def _targets(trial: TrialMoves, goal: EmptyGoal, column: int) -> Iterator[int]:
    """The other hosts in use that keep enough free, the fullest first; those that seem to have room before others."""
    use, amounts = trial.use, trial.amounts[column]
    allowed = (use.counts > 0) & goal.has_room(use, amounts[None, :])[0]
    allowed[trial.where[column]] = False
    fits = ((use.used + amounts <= use.limit) | (amounts == 0)).all(axis=1)
    rows = np.flatnonzero(allowed)
    order = np.lexsort((-_fullness(trial)[rows], ~fits[rows]))[:_ASKED]
    yield from rows[order].tolist()


def _fullness(trial: TrialMoves) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n_hosts,): the used share of each host's scarcest resource."""
    use = trial.use
    shares = np.divide(use.used, use.limit, out=np.zeros_like(use.used), where=use.limit > 0)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = shares.max(axis=1)
    return found
