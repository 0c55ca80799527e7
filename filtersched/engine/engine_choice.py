"""EngineChoice: the host that an instance gets, with the numbers that explain it later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from filtersched.engine.decision import Choice
from filtersched.engine.filtering import Steps
from filtersched.engine.weighing import Scale
from filtersched.hosts.host_names import HostNames, Node
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import FilterStep, WeigherShare


class EngineChoice(Choice):
    """A choice among rows; its explanation stays numbers until it is read.

    row : of the host.
    raws, scale, multipliers : what its weight was made of; no raws if it had no rival.
    next_best : row and weight of the runner-up.
    """

    __slots__ = ("_multipliers", "_names", "_next_best", "_scale", "_steps", "raws", "row")

    def __init__(
        self,
        spec: RequestSpec,
        host: HostState,
        *,
        row: int,
        weight: float,
        names: HostNames,
        steps: Steps,
        scale: Scale,
        raws: Sequence[float],
        multipliers: Sequence[float],
        next_best: tuple[int, float] | None,
        rest: Callable[[], Iterable[HostState]] | None,
    ) -> None:
        # The caller replaces `depleted` once it has depleted a copy.
        super().__init__(spec, host, host, weight, rest)
        self.row: int = row
        self._names = names
        self._steps = steps
        self._scale = scale
        self.raws: Sequence[float] = raws
        self._multipliers = multipliers
        self._next_best = next_best

    def steps(self) -> Sequence[FilterStep]:
        return self._steps.filter_steps()

    def shares(self) -> tuple[WeigherShare, ...]:
        return self._scale.shares(self.raws, self._multipliers) if self.raws else ()

    def runner_up(self) -> tuple[Node, float] | None:
        if self._next_best is None:
            return None
        row, weight = self._next_best
        return self._names.node(row), weight
