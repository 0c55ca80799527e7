"""plan_moves: which instances to move where, to drain hosts or to even out their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.planning.drain_moves import plan_drain
from filtersched.planning.even_moves import plan_even
from filtersched.planning.move_plan import DRAIN, EVEN, MovePlan
from filtersched.planning.trial_moves import Groups, TrialMoves
from filtersched.schedulers import FilterScheduler

_T = TypeVar("_T")
_MOST_MOVES = 1_000_000


def plan_moves(
    scheduler: FilterScheduler,
    pool: HostPool,
    *,
    goal: str | None = None,
    drain: Iterable[str] = (),
    moves: int | None = None,
    min_gain: float = 0.0,
    groups: Groups = (),
    filters: FiltersGiven | None = None,
) -> MovePlan:
    """Plan moves of a pool's instances. The pool stays as it is.

    goal : "drain" moves all instances off the hosts of `drain`; "even" lowers the imbalance, which is the
        standard deviation of the hosts' used share of memory, CPUs and disk, added up. None is "drain" if
        hosts to drain are given, else "even".
    drain : hosts by name, `host/node`, or the name of a node.
    moves : the most moves; None has no limit.
    min_gain : what each move must bring on average, for "even".
    groups : the server groups of the instances, each with uuid, policy and rules. Instances know only uuids.
    filters : what to ask instead of the scheduler's filters, as of `select_destinations`.

    Each move passes every filter and every rule of its groups when its turn comes. Raises InvalidRequest for
    hosts, goals and groups that are unknown or contradict each other, and for a pool without instances.
    """
    _check(scheduler, pool)
    named = [drain] if isinstance(drain, str) else list(drain)
    chosen = _goal_of(goal, named)
    most = _most(moves)
    least = _least(min_gain)

    def plan() -> MovePlan:
        trial = TrialMoves(scheduler, pool, groups=groups, filters=filters)
        if not trial.uuids and not trial.staying:
            raise InvalidRequest("the pool has no instances, so there is nothing to move", field="pool", value=pool)
        if chosen == DRAIN:
            return plan_drain(trial, trial.rows_named(named, "drain"), most=most)
        return plan_even(trial, most=most, min_gain=least)

    return undone(pool, plan)


class _Planned(Exception):
    """Carries what a trial found out of the transaction that is undone."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


def undone(pool: HostPool, act: Callable[[], _T]) -> _T:
    """The result of `act`, which may change the pool; the changes are taken back."""

    def run() -> None:
        raise _Planned(act())

    try:
        pool.transaction(run)
    except _Planned as planned:
        found: _T = planned.found
        return found
    raise AssertionError("a trial ends with what it found")


def _check(scheduler: Any, pool: Any) -> None:
    if not isinstance(scheduler, FilterScheduler):
        what = must_be("scheduler", "a FilterScheduler, whose filters say where an instance may go", scheduler)
        raise InvalidRequest(what, field="scheduler", value=scheduler)
    if not isinstance(pool, HostPool):
        raise InvalidRequest(must_be("pool", "a HostPool", pool), field="pool", value=pool)


def _goal_of(goal: Any, drain: Sequence[Any]) -> str:
    known = (DRAIN, EVEN)
    chosen = (DRAIN if drain else EVEN) if goal is None else goal
    if chosen not in known:
        raise InvalidRequest(f"there is no goal {shown(goal)}. {nearest(str(goal), known)}", field="goal", value=goal)
    if drain and chosen != DRAIN:
        said = f"drain names hosts, but the goal is {chosen!r}; plan one of them"
        raise InvalidRequest(said, field="goal", value=goal)
    if chosen == DRAIN and not drain:
        raise InvalidRequest("which hosts are to be drained? Name at least one in drain", field="drain", value=drain)
    return str(chosen)


def _most(moves: Any) -> int:
    if moves is None:
        return _MOST_MOVES
    if type(moves) is not int or moves < 0:
        said = must_be("moves", "None, or a whole number of zero or more", moves)
        raise InvalidRequest(said, field="moves", value=moves)
    return min(moves, _MOST_MOVES)


def _least(min_gain: Any) -> float:
    if isinstance(min_gain, bool) or not isinstance(min_gain, int | float) or not 0 <= min_gain < float("inf"):
        said = must_be("min_gain", "a number of zero or more", min_gain)
        raise InvalidRequest(said, field="min_gain", value=min_gain)
    return float(min_gain)
