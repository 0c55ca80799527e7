"""Decision: what one call of the scheduler works with, from the request made ready to selections."""

from __future__ import annotations

import copy
import functools
import itertools
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

from filtersched.columns.plain_data import plain_mapping
from filtersched.engine.many_choices import FEW_CHOICES, ManyChoices, PlacedChoices
from filtersched.engine.steps import Steps
from filtersched.errors import InvalidAnswer, InvalidHost, must_be, shown
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_names import HostNames, NamesOfHosts, Node, called, several_nodes
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import excluded_by, skips_filters
from filtersched.plugins.notes import note_host
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import forget_limits, sealed
from filtersched.results.explanation import Explanation, Facts
from filtersched.results.filter_step import FilterStep, StepCounts
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Alternate, Selection, WeighedHost
from filtersched.results.unread_field import UnreadField
from filtersched.results.verdict import HostVerdicts, Verdict
from filtersched.results.weigher_shares import WeigherColumn, WeigherShare, totals_of


def depleted(host: HostState, spec: RequestSpec) -> HostState:
    """A copy of the host without what one instance of the request takes."""
    copy = host.copy()
    try:
        copy.consume_from_request(spec)
    except Exception as problem:
        # The boundary to a class derived from HostState.
        note_host(problem, host, host, spec.instance_uuid, what="to take an instance on")
        raise
    return copy


class Explained(NamedTuple):
    """What explains a choice among host objects: plain values, without the ranking.

    runner_up : the best of the others, and its weight.
    columns, ranked : every host's weights, if they are to be kept.
    """

    shares: tuple[WeigherShare, ...] = ()
    runner_up: tuple[Node, float] | None = None
    columns: Sequence[WeigherColumn] = ()
    ranked: Sequence[Node] = ()

    @classmethod
    def of_ranking(cls, ranking: Sequence[WeighedHost], keep_columns: bool) -> Self:
        """What explains the choice of the first of a ranking."""
        chosen = ranking[0]
        # The draw may take another than the best, so the next best is looked for by weight.
        best = max(itertools.islice(ranking, 1, None), key=lambda one: one.weight, default=None)
        runner_up = None if best is None else ((best.obj.host, best.obj.nodename), best.weight)
        if not keep_columns:
            return cls(chosen.shares, runner_up)
        columns = [column.ordered([one.place for one in ranking]) for column in chosen.columns]
        return cls(chosen.shares, runner_up, columns, [(one.obj.host, one.obj.nodename) for one in ranking])


_NO_STEPS, _UNEXPLAINED = Steps(), Explained()


class Choice:
    """One instance's host: as it was, as it is with the instance, and how it was chosen.

    steps : the filters that ran for the instance; the same object means the same steps.
    weight : the sum that made it win.
    rest : gives the others in list order; None if nobody will ask.
    """

    __slots__ = ("_explained", "depleted", "host", "rest", "spec", "steps", "weight")

    def __init__(
        self,
        spec: RequestSpec,
        host: HostState,
        depleted: HostState,
        weight: float,
        rest: Callable[[], Iterable[HostState]] | None = None,
        steps: Steps = _NO_STEPS,
        explained: Explained = _UNEXPLAINED,
    ) -> None:
        self.spec: RequestSpec = spec
        self.host: HostState = host
        self.depleted: HostState = depleted
        self.weight: float = weight
        self.rest: Callable[[], Iterable[HostState]] | None = rest
        self.steps: Steps = steps
        self._explained = explained

    def explained(self) -> Explained:
        """What explains the choice."""
        return self._explained


@dataclass
class Decision:
    """One request made ready, and the hosts it is offered.

    spec : a private copy, its time set and its group complete.
    uuids : one per instance.
    alternates : how many further hosts each selection names.
    left : the hosts in order after the last instance, where alternates come from; read as copies.
    nearest : finds near misses; see Facts.
    without : hosts that are looked at without an instance that is to move, by name and node.
    deplete : what the scheduler makes of a host that takes an instance.
    unread : finds what the request asks for and these filters do not read.
    drawn_from : as of Draw; None if the scheduler chooses in another way.
    look_ahead_for : the instances that must fit together, if they are more than are placed.
    seconds : what each plug-in took, for a decision that keeps columns; else None.
    profile : that decides; None is the main configuration.
    limiting : the filters that have limits to tell, with how to ask them.
    asks_filters : whether they are asked: not where the request forces hosts.
    """

    spec: RequestSpec
    hosts: HostPool | list[HostState]
    uuids: Sequence[str]
    filters: Sequence[Any]
    alternates: int = 0
    seed: int = 0
    keep_columns: bool = False
    left: Iterable[HostState] | None = None
    nearest: Callable[..., list[HostVerdicts]] | None = None
    without: Mapping[Key, HostState] = field(default_factory=dict, repr=False)
    deplete: Callable[[HostState, RequestSpec], HostState] = depleted
    unread: Callable[[RequestSpec, Sequence[Any]], tuple[UnreadField, ...]] = lambda _spec, _filters: ()
    drawn_from: Callable[[int, Sequence[float] | None], int | None] | None = None
    look_ahead_for: Sequence[str] = ()
    seconds: dict[str, float] | None = None
    profile: str | None = None
    limiting: Sequence[tuple[Any, Callable[[HostState, RequestSpec], Any]]] = ()
    asks_filters: bool = True
    _random: random.Random | None = field(default=None, repr=False)
    _generation: int = 0
    _group_stamp: int = 0

    def __post_init__(self) -> None:
        self._pool: str | None = None
        #: What the hosts are called.
        self.names: HostNames
        if isinstance(self.hosts, HostPool):
            self._pool = self.hosts.uuid
            self._generation = self.hosts.generation
            self._group_stamp = self.hosts.group_stamp
            self.names = self.hosts.rows.host_names()
        else:
            hosts = self.hosts
            several = several_nodes(one.host for one in hosts)
            self.names = HostNames(NamesOfHosts(hosts), several, lambda: [one.nodename for one in hosts])
        self._total = len(self.uuids)

    def _offered(self) -> int:
        return len(self.names)

    def offered(self) -> list[HostState]:
        """The hosts, in the caller's order."""
        if not self.without:
            return list(self.hosts)
        return [self.without.get((host.host, host.nodename), host) for host in self.hosts]

    def several(self) -> Collection[str]:
        """The names of the hosts that had several nodes when the decision was made."""
        return self.names.several

    def find(self, nodes: Collection[Node]) -> list[HostState]:
        """These of the hosts, in the caller's order; all nodes where none is named."""
        if isinstance(self.hosts, HostPool):
            named = self.hosts.run(self._hosts_named, {name for name, _ in nodes})
        else:
            named = self.hosts
        return [host for host in named if (host.host, host.nodename) in nodes or (host.host, None) in nodes]

    def _hosts_named(self, names: Collection[str]) -> list[HostState]:
        assert isinstance(self.hosts, HostPool)
        rows = self.hosts.rows
        return [rows.host(row) for row in sorted(row for name in names for row in rows.rows_named(name))]

    def look_up(self, name: str) -> list[HostState]:
        """The hosts that a name may mean: a host's, with its node behind a slash, or that of a node."""
        ends = [at for at, letter in enumerate(name) if letter == "/"]
        return (
            self.find([(name, None)])
            or self.find([(name[:at], name[at + 1 :]) for at in ends])
            or [host for host in self.hosts if host.nodename == name]
        )

    def start_over(self) -> None:
        """Forget what an attempt left behind that was given up: its draws, and limits written."""
        self._random = None
        self.left = None
        if self.seconds is not None:
            self.seconds.clear()
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
        return last.spec.for_instance(self.uuids[index], last.depleted, before=last.host)

    def choice(
        self, spec: RequestSpec, ranked: Sequence[WeighedHost], depleted: HostState, steps: Sequence[FilterStep]
    ) -> Choice:
        """The choice of the first of a ranking."""
        best = ranked[0]
        rest = (lambda: [one.obj for one in ranked[1:]]) if self.alternates else None
        explained = Explained.of_ranking(ranked, self.keep_columns)
        return Choice(spec, best.obj, depleted, best.weight, rest, Steps(self.named(steps)), explained)

    def ask(
        self, host: HostState, index: int, choices: Sequence[Choice] = (), passed: Collection[int] = ()
    ) -> HostVerdicts:
        """What every filter says of a host, as it was for the instance at `index`.

        passed : the ids of filters that are known to pass it.
        """
        return undisturbed([host], lambda: sealed(lambda: self._asked(host, index, choices, passed)))

    def spec_asked(self, index: int, choices: Sequence[Choice]) -> RequestSpec:
        """The request that explanations of the instance at `index` ask about."""
        return choices[index].spec if index < len(choices) else self.spec_for(index, choices[:index])

    def _asked(
        self, host: HostState, index: int, choices: Sequence[Choice], passed: Collection[int]
    ) -> HostVerdicts:
        key = (host.host, host.nodename)
        spec = self.spec_asked(index, choices)
        if isinstance(choices, ManyChoices):
            before = choices.placed.indexes_of(key, index)
        else:
            before = [at for at, one in enumerate(choices[:index]) if (one.host.host, one.host.nodename) == key]
        start = self.without.get(key, host)
        asked = choices[before[-1]].depleted if before else start
        has_moved = isinstance(self.hosts, HostPool) and host._generation > self._generation
        changed = has_moved and (not before or asked is None)
        if asked is None:
            asked = start
            for at in before if not changed else ():
                # The uuids are known where a filter may ask for them, in a group.
                asked = self.deplete(asked, spec.for_instance(self.uuids[at]) if self.uuids else spec)
        filters = () if skips_filters(spec) else self.filters
        verdicts = HostFilterHandler().verdicts(filters, asked, spec, index, first=host, passed=passed)
        excluded = excluded_by(host, spec)
        found = HostVerdicts(host.host, host.nodename, verdicts, changed, self._called(key, host), excluded)
        if found.refused_by and isinstance(self.hosts, HostPool):
            found = replace(found, reserved=self.hosts.run(self.hosts.reserved.kept_from, spec, key, spec.now))
        return found

    def _called(self, node: Node, host: HostState) -> str:
        """What texts call the node of a host."""
        several = self.several()
        if isinstance(host._owner, HostPool) and host._owner is not self.hosts:
            # A host of a pool is explained alone; its other nodes are there.
            several = {*several, *host._owner.rows.host_names().several}
        return called(node, several)

    def passed(self, host: HostState) -> HostVerdicts | None:
        """The verdicts on a host that passed every filter for an instance; None if it has changed since."""
        if not isinstance(self.hosts, HostPool) or host._owner is not self.hosts or host._generation > self._generation:
            return None
        filters = () if skips_filters(self.spec) else self.filters
        verdicts = tuple(Verdict.passing(type(one).__name__) for one in filters)
        return HostVerdicts(host.host, host.nodename, verdicts, name=called((host.host, host.nodename), self.several()))

    def refusal(
        self,
        index: int,
        steps: Callable[[], Sequence[FilterStep]],
        choices: list[Choice],
        *,
        reason: str = "",
        counts: Callable[[], Sequence[StepCounts]] | None = None,
    ) -> NoValidHost:
        """The error for an instance that found no host.

        steps : gives the filters that ran for it; counts : what counts of these and all before, sooner.
        """
        explanation = Explanation(self._facts, index, choices, steps)
        explanation._sooner = None if counts is None else (counts, self.profile)
        return NoValidHost(reason, index=index, num_instances=len(self.uuids), explanation=explanation)

    def selections(self, choices: list[Choice]) -> list[Selection]:
        """What the caller gets."""
        taken = {(one.host.host, one.host.nodename) for one in choices} if self.alternates else set()
        tell, is_large = self._facts, len(choices) > FEW_CHOICES
        if is_large:
            tell = functools.partial(self._facts_of_one, PlacedChoices(choices))
        selections = [
            self._selection(index, choice, Explanation(tell, index, choice if is_large else choices), taken)
            for index, choice in enumerate(choices)
        ]
        # Explanations keep the decision and its choices, and need not keep all hosts for that.
        self.left = self._random = None
        if self.spec.shared_resources is not None:
            self.spec.shared_resources.forget()
        for choice in choices:
            choice.rest = None
        if is_large and self.spec.instance_group is None:
            self.uuids = ()
        return selections

    def _selection(
        self, index: int, choice: Choice, explanation: Explanation, taken: set[tuple[str, str]]
    ) -> Selection:
        host, shared = choice.host, choice.spec.shared_resources
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
            explanation=explanation,
            seed=self.seed,
            generation=host._generation,
            pool_generation=self._group_stamp,
            pool=self._pool,
            resources=None if shared is None else shared.records(choice.spec, host),
            profile=self.profile,
        )

    def _limits(self, host: HostState, spec: RequestSpec) -> Any:
        limits = host.limits_written()
        for limiting, ask in self.limiting:
            try:
                said = ask(host, spec)
            except Exception as problem:
                # The boundary to the plug-in.
                note_host(problem, limiting, host, spec.instance_uuid, what="for the limits of")
                raise
            if type(said) is not dict and not isinstance(said, Mapping):
                name = type(limiting).__name__
                raise InvalidAnswer(
                    f"{name}.limits must return a mapping, and returned {shown(said)} for host {host.host!r}",
                    plugin=name,
                    method="limits",
                    value=said,
                )
            limits.update(said)
        try:
            return plain_mapping(limits, objects=True)
        except ValueError as problem:
            raise InvalidHost(
                f"host {host.host!r}: {must_be('limits', problem, limits)}; a filter wrote them",
                host=host.host,
                attribute="limits",
                value=limits,
            ) from None

    def _alternates(self, choice: Choice, taken: set[tuple[str, str]]) -> tuple[Alternate, ...]:
        found: list[Alternate] = []
        for host in choice.rest() if self.left is None and choice.rest is not None else copy.copy(self.left or ()):
            if len(found) == self.alternates:
                break
            if host.cell_uuid == choice.host.cell_uuid and (host.host, host.nodename) not in taken:
                found.append(Alternate(host.host, host.nodename, self._limits(host, choice.spec)))
        return tuple(found)

    def _facts_of_one(self, placed: PlacedChoices, index: int, own: Choice) -> Facts:
        """Why one of many instances was placed where it was; of the others only the places are kept."""
        return self._facts(index, ManyChoices(placed, index, own))

    def _facts(
        self, index: int, choices: Sequence[Choice], steps: Callable[[], Sequence[FilterStep]] | None = None
    ) -> Facts:
        """Why the instance was placed where it was; or, if it was not, after which steps."""
        facts = Facts(
            index=index,
            num_instances=self._total,
            offered=self._offered(),
            steps=lambda: self.named(choices[index].steps.filter_steps() if steps is None else steps()),
            find=self.find,
            look_up=self.look_up,
            ask=lambda host: self.ask(host, index, choices),
            passed=self.passed,
            called=lambda node: self._called(node, choices[index].host),
            earlier=lambda: self.named([step for one in _steps_of(choices[:index]) for step in one if step.is_final]),
            unread=lambda: self.unread(self.spec, self.filters),
            seconds=self.seconds or {},
            profile=self.profile,
        )
        if self.nearest is not None:
            facts.nearest = functools.partial(self.nearest, self, index, choices)
        if steps is None:
            choice = choices[index]
            explained = choice.explained()
            facts.shares, facts.weight, facts.columns = explained.shares, choice.weight, explained.columns
            facts.chosen = (choice.host.host, choice.host.nodename)
            facts.counts = choice.steps.counts
            facts.left = functools.cache(
                lambda: own[-1][2] if (own := choice.steps.counts()) else self._left(choices[:index])
            )
            if self.drawn_from is not None:
                drawn_from, left = self.drawn_from, facts.left
                weights = totals_of(facts.columns).tolist() if facts.columns else None
                facts.drawn_from = lambda: drawn_from(left(), weights)
            facts.ranked = [called(node, self.several()) for node in explained.ranked]
            if explained.runner_up is not None:
                second, weight = explained.runner_up
                facts.second = (called(second, self.several()), weight)
        return facts

    def _left(self, choices: Sequence[Choice]) -> int:
        """How many hosts the last of these instances was chosen among."""
        left = next((steps[-1].after for steps in _steps_of(reversed(choices)) if steps), None)
        return self._offered() if left is None else left

    def named(self, steps: Iterable[FilterStep]) -> list[FilterStep]:
        """The steps with the names that hosts have among all that were offered."""
        return [step.among(self.several) for step in steps]


def _steps_of(choices: Iterable[Choice]) -> Iterator[Sequence[FilterStep]]:
    return (one.steps.filter_steps() for one in choices)
