"""Configurations on one trace: which runs there are, what becomes of them, and their comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import ConfigurationError, FilterschedError
from filtersched.hosts.host_state import HostState
from filtersched.planning.comparison import Comparison, Failure
from filtersched.planning.draws import may_draw
from filtersched.planning.journal import Journal
from filtersched.planning.runners import LocalRunner, Runner
from filtersched.planning.runs import Configuration, Parts, Run
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf

# Gives the hosts as these settings want them: their class, and what hosts reserve.
HostsOf = Callable[[SchedulerConf], Iterable[HostState]]


class NothingToCompare(FilterschedError):
    """No configuration can be used, or no run succeeded; `failures` says why."""

    def __init__(self, message: str = "", *, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.failures: tuple[Failure, ...] = tuple(failures)


@dataclass
class Plan:
    """The runs of a comparison.

    draws : by configuration, whether it leaves choices to chance; one that does not runs once.
    """

    names: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    draws: dict[str, bool] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    failures: list[Failure] = field(default_factory=list)

    def add(self, configuration: Configuration, hosts: HostsOf, requests: str, **how: Any) -> None:
        """Add the runs of a configuration, or note why it cannot be used."""
        try:
            conf = configuration.conf()
            scheduler = scheduler_from(conf)
        except FilterschedError as error:
            self.failures.append(Failure(configuration.name, None, str(error)))
            return
        try:
            found = self.parts.add(list(hosts(conf)))
        except ConfigurationError as error:
            self.failures.append(Failure(configuration.name, None, str(error)))
            return
        self.names.append(configuration.name)
        self.draws[configuration.name] = may_draw(scheduler)
        seeds = self.seeds if self.draws[configuration.name] else self.seeds[:1]
        self.runs += [Run(configuration, seed, found, requests, **how) for seed in seeds]


def compare(
    configurations: Mapping[str, Sequence[str]] | Sequence[Configuration],
    hosts: HostsOf | Iterable[HostState],
    requests: Iterable[RequestSpec],
    *,
    seeds: int | Sequence[int] = 1,
    filters: Sequence[str] | None = None,
    capacity_filters: bool = False,
    runner: Runner | None = None,
    journal: Journal | None = None,
    progress: Callable[[float], None] | None = None,
    failed: Callable[[Failure], None] | None = None,
) -> Comparison:
    """Place a trace under each configuration, several times where it draws, and compare what comes of it.

    configurations : by name the settings as flags, such as {"pack": ["--ram-weight-multiplier=-1"]}.
    hosts : the hosts, or a function that gives them as the settings of a configuration want them.
    seeds : how many seeds, from 1, or which; a configuration that draws nothing runs once.
    filters, capacity_filters : as `filtersched compare` has them.
    runner : where the runs are performed; None is a process for each core.
    journal : takes each result as it comes, and has those of an earlier run.
    progress : told how much is done, 0 to 1; failed : told of each run that failed, when it fails.

    Raises NothingToCompare if no run succeeded.
    """
    named = (
        [Configuration(name, args=tuple(args)) for name, args in configurations.items()]
        if isinstance(configurations, Mapping)
        else list(configurations)
    )
    plan = Plan(seeds=list(range(1, seeds + 1)) if isinstance(seeds, int) else list(seeds))
    trace = plan.parts.add(list(requests))
    hosts_of = hosts if callable(hosts) else _always(list(hosts))
    names = None if filters is None else tuple(filters)
    for configuration in named:
        before = len(plan.failures)
        plan.add(configuration, hosts_of, trace, filters=names, capacity_filters=capacity_filters)
        for failure in plan.failures[before:]:
            (failed or _ignore)(failure)
    return perform_plan(plan, runner or LocalRunner(), journal, progress or _ignore, failed or _ignore)


def perform_plan(
    plan: Plan,
    runner: Runner,
    journal: Journal | None,
    progress: Callable[[float], None],
    failed: Callable[[Failure], None],
) -> Comparison:
    """Perform the runs that are not finished yet, and compare."""
    results = {} if journal is None else journal.of({run.key for run in plan.runs})
    # Configurations that say the same have the same runs.
    missing = list({run.key: run for run in plan.runs if run.key not in results}.values())
    shares = {run.key: float(run.key in results) for run in plan.runs}
    if journal is not None:
        journal.begin()
    with contextlib.closing(runner.events(missing, plan.parts)) as events:
        for event in events:
            shares[event.run.key] = event.share
            progress(sum(shares.values()) / len(shares))
            if event.error is not None:
                plan.failures.append(Failure(event.run.configuration.name, event.run.seed, event.error))
                failed(plan.failures[-1])
            if event.result is not None:
                results[event.run.key] = event.result
                if journal is not None:
                    journal.add(event.result)
    return _comparison(plan, results)


def _comparison(plan: Plan, results: Mapping[str, dict[str, Any]]) -> Comparison:
    found: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in plan.names}
    for run in plan.runs:
        if run.key in results:
            name = run.configuration.name
            found[name][run.seed] = {**results[run.key], "configuration": name, "draws": plan.draws[name]}
    names = [name for name in plan.names if found[name]]
    if not names:
        said = "; ".join(map(str, plan.failures[:5]))
        raise NothingToCompare(f"nothing to compare: {said}", failures=plan.failures)
    return Comparison(names, plan.seeds, {name: found[name] for name in names}, tuple(plan.failures))


def _always(hosts: Sequence[HostState]) -> HostsOf:
    return lambda _conf: hosts


def _ignore(_told: Any) -> None:
    return None
