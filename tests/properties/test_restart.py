"""A pool that is saved and loaded, in any state, goes on exactly as the one that was not.

The law: every later decision with the same seed is the same, and a selection that was decided before the
restart conflicts after it exactly if it would have without.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Selection,
    make_conf,
)

from .strategies import FLAVORS, FULL_HOSTS, MAPPINGS, TIMES


class RackedHost(HostState):
    """Takes a slot for each instance, beside what every host takes."""

    rack: str = ""
    slots: int = 4

    def consume_from_request(self, spec: RequestSpec) -> dict[str, Any]:
        super().consume_from_request(spec)
        self.slots -= 1
        return {"slots": 1}

    def release_instance(self, instance: Instance) -> None:
        super().release_instance(instance)
        self.slots += instance.consumed.get("slots", 0)


SCHEDULER = FilterScheduler(
    make_conf(
        enabled_filters=["RamFilter", "IoOpsFilter", "ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"],
        weight_classes=["RAMWeigher", "ServerGroupSoftAntiAffinityWeigher"],
        host_subset_size=6,
        ram_allocation_ratio=1.0,
    )
)
# Some hosts change rarely, so that a decision about them lasts.
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
REPORTING = st.sampled_from(["a", "b"])
UUIDS = st.sampled_from([f"i{number}" for number in range(5)])
REPORTS = st.tuples(
    REPORTING,
    st.integers(0, 20),
    st.fixed_dictionaries(
        {},
        optional={
            "instances": st.lists(UUIDS, max_size=3, unique=True),
            "free_ram_mb": st.integers(0, 2000),
            "num_io_ops": st.just(0),
        },
    ),
)
SPECS = st.builds(
    RequestSpec,
    st.builds(Flavor, memory_mb=st.integers(0, 600), vcpus=st.integers(0, 4), name=st.sampled_from(["s", "é"])),
    instance_group=st.sampled_from(["affinity", "anti-affinity", "soft-anti-affinity", ""]).map(
        lambda policy: InstanceGroup(uuid="web", policy=policy) if policy else None
    ),
    force_hosts=st.sampled_from([(), (), ("a",), ("b",)]),
    now=st.just(datetime(2026, 1, 2)),
)
EXPECTED = (CommitConflict, InvalidHost, InvalidRequest, NoValidHost, KeyError)


def new_host(name: str) -> HostState:
    kind = RackedHost if name in "ace" else HostState
    return kind(name, total_usable_ram_mb=2000, free_ram_mb=2000, vcpus_total=16)


class PoolBesideItsRestart(RuleBasedStateMachine):
    """`pools` are the pool that goes on and, from the first restart, the one that was loaded.

    kept : decisions that are not committed yet, as each of the pools made them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = datetime(2026, 1, 2)
        self.pools = [self.with_clock(HostPool(map(new_host, "abcdef")))]
        self.kept: list[list[list[Selection]]] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    def with_clock(self, pool: HostPool) -> HostPool:
        pool.clock = lambda: self.now
        return pool

    def each(self, act: Callable[[HostPool, int], Any]) -> list[Any]:
        """What comes of an act on each pool; fails unless it is the same."""
        self.now += timedelta(seconds=1)
        results = []
        for place, pool in enumerate(self.pools):
            try:
                results.append(act(pool, place))
            except EXPECTED as problem:
                results.append((type(problem), str(problem)))
        assert [comparable(one) for one in results] == [comparable(results[0])] * len(results)
        return results

    @rule()
    def restart(self) -> None:
        path = Path(self.folder.name, "pool.jsonl")
        self.pools[-1].save(path)
        loaded = self.with_clock(HostPool.load(path, host_class=(HostState, RackedHost)))
        self.kept = [[made[0], made[-1]] for made in self.kept]
        self.pools = [self.pools[0], loaded]

    @rule(spec=SPECS, uuids=st.lists(UUIDS, min_size=1, max_size=2, unique=True), seed=st.integers(0, 9))
    def place(self, spec: RequestSpec, uuids: list[str], seed: int) -> None:
        self.each(lambda pool, _: SCHEDULER.place(spec, pool, uuids, seed=seed))

    @rule(spec=SPECS, uuids=st.lists(UUIDS, min_size=1, max_size=2, unique=True), seed=st.integers(0, 9))
    def decide(self, spec: RequestSpec, uuids: list[str], seed: int) -> None:
        made = self.each(lambda pool, _: SCHEDULER.select_destinations(spec, pool, uuids, seed=seed))
        if isinstance(made[0], list):
            self.kept.append(made)

    @rule(number=st.integers(0, 20), strictly=st.booleans())
    def commit(self, number: int, strictly: bool) -> None:
        if self.kept:
            made = self.kept.pop(number % len(self.kept))
            if strictly:
                self.each(lambda pool, place: pool.commit(made[place]))
            else:
                self.each(lambda pool, place: SCHEDULER.commit(made[place], pool))

    @rule(uuid=UUIDS)
    def release(self, uuid: str) -> None:
        self.each(lambda pool, _: pool.release(uuid))

    @rule(uuid=UUIDS, spec=SPECS, seed=st.integers(0, 9))
    def move(self, uuid: str, spec: RequestSpec, seed: int) -> None:
        self.each(lambda pool, _: SCHEDULER.place(spec, pool, [uuid], seed=seed, move=True))

    @rule(reports=st.lists(REPORTS, min_size=1, max_size=3))
    def report(self, reports: list[tuple[str, int, dict[str, Any]]]) -> None:
        for name, ago_s, report in reports:
            observed_at = self.now - timedelta(seconds=ago_s)
            self.each(lambda pool, _: pool.report(name, observed_at=observed_at, **report))  # noqa: B023 - called at once

    @rule(name=NAMES)
    def add(self, name: str) -> None:
        self.each(lambda pool, _: pool.add(new_host(name)))

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.each(lambda pool, _: state_of(pool.remove(name)))

    @rule(name=NAMES, uuid=UUIDS)
    def adopt(self, name: str, uuid: str) -> None:
        self.each(lambda pool, _: pool.adopt(name, [Instance(uuid, groups=["web"])]))

    @rule(uuid=UUIDS)
    def build(self, uuid: str) -> None:
        self.each(lambda pool, _: pool.built(uuid))

    @rule(name=REPORTING, failed_builds=st.integers(0, 2))
    def change(self, name: str, failed_builds: int) -> None:
        self.each(lambda pool, _: pool.update(name, failed_builds=failed_builds))

    @invariant()
    def they_are_the_same(self) -> None:
        first, last = self.pools[0], self.pools[-1]
        assert (last.uuid, last.generation) == (first.uuid, first.generation)
        assert list(map(state_of, last)) == list(map(state_of, first))
        for made in self.kept:
            assert last.stale(made[-1]) == [made[-1][made[0].index(one)] for one in first.stale(made[0])]


def state_of(host: HostState) -> dict[str, Any]:
    """All that a host is. An attribute that it was given by default is the same as one that it was not given."""
    return {"generation": host._generation, **{name: getattr(host, name) for name in host.attributes}}


def comparable(result: Any) -> Any:
    """Selections without what can't be compared."""
    if not isinstance(result, list):
        return result
    return [
        (one.host, one.instance_uuid, one.weight, one.generation, one.pool_generation, state_of(one.host_state))
        for one in result
    ]


INSTANCES = st.builds(
    Instance,
    st.text(max_size=3) | st.sampled_from(["", "\ud800", "\0", "\n"]),
    project_id=st.none() | st.text(max_size=3),
    instance_type_id=st.none() | st.integers() | st.text(max_size=2),
    image_properties=MAPPINGS,
    flavor=st.none() | FLAVORS,
    groups=st.lists(st.text(max_size=2), max_size=2),
    consumed=MAPPINGS,
    created_at=st.none() | TIMES,
)


@given(FULL_HOSTS, st.lists(INSTANCES, max_size=3), st.lists(st.text(max_size=2), max_size=2))
def test_any_host_comes_back_with_its_instances_and_reports(tmp_path_factory, host, instances, listed):
    pool = HostPool([host])
    pool.update("cmp1", instances=instances)
    pool.report("cmp1", instances=[*instances, *listed])
    path = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    pool.save(path)
    loaded = HostPool.load(path)
    assert state_of(loaded["cmp1"]) == state_of(pool["cmp1"])
    assert loaded.report("cmp1", instances=[]) == pool.report("cmp1", instances=[])


TestPoolBesideItsRestart = PoolBesideItsRestart.TestCase
TestPoolBesideItsRestart.settings = settings(
    max_examples=70, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
