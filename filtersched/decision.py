"""Decision: what one call of the scheduler works with, from the request made ready to selections."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import NoValidHost
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.frozen import EMPTY, FrozenDict
from filtersched.host_pool import HostPool
from filtersched.host_state import HostState, deciding, forget_limits
from filtersched.narrowing import skips_filters
from filtersched.plugin import add_note
from filtersched.request_spec import RequestSpec
from filtersched.selection import (
    Alternate,
    Explanation,
    FilterStep,
    HostVerdicts,
    Selection,
    WeighedHost,
    WeigherColumn,
    WeigherShare,
)


@dataclass(slots=True)
class Choice:
    """One instance's host: as it was, as it is with the instance, and how it was chosen.

    weight : the sum that made it win.
    steps, shares : made when called, for the explanation.
    second : the name of the best of the others, and its weight.
    rest : gives the others in list order; None if nobody will ask.
    columns, ranked : every host's weights, if they are to be kept.
    """

    spec: RequestSpec
    host: HostState
    depleted: HostState
    weight: float
    steps: Callable[[], Sequence[FilterStep]] = tuple
    shares: Callable[[], tuple[WeigherShare, ...]] = tuple
    second: tuple[str, float] | None = None
    rest: Callable[[], Iterable[HostState]] | None = None
    columns: Sequence[WeigherColumn] = ()
    ranked: Sequence[str] = ()


@dataclass
class Decision:
    """One request made ready, and the hosts it is offered.

    spec : a private copy, its time set and its group complete.
    uuids : one per instance.
    alternates : how many further hosts each selection names.
    left : the hosts in order after the last instance, where alternates come from.
    """

    spec: RequestSpec
    hosts: HostPool | list[HostState]
    uuids: Sequence[str]
    filters: Sequence[Any]
    alternates: int = 0
    seed: int = 0
    keep_columns: bool = False
    left: Sequence[HostState] | None = None
    _random: random.Random | None = field(default=None, repr=False)
    _generation: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.hosts, HostPool):
            self._generation = self.hosts.generation
        self._limiting = [one for one in self.filters if type(one).limits is not BaseHostFilter.limits]

    def offered(self) -> list[HostState]:
        """The hosts, in the caller's order."""
        return list(self.hosts)

    def find(self, names: Collection[str]) -> list[HostState]:
        """The hosts of these names, in the caller's order; without any, the nodes of these names."""
        if isinstance(self.hosts, HostPool):
            with self.hosts.lock:
                rows = sorted(row for name in names for row in self.hosts.rows.rows_named(name))
                found = [self.hosts.rows.host(row) for row in rows]
        else:
            found = [host for host in self.hosts if host.host in names]
        return found or [host for host in self.hosts if host.nodename in names]

    def start_over(self) -> None:
        """Forget what an attempt left behind that was given up: its draws, and limits written."""
        self._random = None
        self.left = None
        forget_limits()

    def random(self) -> random.Random:
        """The generator of this decision's draws, made at the first one."""
        if self._random is None:
            self._random = random.Random(self.seed)
        return self._random

    def spec_for(self, index: int, choices: Sequence[Choice]) -> RequestSpec:
        """The request as it is for one instance: its uuid, and its group with the hosts so far."""
        if not choices:
            return self.spec.for_instance(self.uuids[index])
        last = choices[-1]
        return last.spec.for_instance(self.uuids[index], last.host.host)

    def choice(
        self,
        spec: RequestSpec,
        ranked: Sequence[WeighedHost],
        depleted: HostState,
        steps: Callable[[], Sequence[FilterStep]],
    ) -> Choice:
        """The choice of the first of a ranking."""
        chosen, others = ranked[0], ranked[1:]
        # The draw may take another than the best, so the next best is looked for by weight.
        second = max(others, key=lambda one: one.weight, default=None)
        shares = chosen.shares
        return Choice(
            spec=spec,
            host=chosen.obj,
            depleted=depleted,
            weight=chosen.weight,
            steps=steps,
            shares=lambda: shares,
            second=None if second is None else (second.obj.host, second.weight),
            rest=lambda: [one.obj for one in others],
            columns=_ordered(chosen.columns, ranked) if self.keep_columns else (),
            ranked=[one.obj.host for one in ranked] if self.keep_columns else (),
        )

    def ask(self, host: HostState, index: int, choices: Sequence[Choice] = ()) -> HostVerdicts:
        """What every filter says of a host, as it was for the instance at `index`."""
        key = (host.host, host.nodename)
        depleted = [one.depleted for one in choices[:index] if (one.host.host, one.host.nodename) == key]
        changed = isinstance(self.hosts, HostPool) and host._generation > self._generation and not depleted
        asked = depleted[-1] if depleted else host
        spec = choices[index].spec if index < len(choices) else self.spec_for(index, choices[:index])
        filters = () if skips_filters(spec) else self.filters
        with deciding():
            verdicts = HostFilterHandler().verdicts(filters, asked, spec, index, first=host)
        return HostVerdicts(host.host, host.nodename, verdicts, changed)

    def refusal(
        self, index: int, steps: Callable[[], Sequence[FilterStep]], choices: Sequence[Choice]
    ) -> NoValidHost:
        """The error for an instance that found no host."""
        total = len(self.uuids)
        explanation = self._explanation(index, steps, list(choices))
        reason = f"Instance {index + 1} of {total}:"
        return NoValidHost(reason, index=index, num_instances=total, explanation=explanation)

    def selections(self, choices: list[Choice]) -> list[Selection]:
        """What the caller gets."""
        taken = {(one.host.host, one.host.nodename) for one in choices}
        return [self._selection(index, choices, taken) for index in range(len(choices))]

    def _selection(self, index: int, choices: list[Choice], taken: set[tuple[str, str]]) -> Selection:
        choice = choices[index]
        host = choice.host
        return Selection(
            host=host.host,
            nodename=host.nodename,
            instance_uuid=self.uuids[index],
            index=index,
            weight=choice.weight,
            limits=self._limits(host, choice.spec),
            alternates=self._alternates(choice, taken) if self.alternates else (),
            host_state=choice.depleted,
            spec=choice.spec,
            explanation=self._explanation(index, choice.steps, choices),
            seed=self.seed,
            generation=host._generation,
        )

    def _limits(self, host: HostState, spec: RequestSpec) -> Any:
        limits = host.limits_written()
        if not skips_filters(spec):
            for one in self._limiting:
                try:
                    limits.update(one.limits(host, spec))
                except Exception as problem:
                    # The boundary to the plug-in.
                    add_note(problem, one, f"for the limits of {host!r}, instance {spec.instance_uuid}")
                    raise
        return FrozenDict(limits) if limits else EMPTY

    def _alternates(self, choice: Choice, taken: set[tuple[str, str]]) -> tuple[Alternate, ...]:
        found: list[Alternate] = []
        for host in choice.rest() if self.left is None and choice.rest is not None else self.left or ():
            if len(found) == self.alternates:
                break
            if host.cell_uuid == choice.host.cell_uuid and (host.host, host.nodename) not in taken:
                found.append(Alternate(host.host, host.nodename, self._limits(host, choice.spec)))
        return tuple(found)

    def _explanation(
        self, index: int, steps: Callable[[], Sequence[FilterStep]], choices: list[Choice]
    ) -> Explanation:
        choice = choices[index] if index < len(choices) else None
        return Explanation(
            index=index,
            num_instances=len(self.uuids),
            steps=steps,
            offered=len(self.hosts),
            find=self.find,
            ask=lambda host: self.ask(host, index, choices),
            earlier=lambda: [step for one in choices[:index] for step in one.steps()],
            shares=choice.shares if choice is not None else tuple,
            weight=choice.weight if choice is not None else None,
            second=choice.second if choice is not None else None,
            columns=choice.columns if choice is not None else (),
            ranked=choice.ranked if choice is not None else (),
        )


def _ordered(columns: Sequence[WeigherColumn], ranked: Sequence[WeighedHost]) -> list[WeigherColumn]:
    """The columns with their hosts in the order of the ranking."""
    places = [one.place for one in ranked]
    return [column.ordered(places) for column in columns]
