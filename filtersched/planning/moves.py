"""plan_moves: which instances to move where, to drain hosts or to even out their use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.planning.drain_moves import plan_drain
from filtersched.planning.empty_moves import plan_empty
from filtersched.planning.even_moves import plan_even
from filtersched.planning.move_plan import DRAIN, EMPTY, EVEN, GOALS, ROOM, RULES, MovePlan
from filtersched.planning.room_moves import plan_room
from filtersched.planning.rules_moves import plan_rules
from filtersched.planning.trial_moves import Groups, TrialMoves, check_planned, undone
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers import FilterScheduler

_MOST_MOVES = 1_000_000


def plan_moves(
    scheduler: FilterScheduler,
    pool: HostPool,
    *,
    goal: str | None = None,
    drain: Iterable[str] = (),
    moves: int | None = None,
    min_gain: float = 0.0,
    keep_free: float = 0.0,
    make_room_for: RequestSpec | None = None,
    groups: Groups = (),
    filters: FiltersGiven | None = None,
) -> MovePlan:
    """Plan moves of a pool's instances. The pool stays as it is.

    goal : "drain" moves all instances off the hosts of `drain`; "even" lowers the imbalance, which is the
        standard deviation of the hosts' used share of memory, CPUs and disk, added up; "empty" leaves as few hosts
        in use as possible; "rules" mends what `audit` finds with the fewest moves; "room" makes the request
        `make_room_for` fit with the fewest moves. None is the one that another argument implies, else "even".
    drain : hosts by name, `host/node`, or the name of a node.
    moves : the most moves; None has no limit.
    min_gain : what each move must bring on average, for "even".
    keep_free : for "empty", the share of each resource that stays free on hosts that take instances, 0 to 1.
    make_room_for : a request that is refused.
    groups : the server groups of the instances, each with uuid, policy and rules. Instances know only uuids.
    filters : what to ask instead of the scheduler's filters, as of `select_destinations`.

    Each move passes every filter and every rule of its groups when its turn comes. Raises InvalidRequest for
    hosts, goals and groups that are unknown or contradict each other, and for a pool without instances.
    """
    check_planned(scheduler, pool)
    named = [drain] if isinstance(drain, str) else list(drain)
    chosen = _goal_of(goal, named, make_room_for)
    most = _most(moves)
    least = _least(min_gain)
    spare = _spare(keep_free, chosen)

    def plan() -> MovePlan:
        trial = TrialMoves(scheduler, pool, groups=groups, filters=filters)
        if chosen == DRAIN:
            return plan_drain(trial, trial.rows_named(named, "drain"), most=most)
        if chosen == EMPTY:
            return plan_empty(trial, most=most, keep_free=spare)
        if chosen == RULES:
            return plan_rules(trial, most=most)
        if make_room_for is not None:
            return plan_room(trial, make_room_for, filters, most=most)
        return plan_even(trial, most=most, min_gain=least)

    return undone(pool, plan)


def _goal_of(goal: Any, drain: Sequence[Any], make_room_for: Any) -> str:
    implied = {DRAIN: bool(drain), ROOM: make_room_for is not None}
    chosen = next((name for name, is_given in implied.items() if is_given), EVEN) if goal is None else goal
    if chosen not in GOALS:
        raise InvalidRequest(f"there is no goal {shown(goal)}. {nearest(str(goal), GOALS)}", field="goal", value=goal)
    if implied[DRAIN] and chosen != DRAIN:
        said = f"drain names hosts, but the goal is {chosen!r}; plan one of them"
        raise InvalidRequest(said, field="goal", value=goal)
    if implied[ROOM] and chosen != ROOM:
        said = f"make_room_for is a request, but the goal is {chosen!r}; plan one of them"
        raise InvalidRequest(said, field="goal", value=goal)
    if chosen == DRAIN and not drain:
        raise InvalidRequest("which hosts are to be drained? Name at least one in drain", field="drain", value=drain)
    if chosen == ROOM and not isinstance(make_room_for, RequestSpec):
        said = must_be("make_room_for", "a RequestSpec", make_room_for)
        raise InvalidRequest(said, field="make_room_for", value=make_room_for)
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


def _spare(keep_free: Any, goal: str) -> float:
    if isinstance(keep_free, bool) or not isinstance(keep_free, int | float) or not 0 <= keep_free < 1:
        said = must_be("keep_free", "a share from 0 to below 1, such as 0.1", keep_free)
        raise InvalidRequest(said, field="keep_free", value=keep_free)
    if keep_free and goal != EMPTY:
        said = f"keep_free is for the goal {EMPTY!r}, and the goal is {goal!r}"
        raise InvalidRequest(said, field="keep_free", value=keep_free)
    return float(keep_free)
