"""Moves that even out the use of hosts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filtersched.planning.amounts import Floats
from filtersched.planning.host_use import HostUse
from filtersched.planning.move_goals import EvenGoal, Rows
from filtersched.planning.move_plan import EVEN, MovePlan
from filtersched.planning.move_search import LEAST_GAIN, is_small
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import TrialMoves

# How many instances, kinds of instances, and refusals are looked at for one move of a large pool.
_INSTANCES = 16
_TARGETS = 8
_KINDS = 64
_ASKED = 48


def plan_even(trial: TrialMoves, *, most: int, min_gain: float) -> MovePlan:
    """The plan that lowers the imbalance; each move brings at least `min_gain` on average."""
    goal = EvenGoal()
    builder = PlanBuilder(trial, goal, most=most)
    if is_small(trial):
        builder.search(min_gain=min_gain)
    else:
        _EvenOut(builder, goal, max(min_gain, LEAST_GAIN)).run()
    return builder.plan(EVEN, reached=bool(builder.moves))


class _EvenOut:
    """Makes the best next move again and again, for pools whose moves are too many to rate them all."""

    def __init__(self, builder: PlanBuilder, goal: EvenGoal, min_gain: float) -> None:
        self._builder = builder
        self._trial = builder.trial
        self._goal = goal
        self._min_gain = min_gain
        self._kinds, self._kind_of = _kinds_of(self._trial.amounts)
        # A host that refused an instance of a kind of request refuses the next one too, until it changes.
        self._requests = _requests_of(self._trial)
        self._refused: dict[tuple[int, int], int] = {}
        self._changes: NDArray[np.int64] = np.zeros(len(self._trial.keys), dtype=np.int64)
        self._all_rows: Rows = np.arange(len(self._trial.keys), dtype=np.intp)
        self._is_stuck: NDArray[np.bool_] = np.zeros(len(self._trial.uuids), dtype=np.bool_)

    def run(self) -> None:
        """Make moves until none brings enough."""
        moved_since = False
        while not self._builder.is_full:
            tried, likely = self._candidates()
            if len(tried) == 0:
                if not moved_since or not self._is_stuck.any():
                    return
                # What was stuck may move now that other instances have moved.
                self._is_stuck[:] = False
                moved_since = False
            elif self._move_one_of(tried, likely) or self._move_one_of(tried, self._all_rows):
                moved_since = True
            else:
                self._is_stuck[tried] = True

    def _candidates(self) -> tuple[Rows, Rows]:
        """The instances whose best move promises most, by an estimate of the change, and rows they may go to."""
        trial = self._trial
        use = trial.use
        at_source, at_target = _estimates(use, self._kinds)
        best = at_target.min(axis=1)
        moved = trial.amounts * at_source.inverse[trial.where]
        gain = (moved * (at_source.slope[trial.where] - at_source.curve * moved)).sum(axis=1) - best[self._kind_of]
        gain[self._is_stuck] = -np.inf
        count = min(_INSTANCES, len(gain))
        top = np.argpartition(-gain, count - 1)[:count]
        # The estimate may be too low, so that it has to promise half of what is asked.
        top = top[gain[top] > self._min_gain / 2]
        kinds = np.unique(self._kind_of[top])
        few = min(_TARGETS, at_target.shape[1])
        rows = np.unique(np.argpartition(at_target[kinds], few - 1, axis=1)[:, :few])
        return top.astype(np.intp), rows.astype(np.intp)

    def _move_one_of(self, columns: Rows, rows: Rows) -> bool:
        """Make the best of the moves of these instances to these rows that filters let pass; whether there was one."""
        trial, builder = self._trial, self._builder
        rated = self._goal.rated_on(rows, trial.use, trial.where, trial.amounts, columns)
        asked = 0
        for at, to in _in_order(rated, builder.measure - self._min_gain):
            column, row = int(columns[at]), int(rows[to])
            refusal = (int(self._requests[column]), row)
            if self._refused.get(refusal) == self._changes[row]:
                continue
            source = int(trial.where[column])
            if builder.move(column, row):
                self._changes[[source, row]] += 1
                return True
            self._refused[refusal] = int(self._changes[row])
            asked += 1
            if asked == _ASKED:
                break
        return False


class _AtSource:
    """How the imbalance falls, about, by what leaves a host: `moved * (slope - curve * moved)` of its shares."""

    __slots__ = ("curve", "inverse", "slope")

    def __init__(self, slope: Floats, curve: Floats, inverse: Floats) -> None:
        self.slope = slope
        self.curve = curve
        self.inverse = inverse


def _estimates(use: HostUse, kinds: Floats) -> tuple[_AtSource, Floats]:
    """The estimate at sources, and (n_kinds, n_hosts) how the imbalance rises by what arrives at a host."""
    shares, has = use.shares, use.has
    count = np.maximum(has.sum(axis=0), 1)
    mean = shares.sum(axis=0) / count
    deviations = np.maximum(use.deviations(), 1e-12)
    curve = 1.0 / (2.0 * count * deviations)
    slope = 2.0 * curve * np.where(has, shares - mean, 0.0)
    inverse = np.divide(1.0, use.total, out=np.zeros_like(use.total), where=has)
    more = kinds[:, None, :] * inverse[None, :, :]
    return _AtSource(slope, curve, inverse), (more * (slope + curve * more)).sum(axis=2)


def _in_order(rated: Floats, below: float) -> Iterator[tuple[int, int]]:
    """The places of a matrix whose values are below a limit, lowest first."""
    flat = rated.ravel()
    found = np.flatnonzero(flat < below)
    for at in found[np.argsort(flat[found], kind="stable")].tolist():
        yield divmod(at, rated.shape[1])


def _kinds_of(amounts: Floats) -> tuple[Floats, Rows]:
    """The different amounts, rounded until they are few, and which of them each instance has."""
    digits = 6
    while True:
        kinds, of = np.unique(_rounded(amounts, digits), axis=0, return_inverse=True)
        if len(kinds) <= _KINDS or digits == 0:
            return kinds[:_KINDS], np.minimum(of.reshape(-1), _KINDS - 1).astype(np.intp)
        digits -= 1


def _rounded(amounts: Floats, digits: int) -> Floats:
    """Amounts rounded to so many binary digits."""
    mantissa, exponent = np.frexp(amounts)
    found: Floats = np.ldexp(np.round(mantissa * 2**digits) / 2**digits, exponent)
    return found


def _requests_of(trial: TrialMoves) -> NDArray[np.int64]:
    """A number for each instance; those with the same number ask hosts for the same."""
    numbers: dict[object, int] = {}
    found = []
    for uuid in trial.uuids:
        one = trial.records[uuid]
        same = (one.flavor, one.image_ref, one.project_id, one.user_id, one.availability_zone)
        alone = uuid if one.groups or one.scheduler_hints or one.image_properties else None
        key = (repr(same), alone)
        found.append(numbers.setdefault(key, len(numbers)))
    return np.array(found, dtype=np.int64)
