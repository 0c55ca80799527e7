"""How much memory a selection takes that a program keeps, on every path to a decision."""

from __future__ import annotations

import gc
import itertools
import pickle
import tracemalloc
from collections.abc import Callable

import pytest

from filtersched import (
    ChanceScheduler,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    RequestSpec,
    Selection,
    make_conf,
)
from filtersched.schedulers.stochastic import StochasticScheduler

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
    "stochastic": lambda: StochasticScheduler(make_conf(**CONF)),
}


@pytest.mark.slow
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


# The plain loop would take minutes for a thousand.
COUNTS = {"engine": 1000, "chance": 1000}
MANY = RequestSpec(Flavor(memory_mb=64, vcpus=1))
# Each host takes one instance: a filter refuses the last host chosen for the next.
ONE_EACH = RequestSpec(Flavor(memory_mb=700_000, vcpus=1))


@pytest.mark.slow
@pytest.mark.parametrize("spec", [MANY, ONE_EACH], ids=["many", "one each"])
@pytest.mark.parametrize("on_a_pool", [True, False], ids=["pool", "list"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_one_selection_kept_of_a_thousand_takes_at_most_50_kilobytes(scheduler, on_a_pool, spec):
    made = SCHEDULERS[scheduler]()
    count = COUNTS.get(scheduler, 60)
    many = spec.copy()
    many.num_instances = count
    hosts = pool() if on_a_pool else list(map(host, range(HOSTS)))
    (first,) = made.select_destinations(SPEC, hosts)  # what is cached of the hosts
    tracemalloc.start()
    try:
        kept = made.select_destinations(many, hosts)[count - 5]
        if on_a_pool:
            made.place(SPEC, hosts)  # drops what is cached of the request
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        assert (kept.explanation.index, kept.explanation.num_instances) == (count - 5, count)
        del kept
        gc.collect()
        held = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0 < held < 50_000
    assert first.index == 0


@pytest.mark.parametrize("use_engine", [True, False])
def test_a_selection_of_a_large_request_knows_its_hosts_as_they_were(use_engine):
    hosts = HostPool(HostState(name, total_usable_ram_mb=1000, free_ram_mb=1000) for name in ("a", "b", "c"))
    hosts["c"].free_ram_mb = 90
    scheduler = FilterScheduler(
        make_conf(enabled_filters=["RamFilter"], weight_classes=["RAMWeigher"], ram_allocation_ratio=1.0),
        use_engine=use_engine,
    )
    chosen = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=100), num_instances=20), hosts)
    assert [one.host for one in chosen] == [*"abbaabbaabbaabbaabba"]
    last = chosen[-1].explanation
    # The other host took ten instances, which leaves 0 MB of it; its own had 100 MB left.
    assert last.why("b").miss == "b lacks 100 MB of RAM (free 0, asked 100)"
    assert [verdict.passed for verdict in last.why("a").verdicts] == [True]
    assert last.why("c").miss == "c lacks 10 MB of RAM (free 90, asked 100)"
    assert not last.why("b").changed
    assert last.refused == {"RamFilter": 2}
    assert [step.refused for step in last.earlier if step.refused] == [("c",)]
    hosts.commit(chosen)
    hosts.release(chosen[:4])
    assert last.why("a").changed is False
    assert last.why("b").changed is True


class GenerousScheduler(FilterScheduler):
    """Brings in a host of its own."""

    def narrow(self, hosts, spec):
        return [one for one in hosts if one.host != "a"] or [HostState("spare")]


def test_a_selection_of_a_large_request_may_be_on_a_host_that_was_not_offered():
    chosen = GenerousScheduler(make_conf(enabled_filters=[])).select_destinations(
        RequestSpec(num_instances=12), [HostState("a")]
    )
    assert {one.host for one in chosen} == {"spare"}
    explanation = chosen[7].explanation
    assert (explanation.index, explanation.num_instances, explanation.refused) == (7, 12, {})


@pytest.mark.parametrize("use_engine", [True, False])
def test_a_selection_of_a_large_request_survives_pickling(use_engine):
    hosts = HostPool(HostState(name, total_usable_ram_mb=1000, free_ram_mb=1000) for name in ("a", "b"))
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]), use_engine=use_engine)
    chosen = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=100), num_instances=20), hosts)
    read = pickle.loads(pickle.dumps(chosen[11]))
    assert (read.host, read.explanation.index, read.explanation.refused) == (chosen[11].host, 11, {"RamFilter": 0})
    assert read.explanation.why(read.host).refused_by == ()


@pytest.mark.parametrize("use_engine", [True, False])
def test_a_selection_of_a_large_group_knows_where_the_others_went(use_engine):
    hosts = HostPool(HostState(f"h{n:02}") for n in range(20))
    scheduler = FilterScheduler(make_conf(enabled_filters=["ServerGroupAntiAffinityFilter"]), use_engine=use_engine)
    group = InstanceGroup("anti-affinity")
    chosen = scheduler.select_destinations(RequestSpec(num_instances=20, instance_group=group), hosts)
    explanation = chosen[15].explanation
    assert explanation.refused == {"ServerGroupAntiAffinityFilter": 15}
    assert explanation.why(chosen[3].host).miss.endswith("holds 1 members of the group, 1 may be on one host")
    assert explanation.why(chosen[17].host).refused_by == ()
    assert len(explanation.near_misses(20)) == 15


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
