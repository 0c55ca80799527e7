"""Decision: what one call of the scheduler works with, from the request made ready to selections."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import NoValidHost
from filtersched.filters.handler import HostFilterHandler
from filtersched.frozen import freeze
from filtersched.host_pool import HostPool
from filtersched.host_state import HostState
from filtersched.narrowing import skips_filters
from filtersched.request_spec import RequestSpec
from filtersched.selection import (
    Alternate,
    Explanation,
    FilterStep,
    HostVerdicts,
    Selection,
    WeighedHost,
    steps_of,
)


@dataclass(slots=True)
class Choice:
    """One instance's host: as it was, as it is with the instance, and whom it was chosen from.

    ranked : the hosts that passed, the chosen one first, then in order of weight.
    """

    spec: RequestSpec
    host: HostState
    depleted: HostState
    ranked: Sequence[WeighedHost]
    steps: Sequence[FilterStep]


@dataclass
class Decision:
    """One request made ready, and the hosts it is offered.

    spec : a private copy, its time set and its group complete.
    uuids : one per instance.
    alternates : how many further hosts each selection names.
    left : the ranking after the last instance, where alternates come from.
    """

    spec: RequestSpec
    hosts: HostPool | list[HostState]
    uuids: Sequence[str]
    filters: Sequence[Any]
    alternates: int = 0
    seed: int = 0
    keep_columns: bool = False
    left: Sequence[WeighedHost] | None = None
    _random: random.Random | None = field(default=None, repr=False)
    _generation: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.hosts, HostPool):
            self._generation = self.hosts.generation

    def offered(self) -> list[HostState]:
        """The hosts, in the caller's order."""
        return list(self.hosts)

    def random(self) -> random.Random:
        """The generator of this decision's draws, made at the first one."""
        if self._random is None:
            self._random = random.Random(self.seed)
        return self._random

    def spec_for(self, index: int, choices: Sequence[Choice]) -> RequestSpec:
        """The request as it is for one instance: its uuid, and its group with the hosts so far."""
        spec = (choices[-1].spec if choices else self.spec).copy()
        spec.instance_uuid = self.uuids[index]
        if choices and spec.instance_group is not None:
            spec.instance_group = spec.instance_group.with_host(choices[-1].host.host)
        return spec

    def ask(self, host: HostState, index: int, choices: Sequence[Choice] = ()) -> HostVerdicts:
        """What every filter says of a host, as it was for the instance at `index`."""
        key = (host.host, host.nodename)
        depleted = [one.depleted for one in choices[:index] if (one.host.host, one.host.nodename) == key]
        changed = isinstance(self.hosts, HostPool) and host._generation > self._generation and not depleted
        asked = depleted[-1] if depleted else host
        spec = choices[index].spec if index < len(choices) else self.spec_for(index, choices[:index])
        filters = () if skips_filters(spec) else self.filters
        verdicts = HostFilterHandler().verdicts(filters, asked, spec, index)
        return HostVerdicts(host.host, host.nodename, verdicts, changed)

    def refusal(self, index: int, filtered: Sequence[HostState], choices: Sequence[Choice]) -> NoValidHost:
        """The error for an instance that found no host."""
        total = len(self.uuids)
        explanation = self._explanation(index, steps_of(filtered), list(choices))
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
            weight=choice.ranked[0].weight,
            limits=self._limits(host, choice.spec),
            alternates=self._alternates(choice, taken) if self.alternates else (),
            host_state=choice.depleted,
            spec=choice.spec,
            explanation=self._explanation(index, choice.steps, choices),
            seed=self.seed,
            generation=host._generation,
        )

    def _limits(self, host: HostState, spec: RequestSpec) -> Any:
        limits = dict(host.limits)
        if not skips_filters(spec):
            for one in self.filters:
                limits.update(one.limits(host, spec))
        return freeze(limits)

    def _alternates(self, choice: Choice, taken: set[tuple[str, str]]) -> tuple[Alternate, ...]:
        found: list[Alternate] = []
        for one in choice.ranked if self.left is None else self.left:
            host = one.obj
            if len(found) == self.alternates:
                break
            if host.cell_uuid == choice.host.cell_uuid and (host.host, host.nodename) not in taken:
                found.append(Alternate(host.host, host.nodename, self._limits(host, choice.spec)))
        return tuple(found)

    def _explanation(self, index: int, steps: Sequence[FilterStep], choices: list[Choice]) -> Explanation:
        chosen = index < len(choices)
        ranked = choices[index].ranked if chosen else ()
        # The draw may take another than the best, so the next best is looked for by weight.
        rivals = ranked[1:]
        runner_up = max(rivals, key=lambda one: one.weight) if rivals else None
        shares = ranked[0].shares if chosen else ()
        return Explanation(
            index=index,
            num_instances=len(self.uuids),
            steps=steps,
            hosts=self.offered,
            ask=lambda host: self.ask(host, index, choices),
            earlier=lambda: [step for choice in choices[:index] for step in choice.steps],
            shares=lambda: shares,
            runner_up=runner_up.obj.host if runner_up else None,
            margin=ranked[0].weight - runner_up.weight if runner_up else None,
            columns=ranked[0].columns if chosen and self.keep_columns else (),
            ranked=[one.obj.host for one in ranked] if self.keep_columns else (),
        )
