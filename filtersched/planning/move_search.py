"""The search for a plan of moves: a beam over the states that a few moves lead to."""

from __future__ import annotations

import functools
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from filtersched.planning.host_use import HostUse
from filtersched.planning.move_goals import Goal, Rows
from filtersched.planning.trial_moves import TrialMoves
from filtersched.requests.group_rules import RULE_KEYS
from filtersched.results.selection import Selection

# What is not worth a move.
LEAST_GAIN = 1e-9
# Up to so many moves that are possible next, states are searched in breadth.
_SMALL = 400
# How many states are kept, and how many further moves are tried after the last one that brought the plan nearer
# to its goal: for a goal that every move may serve, and for one that some moves only make way for.
QUICK = (16, 4)
THOROUGH = (64, 6)

Step = tuple[int, int]


def is_small(trial: TrialMoves) -> bool:
    """Whether a plan can be searched in breadth."""
    return len(trial.uuids) * len(trial.keys) <= _SMALL


@dataclass(slots=True)
class _State:
    """What some moves lead to.

    place : a number for what is where; the same for the same places.
    there : for each host the instances on it, as bits.
    selections : put the instances that moved, by column, where they are.
    """

    use: HostUse
    where: Rows
    place: int
    there: Sequence[int]
    steps: tuple[Step, ...] = ()
    selections: Mapping[int, Selection] = field(default_factory=dict)


@dataclass(slots=True)
class _Next:
    """A move that may come next."""

    rated: float
    parent: _State
    step: Step
    place: int


class _Answers:
    """What filters said of instances on hosts, as far as it depends on what is where.

    Most filters refuse a host for what is on it: what they pass with some instances there, they pass with
    fewer of them, and what they refuse, they refuse with more. So most answers follow from earlier ones; a
    plan is asked about once more when its moves are made.
    """

    def __init__(self, trial: TrialMoves, *, is_exact: bool) -> None:
        self._follows = [not is_exact and not _reads_more(trial, uuid) for uuid in trial.uuids]
        self._by_set: dict[Step, list[tuple[int, Selection | None]]] = {}
        self._by_state: dict[tuple[int, int, int], Selection | None] = {}

    def known(self, state: _State, step: Step) -> tuple[Selection | None] | None:
        """The selection, or None in its place for a refusal; None if nothing is known."""
        column, row = step
        if not self._follows[column]:
            key = (column, row, state.place)
            return (self._by_state[key],) if key in self._by_state else None
        there = state.there[row]
        for mask, selection in self._by_set.get(step, ()):
            if selection is None and mask & there == mask:
                return (None,)
            if selection is not None and mask & there == there:
                return (selection,)
        return None

    def note(self, state: _State, step: Step, selection: Selection | None) -> None:
        """Note what filters said."""
        column, row = step
        if self._follows[column]:
            self._by_set.setdefault(step, []).append((state.there[row], selection))
        else:
            self._by_state[column, row, state.place] = selection


class BeamSearch:
    """Keeps the most promising states after one move, two moves, and so on; filters are asked about each.

    effort : how many states are kept, and how many moves without a gain are tried.
    is_exact : whether filters are asked about every state, and not only where nothing follows from others.
    """

    def __init__(
        self, trial: TrialMoves, goal: Goal, *, effort: tuple[int, int] = QUICK, is_exact: bool = False
    ) -> None:
        self._trial = trial
        self._goal = goal
        self._width, self._patience = effort
        self._answers = _Answers(trial, is_exact=is_exact)
        draw = random.Random(0)
        self._numbers = [[draw.getrandbits(64) for _row in trial.keys] for _uuid in trial.uuids]

    def best(self, *, moves: int, min_gain: float) -> tuple[Step, ...]:
        """The moves of the best state found: that with the lowest measure, where each move costs `min_gain`."""
        trial = self._trial
        there = [0] * len(trial.keys)
        for column, row in enumerate(trial.where.tolist()):
            there[row] |= 1 << column
        start = _State(trial.use.copy(), trial.where.copy(), 0, there)
        best = (self._goal.measure(start.use, start.where), start)
        states, seen = [start], {start.place}
        since = 0
        for count in range(1, moves + 1):
            states = self._following(states, seen)
            since += 1
            for state in states:
                price = self._goal.measure(state.use, state.where) + count * min_gain
                if price < best[0] - LEAST_GAIN:
                    best, since = (price, state), 0
            if not states or since > self._patience:
                break
        return best[1].steps

    def _following(self, states: Sequence[_State], seen: set[int]) -> list[_State]:
        found: list[_State] = []
        ranked = sorted((one for state in states for one in self._moves_of(state, seen)), key=lambda one: one.rated)
        for at in range(0, len(ranked), self._width):
            some = ranked[at : at + self._width]
            self._answer(some, seen)
            for one in some:
                (selection,) = self._answers.known(one.parent, one.step) or (None,)
                if selection is None or one.place in seen:
                    continue
                seen.add(one.place)
                found.append(self._after(one, selection))
                if len(found) == self._width:
                    return found
        return found

    def _moves_of(self, state: _State, seen: Collection[int]) -> Iterator[_Next]:
        """The best of the moves that are possible next, as far as the goal goes."""
        columns = np.arange(len(state.where), dtype=np.intp)
        rated = self._goal.rated(state.use, state.where, self._trial.amounts, columns)
        flat = rated.ravel()
        order = np.argsort(flat, kind="stable")[: 4 * self._width]
        where = state.where.tolist()
        for place, value in zip(order.tolist(), flat[order].tolist(), strict=True):
            if value == np.inf:
                return
            column, row = divmod(place, rated.shape[1])
            after = state.place ^ self._numbers[column][where[column]] ^ self._numbers[column][row]
            if after not in seen:
                yield _Next(value, state, (column, row), after)

    def _answer(self, some: Sequence[_Next], seen: Collection[int]) -> None:
        """Ask the filters about these moves, where the answers are not known; each state is made once."""
        by_state: dict[int, list[_Next]] = {}
        for one in some:
            if one.place not in seen and self._answers.known(one.parent, one.step) is None:
                by_state.setdefault(id(one.parent), []).append(one)
        for asked in by_state.values():
            self._trial.tentatively(asked[0].parent.selections, functools.partial(self._ask, asked))

    def _ask(self, some: Sequence[_Next]) -> None:
        for one in some:
            if self._answers.known(one.parent, one.step) is None:
                asked = self._trial.ask(*one.step)
                self._answers.note(one.parent, one.step, asked.selection() if asked.passed else None)

    def _after(self, one: _Next, selection: Selection) -> _State:
        column, row = one.step
        state = one.parent
        use, where, there = state.use.copy(), state.where.copy(), list(state.there)
        source = int(where[column])
        use.shift(self._trial.amounts[column], source, row)
        where[column] = row
        there[source] ^= 1 << column
        there[row] |= 1 << column
        selections = {**state.selections, column: selection}
        if row == self._trial.where[column]:
            del selections[column]
        return _State(use, where, one.place, there, (*state.steps, one.step), selections)


def _reads_more(trial: TrialMoves, uuid: str) -> bool:
    """Whether what filters say of the instance may depend on more than what is on the host."""
    instance = trial.records[uuid]
    flavor = instance.flavor
    specs = () if flavor is None else flavor.extra_specs
    if trial.scheduler.resources or instance.scheduler_hints or any(key.startswith("filtersched:") for key in specs):
        return True
    if trial.decided_by(trial.spec(uuid))[0] is not trial.scheduler:
        return True
    groups = [trial.groups[name] for name in instance.groups]
    return any(
        "anti-affinity" not in (one.policy or "") or any(key in one.rules for key in (*RULE_KEYS, "spread"))
        for one in groups
    )
