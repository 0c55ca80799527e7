"""EngineChoice: the host that an instance gets, with the numbers that explain it later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from filtersched.engine.decision import Choice, Explained
from filtersched.engine.filtering import Steps
from filtersched.engine.many_choices import Refusals
from filtersched.engine.weighing import Scale
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep, StepCounts
from filtersched.results.weigher_shares import WeigherColumn


class RowChoice(NamedTuple):
    """The row of a ranking that was chosen, and what its weight was made of; see EngineChoice."""

    row: int
    weight: float
    steps: Steps
    scale: Scale
    raws: Sequence[float]
    multipliers: Sequence[float]
    second: int | None
    second_weight: float
    columns: Sequence[WeigherColumn] = ()
    rows: Sequence[int] = ()


class EngineChoice(Choice):
    """A choice among rows; its explanation stays numbers until it is read.

    row : of the host.
    raws : its raw weights; none if it had no rival.
    second, second_weight : the row of the runner-up, None if there is none.
    columns, rows : every host's weights and the rows of the hosts, in list order, if they are to be kept.
    """

    __slots__ = (
        *("_columns", "_multipliers", "_names", "_rows", "_scale", "_second", "_second_weight"),
        *("raws", "row", "steps_made"),
    )

    def __init__(
        self,
        spec: RequestSpec,
        host: HostState,
        names: HostNames,
        rest: Callable[[], Iterable[HostState]] | None,
        row: int,
        weight: float,
        steps: Steps,
        scale: Scale,
        raws: Sequence[float],
        multipliers: Sequence[float],
        second: int | None,
        second_weight: float,
        columns: Sequence[WeigherColumn] = (),
        rows: Sequence[int] = (),
    ) -> None:
        # As Choice does, without a call. The caller replaces `depleted` once it has depleted a copy.
        self.spec, self.host, self.depleted, self.weight, self.rest = spec, host, host, weight, rest
        self.row: int = row
        self.steps_made: Steps = steps
        self.raws: Sequence[float] = raws
        self._names, self._scale, self._multipliers = names, scale, multipliers
        self._second, self._second_weight = second, second_weight
        self._columns, self._rows = columns, rows

    def refused_for_good(self) -> Sequence[Refusals]:
        return self.steps_made.refused_for_good()

    def steps(self) -> Sequence[FilterStep]:
        return self.steps_made.filter_steps()

    def counts(self) -> Sequence[StepCounts]:
        return self.steps_made.counts()

    def explained(self) -> Explained:
        """Without the steps, which are made when they are asked for."""
        shares = self._scale.shares(self.raws, self._multipliers) if self.raws else ()
        runner_up = None if self._second is None else (self._names.node(self._second), self._second_weight)
        return Explained((), shares, runner_up, self._columns, list(map(self._names.node, self._rows)))
