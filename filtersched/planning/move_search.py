"""The search for a plan of moves: a beam over the states that a few moves lead to."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from filtersched.planning.host_use import HostUse
from filtersched.planning.move_goals import Goal, Rows
from filtersched.planning.trial_moves import TrialMoves
from filtersched.results.selection import Selection

# So many further moves are tried after the last one that brought the plan nearer to its goal.
_PATIENCE = 4
# What is not worth a move.
LEAST_GAIN = 1e-9

# Up to so many moves that are possible next, states are searched in breadth.
_SMALL = 400
_WIDTH = 24

Step = tuple[int, int]


def is_small(trial: TrialMoves) -> bool:
    """Whether a plan can be searched in breadth."""
    return len(trial.uuids) * len(trial.keys) <= _SMALL


@dataclass(slots=True)
class _State:
    """What some moves lead to; `selections` make them again."""

    use: HostUse
    where: Rows
    steps: tuple[Step, ...] = ()
    selections: tuple[Selection, ...] = ()


@dataclass(slots=True)
class _Next:
    """A move that may come next. `selection` is None if a filter refuses it."""

    rated: float
    parent: _State
    step: Step
    key: tuple[object, ...] = field(default=())
    selection: Selection | None = None


class BeamSearch:
    """Keeps the most promising states after one move, two moves, and so on; filters are asked about each.

    width : how many states are kept.
    """

    def __init__(self, trial: TrialMoves, goal: Goal, *, width: int = _WIDTH) -> None:
        self._trial = trial
        self._goal = goal
        self._width = width
        # What filters said of an instance on a host, as far as it depends on what is where.
        self._answers: dict[tuple[object, ...], Selection | None] = {}
        self._reads_all = np.array([_reads_all(trial, column) for column in range(len(trial.uuids))], dtype=np.bool_)
        grouped = [bool(trial.records[uuid].groups) for uuid in trial.uuids]
        self._grouped = np.array(grouped, dtype=np.bool_)

    def best(self, *, moves: int, min_gain: float) -> tuple[Step, ...]:
        """The moves of the best state found: that with the lowest measure, where each move costs `min_gain`."""
        start = _State(self._trial.use.copy(), self._trial.where.copy())
        best = (self._goal.measure(start.use, start.where), start)
        states, seen = [start], {start.where.tobytes()}
        since = 0
        for count in range(1, moves + 1):
            states = self._following(states, seen)
            if not states:
                break
            since += 1
            for state in states:
                price = self._goal.measure(state.use, state.where) + count * min_gain
                if price < best[0] - LEAST_GAIN:
                    best, since = (price, state), 0
            if since > _PATIENCE:
                break
        return best[1].steps

    def _following(self, states: Sequence[_State], seen: set[bytes]) -> list[_State]:
        found: list[_State] = []
        ranked = sorted((one for state in states for one in self._moves_of(state)), key=lambda one: one.rated)
        for at in range(0, len(ranked), self._width):
            some = ranked[at : at + self._width]
            self._answer(some)
            for one in some:
                if one.selection is None:
                    continue
                state = self._after(one, one.selection)
                place = state.where.tobytes()
                if place in seen:
                    continue
                seen.add(place)
                found.append(state)
                if len(found) == self._width:
                    return found
        return found

    def _moves_of(self, state: _State) -> Iterator[_Next]:
        """The best of the moves that are possible next, as far as the goal goes."""
        columns = np.arange(len(state.where), dtype=np.intp)
        rated = self._goal.rated(state.use, state.where, self._trial.amounts, columns)
        order = np.argsort(rated, axis=None, kind="stable")[: 4 * self._width]
        for flat in order.tolist():
            column, row = divmod(flat, rated.shape[1])
            if not np.isfinite(rated[column, row]):
                return
            yield _Next(float(rated[column, row]), state, (column, row), self._key(state, column, row))

    def _key(self, state: _State, column: int, row: int) -> tuple[object, ...]:
        if self._reads_all[column]:
            return column, row, state.where.tobytes()
        there = (state.where == row).tobytes()
        if self._grouped[column]:
            return column, row, there, state.where[self._grouped].tobytes()
        return column, row, there

    def _answer(self, some: Sequence[_Next]) -> None:
        """Ask the filters about these moves, where the answers are not known; each state is made once."""
        by_state: dict[int, list[_Next]] = {}
        for one in some:
            if one.key not in self._answers:
                by_state.setdefault(id(one.parent), []).append(one)
        for asked in by_state.values():
            state = asked[0].parent
            self._trial.tentatively(state.steps, state.selections, functools.partial(self._ask, asked))
        for one in some:
            one.selection = self._answers[one.key]

    def _ask(self, some: Sequence[_Next]) -> None:
        for one in some:
            if one.key not in self._answers:
                asked = self._trial.ask(*one.step)
                self._answers[one.key] = asked.selection() if asked.verdicts.passed else None

    def _after(self, one: _Next, selection: Selection) -> _State:
        column, row = one.step
        state = one.parent
        use, where = state.use.copy(), state.where.copy()
        use.shift(self._trial.amounts[column], int(where[column]), row)
        where[column] = row
        return _State(use, where, (*state.steps, one.step), (*state.selections, selection))


def _reads_all(trial: TrialMoves, column: int) -> bool:
    """Whether what filters say of the instance may depend on where any other instance is."""
    if trial.scheduler.resources:
        return True
    instance = trial.records[trial.uuids[column]]
    flavor = instance.flavor
    specs = () if flavor is None else flavor.extra_specs
    return bool(instance.scheduler_hints) or any(key.startswith("filtersched:") for key in specs)
