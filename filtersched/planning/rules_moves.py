"""Moves that mend what filters and group rules would not let be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection

import numpy as np

from filtersched.planning.amounts import Floats
from filtersched.planning.audit import ask_at_home, broken_columns
from filtersched.planning.host_use import HostUse
from filtersched.planning.making_room import make_room, needed_of
from filtersched.planning.move_goals import EvenGoal, Rows
from filtersched.planning.move_plan import RULES, MovePlan, Staying
from filtersched.planning.move_search import Step, is_small
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import TrialMoves

# So many hosts are tried for one instance.
_TARGETS = 12


class RulesGoal:
    """How many instances are refused their own hosts."""

    measure_name = "instances that are refused their own hosts"

    def __init__(self, broken: set[int]) -> None:
        self.broken = broken

    def measure(self, use: HostUse, where: Rows) -> float:
        """The broken instances, as they were counted last."""
        return float(len(self.broken))

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The imbalance after each move: among hosts that mend as much, the one that evens out most comes first."""
        return EvenGoal().rated(use, where, amounts, columns)


def plan_rules(trial: TrialMoves, *, most: int) -> MovePlan:
    """The plan that mends most; each move is the one that mends most instances next."""
    goal = RulesGoal(broken_columns(trial, range(len(trial.uuids))))
    builder = PlanBuilder(trial, goal, most=most)
    mender = _Mender(builder, goal)
    while goal.broken and not builder.is_full and mender.mend():
        pass
    left = [
        Staying(trial.uuids[column], trial.names[trial.where[column]], _why(trial, column))
        for column in sorted(goal.broken)
    ]
    return builder.plan(RULES, reached=not left, left=left)


def _why(trial: TrialMoves, column: int) -> str:
    return "; ".join(map(str, ask_at_home(trial, column).verdicts().refused_by))


class _Mender:
    """Finds the next moves after which fewer instances are broken."""

    def __init__(self, builder: PlanBuilder, goal: RulesGoal) -> None:
        self._builder = builder
        self._trial = builder.trial
        self._goal = goal
        # In a large pool it matters which instance leaves its host, and hardly to which one it goes.
        self._one_target = not is_small(self._trial)

    def mend(self) -> bool:
        """Make the move that mends most, or else those that let one instance go elsewhere; whether there was one."""
        best: tuple[int, Step] | None = None
        for column in self._candidates():
            for row in self._targets(column):
                after = self._count_after((column, row))
                if after is None:
                    continue
                if after < (len(self._goal.broken) if best is None else best[0]):
                    best = (after, (column, row))
                if after == 0 or self._one_target:
                    break
            if best is not None and best[0] == 0:
                break
        if best is not None:
            return self._attempt(functools.partial(self._make, best[1]))
        ways = (functools.partial(self._make_way, column) for column in sorted(self._goal.broken))
        return any(map(self._attempt, ways))

    def _candidates(self) -> list[int]:
        """The broken instances, and those beside them."""
        broken = self._goal.broken
        return sorted(self._near(broken), key=lambda column: (column not in broken, column))

    def _targets(self, column: int) -> list[int]:
        """The hosts on which the instance evens out most."""
        trial = self._trial
        columns = np.array([column], dtype=np.intp)
        rated = self._goal.rated(trial.use, trial.where, trial.amounts, columns)[0]
        return [row for row in np.argsort(rated, kind="stable")[:_TARGETS].tolist() if rated[row] < np.inf]

    def _near(self, columns: Collection[int]) -> set[int]:
        """These instances, those on the same hosts, and the other members of their groups."""
        trial = self._trial
        groups = {group for column in columns for group in trial.records[trial.uuids[column]].groups}
        rows = np.unique(trial.where[list(columns)])
        found: set[int] = set(np.flatnonzero(np.isin(trial.where, rows)).tolist())
        if groups:
            found |= {at for at, uuid in enumerate(trial.uuids) if not groups.isdisjoint(trial.records[uuid].groups)}
        return found

    def _attempt(self, act: Callable[[], bool]) -> bool:
        broken = self._goal.broken
        kept = self._builder.attempt(act)
        if not kept:
            self._goal.broken = broken
        return kept

    def _count_after(self, step: Step) -> int | None:
        """How many instances are broken after a move; None if filters refuse it."""
        count: int | None = None

        def make() -> bool:
            nonlocal count
            count = len(self._goal.broken) if self._make(step) else None
            return False

        self._attempt(make)
        return count

    def _make(self, step: Step) -> bool:
        """Make a move, and count what is broken then; whether filters let it."""
        trial, (column, row) = self._trial, step
        source, near = int(trial.where[column]), self._near([column])
        if self._builder.is_full or not trial.move(column, row):
            return False
        near |= self._near([column])
        self._goal.broken = (self._goal.broken - near) | broken_columns(trial, near)
        self._builder.note(column, source)
        return True

    def _make_way(self, column: int) -> bool:
        """Let others make way for a broken instance, and move it; whether fewer are broken then."""
        trial, before = self._trial, len(self._goal.broken)
        needed = needed_of(trial.amounts[column].tolist(), trial.filters)
        own = int(trial.where[column])
        row = make_room(self._builder, lambda row: trial.ask(column, row).passed, needed, closed=[own])
        if row is None or not self._make((column, row)):
            return False
        self._goal.broken = broken_columns(trial, range(len(trial.uuids)))
        return len(self._goal.broken) < before
