"""Moves after which a request fits that was refused."""

from __future__ import annotations

from filtersched.errors import InvalidRequest
from filtersched.loading import FiltersGiven
from filtersched.planning.amounts import Floats, amounts_of
from filtersched.planning.host_use import HostUse
from filtersched.planning.making_room import make_room, needed_of
from filtersched.planning.move_goals import EvenGoal, Rows
from filtersched.planning.move_plan import ROOM, MovePlan
from filtersched.planning.move_search import Step
from filtersched.planning.plan_builder import PlanBuilder
from filtersched.planning.trial_moves import TrialMoves
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.schedulers.one_host import ask_host

# So many instances of one request get room, one after another.
_MOST_INSTANCES = 100


class RequestGoal:
    """Whether the request is refused: 1 or 0."""

    measure_name = "refused requests"

    def __init__(self) -> None:
        self.is_refused = True

    def measure(self, use: HostUse, where: Rows) -> float:
        """1 while the request is refused."""
        return float(self.is_refused)

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The imbalance after each move; room is made host by host."""
        return EvenGoal().rated(use, where, amounts, columns)


def plan_room(trial: TrialMoves, spec: RequestSpec, filters: FiltersGiven | None, *, most: int) -> MovePlan:
    """The plan with the fewest moves after which the request fits; without moves if it fits now or none is found."""
    goal = RequestGoal()
    maker = _RequestRoom(trial, spec, filters)
    goal.is_refused = not maker.fits()
    builder = PlanBuilder(trial, goal, most=most)
    if goal.is_refused:
        steps = maker.steps(builder)

        def make() -> bool:
            if not builder.make(steps[:-1]):
                return False
            goal.is_refused = False
            return builder.make(steps[-1:]) and maker.fits()

        goal.is_refused = not (steps and builder.attempt(make))
    return builder.plan(ROOM, reached=not goal.is_refused)


class _RequestRoom:
    """Makes room for one instance of a request after another."""

    def __init__(self, trial: TrialMoves, spec: RequestSpec, filters: FiltersGiven | None) -> None:
        if spec.num_instances > _MOST_INSTANCES:
            said = f"room is made for at most {_MOST_INSTANCES} instances, and the request has {spec.num_instances:,}"
            raise InvalidRequest(said, field="num_instances", value=spec.num_instances)
        self._trial = trial
        self._spec = spec
        self._given = filters
        self._scheduler: FilterScheduler = trial.scheduler.profiles.of(spec, None)
        catalog = self._scheduler.catalog
        self._filters = catalog.enabled if filters is None else catalog.get(filters)

    def fits(self) -> bool:
        """Whether the request can be placed whole now."""
        try:
            self._scheduler.select_destinations(self._spec, self._trial.pool, filters=self._given, seed=0)
        except NoValidHost:
            return False
        return True

    def steps(self, builder: PlanBuilder) -> list[Step]:
        """The moves that make room; none if there is no way."""
        steps: list[Step] = []

        def make() -> bool:
            spec = self._spec.copy()
            spec.num_instances = 1
            spec.instance_uuid = None
            spec.instance_uuids = ()
            uuids = self._spec.instance_uuids or [self._spec.instance_uuid]
            needed = needed_of(amounts_of(spec), self._filters)
            for index in range(self._spec.num_instances):
                own = uuids[index] if index < len(uuids) else None
                named = None if own is None else [own]
                if self._place(spec, named):
                    continue
                row = make_room(builder, lambda row: self._passes(spec, row), needed)
                if row is None or not self._place(spec, named):
                    return False
            steps.extend(builder.steps)
            return False

        builder.attempt(make)
        return steps

    def _passes(self, spec: RequestSpec, row: int) -> bool:
        trial = self._trial
        asked = ask_host(self._scheduler, spec, trial.pool, trial.keys[row], filters=self._filters)
        return asked.passed

    def _place(self, spec: RequestSpec, uuids: list[str] | None) -> bool:
        trial = self._trial
        try:
            (placed,) = self._scheduler.place(spec, trial.pool, uuids, filters=self._given, seed=0)
        except NoValidHost:
            return False
        key = (placed.host, placed.nodename)
        trial.use.read_again(trial.row_of[key], trial.pool[key])
        return True
