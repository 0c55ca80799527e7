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
from filtersched.results.filter_step import FilterStep
from filtersched.results.weigher_shares import WeigherColumn


class RowChoice(NamedTuple):
    """The row of a ranking that was chosen, and what its weight was made of; no raws if it had no rival.

    next_best : row and weight of the runner-up.
    columns, rows : every host's weights and the rows of the hosts, in list order, if they are to be kept.
    """

    row: int
    weight: float
    steps: Steps
    scale: Scale
    raws: Sequence[float]
    multipliers: Sequence[float]
    next_best: tuple[int, float] | None
    columns: Sequence[WeigherColumn] = ()
    rows: Sequence[int] = ()


class EngineChoice(Choice):
    """A choice among rows; its explanation stays numbers until it is read.

    row : of the host.
    raws : its raw weights; none if it had no rival.
    """

    __slots__ = ("_found", "_names", "raws", "row")

    def __init__(
        self,
        spec: RequestSpec,
        host: HostState,
        found: RowChoice,
        *,
        names: HostNames,
        rest: Callable[[], Iterable[HostState]] | None,
    ) -> None:
        # As Choice does, without a call. The caller replaces `depleted` once it has depleted a copy.
        self.spec, self.host, self.depleted, self.weight, self.rest = spec, host, host, found.weight, rest
        self.row: int = found.row
        self.raws: Sequence[float] = found.raws
        self._found = found
        self._names = names

    def refused_for_good(self) -> Sequence[Refusals]:
        return self._found.steps.refused_for_good()

    @property
    def steps_made(self) -> Steps:
        return self._found.steps

    def steps(self) -> Sequence[FilterStep]:
        return self._found.steps.filter_steps()

    def explained(self) -> Explained:
        """Without the steps, which are made when they are asked for."""
        found = self._found
        shares = found.scale.shares(self.raws, found.multipliers) if self.raws else ()
        runner_up = None if found.next_best is None else (self._names.node(found.next_best[0]), found.next_best[1])
        return Explained((), shares, runner_up, found.columns, list(map(self._names.node, found.rows)))
