"""How much memory a selection takes that a program keeps, on every path to a decision."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable

import pytest

from filtersched import ChanceScheduler, FilterScheduler, Flavor, HostPool, HostState, RequestSpec, Selection, make_conf

HOSTS = 2000
SPEC = RequestSpec(Flavor(memory_mb=64, vcpus=1))


class OwnScheduler(FilterScheduler):
    """Overrides a step, so that the plain loop decides."""

    def select(self, ranked, chance):
        return super().select(ranked, chance)


def host(number: int) -> HostState:
    return HostState(
        f"host-{number:05d}",
        total_usable_ram_mb=10**6,
        free_ram_mb=10**6 - number if number % 3 else 0,
        ram_allocation_ratio=1.0,
        vcpus_total=512,
    )


def pool() -> HostPool:
    return HostPool(host(number) for number in range(HOSTS))


def place(**options) -> Callable[[FilterScheduler], Callable[[], list[Selection]]]:
    def made(scheduler: FilterScheduler) -> Callable[[], list[Selection]]:
        hosts = pool()
        return lambda: scheduler.place(SPEC, hosts, **options)

    return made


def on_a_list(scheduler: FilterScheduler) -> Callable[[], list[Selection]]:
    hosts = list(map(host, range(HOSTS)))
    return lambda: scheduler.select_destinations(SPEC, hosts)


def where_hosts_come_and_go(scheduler: FilterScheduler) -> Callable[[], list[Selection]]:
    hosts = pool()
    numbers = itertools.count()

    def act() -> list[Selection]:
        number = next(numbers)
        hosts.remove(f"host-{number:05d}")
        hosts.add(host(HOSTS + number))
        return scheduler.place(SPEC, hosts)

    return act


PATHS = {
    "place": place(),
    "alternates": place(return_alternates=True),
    "list": on_a_list,
    "churn": where_hosts_come_and_go,
}
CONF = {"enabled_filters": ["RamFilter", "CoreFilter"], "weight_classes": ["RAMWeigher"]}
SCHEDULERS = {
    "engine": lambda: FilterScheduler(make_conf(**CONF)),
    "handlers": lambda: FilterScheduler(make_conf(**CONF), use_engine=False),
    "own steps": lambda: OwnScheduler(make_conf(**CONF)),
    "drawn": lambda: FilterScheduler(make_conf(host_subset_size=5, **CONF)),
    "chance": lambda: ChanceScheduler(make_conf()),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("path", PATHS)
def test_a_kept_selection_of_2000_hosts_takes_at_most_50_kilobytes(path, scheduler):
    act = PATHS[path](SCHEDULERS[scheduler]())
    kept = [act() for _ in range(3)]
    tracemalloc.start()
    try:
        kept += [act() for _ in range(2)]
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        kept += [act() for _ in range(3)]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / 3 < 50_000


@pytest.mark.parametrize("use_engine", [True, False])
def test_a_kept_selection_knows_everything_all_the_same(use_engine):
    hosts = HostPool([host(1), host(2), host(3), host(4)])
    scheduler = FilterScheduler(make_conf(**CONF), use_engine=use_engine)
    (selection,) = scheduler.place(SPEC, hosts)
    hosts.remove("host-00003")
    explanation = selection.explanation
    assert (selection.host, explanation.runner_up) == ("host-00001", "host-00002")
    assert [step.refused for step in explanation.steps] == [("host-00003",), ()]
    assert [(share.weigher, share.contribution) for share in explanation.shares] == [("RAMWeigher", 1.0)]
