"""plan_waves: hosts emptied a few at a time, for an upgrade that goes through all of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from filtersched.columns.plain_data import FORMAT_VERSION
from filtersched.columns.values import whole
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.planning.drain_moves import place_elsewhere
from filtersched.planning.move_goals import DrainGoal
from filtersched.planning.move_plan import ClusterState, Move
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import Groups, TrialMoves, check_planned, undone
from filtersched.requests.request_values import InstanceGroup
from filtersched.schedulers import FilterScheduler

_MOST_MOVES = 1_000_000
_MAX_UNAVAILABLE = "max_unavailable"


@dataclass(frozen=True, slots=True)
class Wave:
    """Some hosts that are emptied, upgraded, and in use again before the next wave."""

    #: The hosts.
    hosts: tuple[str, ...]
    #: The moves that empty them. Those of one round may be under way at once; a round ends before the next begins.
    rounds: tuple[tuple[Move, ...], ...]


@dataclass(frozen=True, slots=True)
class WavePlan:
    """Waves in which hosts are emptied. Every move passes all filters and group rules at its turn."""

    #: The waves, in order.
    waves: tuple[Wave, ...]
    #: The hosts that cannot be emptied, each with the reason.
    left: tuple[tuple[str, str], ...]
    #: The pool before the first move.
    before: ClusterState
    #: The pool after the last move.
    after: ClusterState

    @property
    def moves(self) -> int:
        """How many moves there are."""
        return sum(len(moves) for wave in self.waves for moves in wave.rounds)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data with a version number."""
        waves = [
            {
                "wave": number,
                "hosts": list(wave.hosts),
                "rounds": [[asdict(move) for move in moves] for moves in wave.rounds],
            }
            for number, wave in enumerate(self.waves, 1)
        ]
        return {
            "version": FORMAT_VERSION,
            "waves": waves,
            "left": [{"host": host, "reason": reason} for host, reason in self.left],
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def plan_waves(
    scheduler: FilterScheduler,
    pool: HostPool,
    *,
    aggregate: str | None = None,
    hosts: Iterable[str] = (),
    at_once: int = 1,
    max_unavailable: int = 1,
    groups: Groups = (),
    filters: FiltersGiven | None = None,
) -> WavePlan:
    """Plan to empty hosts in waves, for an upgrade. The pool stays as it is.

    aggregate : the hosts of the aggregate of this name; or `hosts`, by name.
    at_once : how many hosts a wave has at most.
    max_unavailable : how many members of a group may be under way at once; the rule of that name in the group's
        rules counts instead.
    groups, filters : as of `plan_moves`.

    The hosts with the fewest instances come first. Instances go to hosts that are done, or outside the aggregate,
    if there is room, so that they need not move again. Raises InvalidRequest for an unknown aggregate or host.
    """
    check_planned(scheduler, pool)
    for name, value in (("at_once", at_once), (_MAX_UNAVAILABLE, max_unavailable)):
        if type(value) is not int or value < 1:
            raise InvalidRequest(must_be(name, "a whole number above 0", value), field=name, value=value)
    named = [hosts] if isinstance(hosts, str) else list(hosts)
    if (aggregate is None) == (not named):
        raise InvalidRequest("name either an aggregate, or hosts", field="aggregate", value=aggregate)

    def plan() -> WavePlan:
        trial = TrialMoves(scheduler, pool, groups=groups, filters=filters)
        rows = trial.rows_named(named, "hosts") if aggregate is None else _rows_in(trial, aggregate)
        most = {name: _most_of(group, max_unavailable) for name, group in trial.groups.items()}
        return _Waves(trial, rows, at_once, most).plan()

    return undone(pool, plan)


def _rows_in(trial: TrialMoves, aggregate: Any) -> list[int]:
    """The rows of the hosts in an aggregate. Raises InvalidRequest for one that no host is in."""
    in_each = [{one.name for one in host.aggregates} for host in trial.pool]
    rows = [row for row, names in enumerate(in_each) if aggregate in names]
    if not rows:
        hint = nearest(str(aggregate), set().union(*in_each))
        said = f"no host is in an aggregate {shown(aggregate)}. {hint}".rstrip()
        raise InvalidRequest(said, field="aggregate", value=aggregate)
    return rows


def _most_of(group: InstanceGroup, default: int) -> int:
    given = group.rules.get(_MAX_UNAVAILABLE, default)
    field = f"rules.{_MAX_UNAVAILABLE}"
    try:
        most = whole(given)
    except ValueError:
        most = 0
    if most < 1:
        said = f"group {group.uuid!r}: {must_be(field, 'a whole number above 0', given)}"
        raise InvalidRequest(said, field=field, value=given)
    return most


class _Waves:
    """Empties hosts wave by wave; `pending` are those that are not done."""

    def __init__(self, trial: TrialMoves, rows: Sequence[int], at_once: int, most: dict[str, int]) -> None:
        self._trial = trial
        self._at_once = at_once
        self._most = most
        self._builder = PlanBuilder(trial, DrainGoal(rows, len(trial.keys)), most=_MOST_MOVES)
        self._before = trial.use.state()
        self._left: dict[int, str] = {}
        for one in trial.staying:
            row = trial.names.index(one.host)
            if row in rows and row not in self._left:
                self._left[row] = f"instance {one.instance_uuid} stays: {one.reason}"
        self._pending = [row for row in rows if row not in self._left]
        self._waves: list[Wave] = []

    def plan(self) -> WavePlan:
        """The waves, made one after another."""
        trial = self._trial
        while self._pending:
            refusals: dict[int, str] = {}
            order = sorted(self._pending, key=lambda row: (trial.use.counts[row], row))
            starts = range(0, len(order), self._at_once)
            if not any(self._wave(order[at : at + self._at_once], refusals) for at in starts):
                self._left |= refusals
                break
        left = tuple((trial.names[row], reason) for row, reason in sorted(self._left.items()))
        return WavePlan(tuple(self._waves), left, self._before, trial.use.state())

    def _wave(self, rows: Sequence[int], refusals: dict[int, str]) -> bool:
        """Empty those of these hosts that can be emptied at once; whether there was one."""
        builder, begun = self._builder, len(self._builder.moves)
        done = [row for row in rows if builder.attempt(functools.partial(self._empty, row, rows, refusals))]
        if not done:
            return False
        self._pending = [row for row in self._pending if row not in done]
        moves = builder.moves[begun:]
        self._waves.append(Wave(tuple(self._trial.names[row] for row in done), self._rounds(moves)))
        return True

    def _empty(self, row: int, wave: Sequence[int], refusals: dict[int, str]) -> bool:
        columns = np.flatnonzero(self._trial.where == row)
        later = [other for other in (*self._pending, *self._left) if other not in wave]
        refused = place_elsewhere(self._builder, columns, closed=wave, avoid=later)
        if refused:
            column, reason = next(iter(refused.items()))
            refusals[row] = f"instance {self._trial.uuids[column]} finds no host: {reason}"
        return not refused

    def _rounds(self, moves: Sequence[Move]) -> tuple[tuple[Move, ...], ...]:
        """The moves in rounds, in their order, with no more of a group in one than may be unavailable."""
        rounds: list[list[Move]] = []
        under_way: dict[str, int] = {}
        for move in moves:
            groups = self._trial.records[move.instance_uuid].groups
            if not rounds or any(under_way.get(group, 0) >= self._most[group] for group in groups):
                rounds.append([])
                under_way = {}
            rounds[-1].append(move)
            for group in groups:
                under_way[group] = under_way.get(group, 0) + 1
        return tuple(map(tuple, rounds))
