"""EngineChoice: the host that an instance gets, with the numbers that explain it later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from filtersched.engine.decision import Choice, Explained
from filtersched.engine.steps import RowSteps
from filtersched.engine.weighing import Scale
from filtersched.hosts.host_names import HostNames
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.weigher_shares import WeigherColumn


class RowChoice(NamedTuple):
    """The row that was chosen, and what its weight was made of.

    raws : its raw weights; none if it had no rival.
    second, second_weight : the row of the runner-up, None if there is none.
    columns, rows : every host's weights and the rows of the hosts, in list order, if they are to be kept.
    """

    row: int
    weight: float
    steps: RowSteps
    scale: Scale
    raws: Sequence[float]
    multipliers: Sequence[float]
    second: int | None
    second_weight: float
    columns: Sequence[WeigherColumn] = ()
    rows: Sequence[int] = ()


class EngineChoice(Choice):
    """A choice among rows; its explanation stays numbers until it is read."""

    __slots__ = ("_names", "found")

    def __init__(
        self,
        spec: RequestSpec,
        host: HostState,
        rest: Callable[[], Iterable[HostState]] | None,
        names: HostNames,
        found: RowChoice,
    ) -> None:
        # As Choice does, without a call. The caller replaces `depleted` once it has depleted a copy.
        self.spec, self.host, self.depleted, self.rest = spec, host, host, rest
        self.weight, self.steps = found.weight, found.steps
        self._names = names
        self.found: RowChoice = found

    def explained(self) -> Explained:
        found, node = self.found, self._names.node
        shares = found.scale.shares(found.raws, found.multipliers) if found.raws else ()
        runner_up = None if found.second is None else (node(found.second), found.second_weight)
        return Explained(shares, runner_up, found.columns, list(map(node, found.rows)))
