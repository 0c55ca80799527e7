"""The fewest moves after which a host passes: instances that are there make way, or others make way for them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.core_filter import CoreFilter
from filtersched.filters.disk_filter import DiskFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.planning.amounts import Floats
from filtersched.planning.host_use import HostUse
from filtersched.planning.move_goals import Rows, rated_by_fullness
from filtersched.planning.move_search import LEAST_GAIN, THOROUGH, BeamSearch, Step, is_small
from filtersched.planning.plan_builder import PlanBuilder

# The hosts that are tried, the nearest ones; how many instances make way on one, and in how many combinations.
_HOSTS = 100
_INSTANCES = 4
_COMBINATIONS = 40
# So many hosts are asked about an instance that makes way.
_TARGETS = 24

Fits = Callable[[int], bool]


class RoomGoal:
    """The smallest missing share of what is needed, among the hosts on which room can be made."""

    measure_name = "missing share on the nearest host"

    def __init__(self, needed: Floats, eligible: NDArray[np.bool_], closed: Collection[int]) -> None:
        """needed : (3,); eligible : (n_hosts,); closed : rows that no instance goes to."""
        self._needed = needed
        self._eligible = eligible
        self._closed = list(closed)

    def missing(self, used: Floats, limit: Floats) -> Floats:
        """(n_hosts,): the missing shares of each host, added up; infinite where no room can be made."""
        lacks = np.maximum(used + self._needed - limit, 0.0)
        found = np.divide(lacks, self._needed, out=np.zeros_like(lacks), where=self._needed > 0).sum(axis=1)
        return np.where(self._eligible, found, np.inf)

    def measure(self, use: HostUse, where: Rows) -> float:
        """The missing share of the nearest host."""
        return float(self.missing(use.used, use.limit).min(initial=np.inf))

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The missing share of the nearest host after each move."""
        now = self.missing(use.used, use.limit)
        found = np.empty((len(columns), len(now)), dtype=np.float64)
        for at, (source, moved) in enumerate(zip(where[columns].tolist(), amounts[columns], strict=True)):
            after = np.tile(now, (len(now), 1))
            np.fill_diagonal(after, self.missing(use.used + moved, use.limit))
            after[:, source] = self.missing(use.used - moved, use.limit)[source]
            found[at] = after.min(axis=1)
        return rated_by_fullness(found, use, where, amounts, columns, closed=self._closed)


def needed_of(amounts: Sequence[float], filters: Sequence[BaseHostFilter]) -> Floats:
    """(3,): the amounts that a filter checks; 0 of a resource that none checks."""
    checked = [any(isinstance(one, kind) for one in filters) for kind in (RamFilter, CoreFilter, DiskFilter)]
    return np.where(checked, np.array(amounts, dtype=np.float64), 0.0)


def make_room(builder: PlanBuilder, fits: Fits, needed: Floats, *, closed: Collection[int] = ()) -> int | None:
    """Make the fewest moves after which a host fits; its row, or None, and no move, if none was found.

    fits : whether the host of a row passes now.
    needed : (3,) what it must have free.
    closed : rows that nothing goes to, and that need not fit.
    """
    return _RoomMaker(builder, fits, needed, closed).run()


class _RoomMaker:
    def __init__(self, builder: PlanBuilder, fits: Fits, needed: Floats, closed: Collection[int]) -> None:
        self._builder = builder
        self._trial = builder.trial
        self._fits = fits
        self._needed = needed
        self._closed = set(closed)
        self._kept: NDArray[np.bool_] = np.zeros(len(self._trial.keys), dtype=np.bool_)

    def run(self) -> int | None:
        """The row that fits in the end."""
        trial, builder = self._trial, self._builder
        everywhere = RoomGoal(self._needed, np.ones(len(trial.keys), dtype=np.bool_), ())
        missing = everywhere.missing(trial.use.used, trial.use.limit)
        nearest: list[int] = [row for row in np.argsort(missing, kind="stable").tolist() if row not in self._closed]
        fitting = next((row for row in nearest if missing[row] <= LEAST_GAIN and self._fits(row)), None)
        if fitting is not None:
            return fitting
        rows = [row for row in nearest[:_HOSTS] if self._fits_without(row, self._on(row))]
        # They stay as they are, as far as possible: the next instance of the request may need one.
        self._kept[rows] = True
        most = builder.most - len(builder.moves)
        for count in range(1, min(most, _INSTANCES) + 1):
            for row in rows:
                for some in self._combinations(row, count):
                    if self._fits_without(row, some) and builder.attempt(functools.partial(self._clear, row, some)):
                        return row
        return self._by_search(rows, most)

    def _on(self, row: int) -> list[int]:
        found: list[int] = np.flatnonzero(self._trial.where == row).tolist()
        return found

    def _fits_without(self, row: int, columns: Sequence[int]) -> bool:
        """Whether the host would fit if these instances were not there."""
        answer = False

        def ask() -> bool:
            nonlocal answer
            self._trial.pool.release([self._trial.uuids[column] for column in columns])
            answer = self._fits(row)
            return False

        self._builder.attempt(ask)
        return answer

    def _combinations(self, row: int, count: int) -> Iterator[tuple[int, ...]]:
        """So many instances of a host, in the order of what they leave missing; of equal ones the smallest first."""
        trial = self._trial
        amounts, lacks = trial.amounts, trial.use.used[row] + self._needed - trial.use.limit[row]

        def rank(some: tuple[int, ...]) -> tuple[float, float]:
            freed = amounts[list(some)].sum(axis=0)
            short = np.where(self._needed > 0, np.maximum(lacks - freed, 0.0), 0.0)
            return float(short.sum()), float((freed / np.maximum(trial.use.limit[row], 1e-9)).sum())

        largest = sorted(self._on(row), key=lambda column: -float(amounts[column].sum()))
        some = itertools.islice(itertools.combinations(largest, count), 50 * _COMBINATIONS)
        return itertools.islice(iter(sorted(some, key=rank)), _COMBINATIONS)

    def _clear(self, row: int, columns: Sequence[int]) -> bool:
        """Move these instances off a host, to the fullest that take them; whether the host fits then."""
        moved = all(
            any(self._builder.move(column, target) for target in self._targets(row, column)) for column in columns
        )
        return moved and self._fits(row)

    def _targets(self, row: int, column: int) -> list[int]:
        """The hosts that may take an instance of a row: those with room first, then those of no use to the request."""
        use, amounts = self._trial.use, self._trial.amounts[column]
        over = np.maximum(use.used + amounts - use.limit, 0.0).sum(axis=1)
        shares = np.divide(use.used, use.limit, out=np.zeros_like(use.used), where=use.limit > 0).max(axis=1)
        order = np.lexsort((-shares, self._kept, over)).tolist()
        return [one for one in order if one != row and one not in self._closed][:_TARGETS]

    def _by_search(self, rows: Sequence[int], most: int) -> int | None:
        """Let others make way for those that make way, in a small pool."""
        trial, builder = self._trial, self._builder
        if not rows or not is_small(trial):
            return None
        eligible = np.zeros(len(trial.keys), dtype=np.bool_)
        eligible[list(rows)] = True
        goal = RoomGoal(self._needed, eligible, self._closed)
        steps: tuple[Step, ...] = BeamSearch(trial, goal, effort=THOROUGH).best(moves=most, min_gain=0.0)
        found: int | None = None

        def make() -> bool:
            nonlocal found
            if builder.make(steps):
                missing = goal.missing(trial.use.used, trial.use.limit)
                ready = np.flatnonzero(missing <= LEAST_GAIN).tolist()
                found = next((row for row in ready if self._fits(row)), None)
            return found is not None

        return found if builder.attempt(make) else None
