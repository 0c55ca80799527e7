"""PlanBuilder: moves made for trial one by one, and noted with what each brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from filtersched.planning.move_goals import Goal
from filtersched.planning.move_plan import EMPTY, ClusterState, Move, MovePlan, Staying
from filtersched.planning.move_search import LEAST_GAIN, QUICK, BeamSearch, Step
from filtersched.planning.trial_moves import TrialMoves

# Of a plan with more moves nobody tries which of them it can do without.
_FEW = 12


class _Worse(Exception):
    """Takes an attempt back."""


class PlanBuilder:
    """Makes moves in a trial, and keeps them as a plan for one goal.

    most : how many moves the plan may have.
    """

    def __init__(self, trial: TrialMoves, goal: Goal, *, most: int) -> None:
        self.trial = trial
        self.goal = goal
        self.most = most
        self.moves: list[Move] = []
        self.steps: list[Step] = []
        self.measure: float = goal.measure(trial.use, trial.where)
        self.measure_before: float = self.measure
        self._before: ClusterState = trial.use.state()
        self._had_some: NDArray[np.bool_] = trial.use.counts > 0

    @property
    def is_full(self) -> bool:
        """Whether the plan has as many moves as it may have."""
        return len(self.moves) >= self.most

    def move(self, column: int, row: int) -> bool:
        """Make a move if every filter lets it; whether it was made."""
        source = int(self.trial.where[column])
        if self.is_full or not self.trial.move(column, row):
            return False
        self.note(column, source)
        return True

    def note(self, column: int, source: int) -> None:
        """Note a move that the trial has made."""
        row = int(self.trial.where[column])
        after = self.goal.measure(self.trial.use, self.trial.where)
        self.moves.append(self.trial.told(column, source, row, self.measure - after, after))
        self.steps.append((column, row))
        self.measure = after

    def make(self, steps: Iterable[Step]) -> bool:
        """Make these moves, up to one that a filter refuses; whether all were made."""
        return all(self.move(column, row) for column, row in steps)

    def search(self, *, min_gain: float = 0.0, effort: tuple[int, int] = QUICK) -> None:
        """Make the moves of the best plan that a search in breadth finds, without those that it can do without."""
        steps: tuple[Step, ...] = ()
        for is_exact in (False, True):
            search = BeamSearch(self.trial, self.goal, effort=effort, is_exact=is_exact)
            steps = search.best(moves=self.most, min_gain=min_gain)
            if self._leads_to(steps) is not None:
                break
            # A filter reads more than what is on the host, so nothing follows from earlier answers.
        if min_gain == 0 and len(steps) <= _FEW:
            steps = self._needed(steps)
        self.make(steps)

    def _needed(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The moves without each one that the others do not need."""
        measure = self._leads_to(steps)
        for at in reversed(range(len(steps) if measure is not None else 0)):
            others = (*steps[:at], *steps[at + 1 :])
            reached = self._leads_to(others)
            if measure is not None and reached is not None and reached <= measure + LEAST_GAIN:
                steps = others
        return steps

    def _leads_to(self, steps: Iterable[Step]) -> float | None:
        """The measure after these moves, which are taken back; None if a filter refuses one."""
        reached: float | None = None

        def make() -> bool:
            nonlocal reached
            reached = self.measure if self.make(steps) else None
            return False

        self.attempt(make)
        return reached

    def attempt(self, act: Callable[[], bool]) -> bool:
        """Call `act`, which makes moves, and take them back unless it returns True; what it returned."""
        trial = self.trial
        kept = (trial.use.copy(), trial.where.copy(), list(self.moves), list(self.steps), self.measure)

        def run() -> None:
            if not act():
                raise _Worse

        try:
            trial.pool.transaction(run)
        except _Worse:
            trial.use, trial.where, self.moves, self.steps, self.measure = kept
            return False
        return True

    def plan(self, name: str, *, reached: bool, left: Iterable[Staying] = ()) -> MovePlan:
        """The plan of the moves so far. `left` are instances that should have moved."""
        trial = self.trial
        emptied = self._had_some & (trial.use.counts == 0) & (name == EMPTY)
        return MovePlan(
            goal=name,
            moves=tuple(self.moves),
            measure=self.goal.measure_name,
            measure_before=self.measure_before,
            measure_after=self.measure,
            before=self._before,
            after=trial.use.state(),
            staying=tuple(trial.staying),
            left=tuple(left),
            switch_off=tuple(trial.names[row] for row in np.flatnonzero(emptied)),
            reached=reached,
        )
