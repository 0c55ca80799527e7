"""Two pools on one database, and a plain model: whatever happens, in any order, all three and the database agree.

A kill is a real one: a process of its own opens the pool, places, and is killed at a line of the code that talks to
the database. Its claim is there as a whole, or not at all.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")
pytest.importorskip("alembic", reason="the extra `shared` is not installed")

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostState,
    InstanceGroup,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Selection,
    make_conf,
)
from filtersched.shared import SharedPool
from filtersched.shared.engines import open_engine
from tests.shared_store import broken_rules, read_store

SCHEDULER = FilterScheduler(
    make_conf(
        enabled_filters=["RamFilter", "ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"],
        weight_classes=["RAMWeigher"],
        ram_allocation_ratio=1.0,
    )
)
NAMES = ("a", "b", "c")
RAM_MB = 4096
POLICIES = {"apart": "anti-affinity", "close": "affinity"}
POOLS = st.integers(0, 1)
SIZES = st.sampled_from([512, 1024, 2048])
GROUPS = st.sampled_from([None, None, "apart", "close"])
COUNTS = st.sampled_from([1, 1, 1, 2])
PLACES = st.integers(0, 99)


@dataclass
class Model:
    """What a pool is, in the plainest form.

    hosts : name to failed_builds, which stands for any figure.
    """

    hosts: dict[str, int] = field(default_factory=dict)
    on: dict[str, str] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)
    group: dict[str, str | None] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)

    def free(self, host: str) -> int:
        return RAM_MB - sum(self.size[uuid] for uuid, where in self.on.items() if where == host)

    def hosts_of(self, group: str) -> set[str]:
        return {where for uuid, where in self.on.items() if self.group[uuid] == group}

    def takes(self, host: str, size: int, group: str | None) -> bool:
        used = self.hosts_of(group) if group else set()
        fits = self.free(host) >= size
        return fits and not (group == "apart" and host in used) and not (group == "close" and used - {host})

    def put(self, uuid: str, host: str, size: int, group: str | None) -> None:
        assert self.takes(host, size, group), f"{host} takes no {size} MB of group {group}"
        self.on[uuid], self.size[uuid], self.group[uuid] = host, size, group

    def take(self, uuid: str) -> None:
        del self.on[uuid]
        self.unconfirmed.discard(uuid)


@dataclass
class Decided:
    selections: list[Selection]
    size: int
    group: str | None
    state: dict[str, Any]


def new_host(name: str) -> HostState:
    return HostState(name, total_usable_ram_mb=RAM_MB, free_ram_mb=RAM_MB, vcpus_total=99)


def spec_of(size: int, group: str | None, count: int = 1) -> RequestSpec:
    of = None if group is None else InstanceGroup(uuid=group, policy=POLICIES[group])
    return RequestSpec(Flavor(memory_mb=size, vcpus=1), instance_group=of, num_instances=count)


class TwoPools(RuleBasedStateMachine):
    """`new_url` gives the URL of a database with a pool of three hosts."""

    new_url: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.url: str = type(self).new_url()
        self.pools = [SharedPool(self.url), SharedPool(self.url)]
        self.engine = open_engine(self.url)
        self.model = Model(dict.fromkeys(NAMES, 0))
        self.kept: list[Decided] = []
        self.number = 0

    def teardown(self) -> None:
        for pool in self.pools:
            pool.close()
        self.engine.dispose()

    def uuids(self, count: int) -> list[str]:
        self.number += count
        return [f"i{self.number - one}" for one in range(count)]

    # -- what happens ------------------------------------------------------------------------

    @rule(which=POOLS, size=SIZES, group=GROUPS, count=COUNTS, confirm=st.booleans())
    def place(self, which: int, size: int, group: str | None, count: int, confirm: bool) -> None:
        uuids = self.uuids(count)
        try:
            placed = SCHEDULER.place(spec_of(size, group, count), self.pools[which], uuids, confirm=confirm)
        except NoValidHost:
            assert count > 1 or not any(self.model.takes(host, size, group) for host in self.model.hosts)
            return
        for one in placed:
            self.model.put(one.instance_uuid, one.host, size, group)
            if not confirm:
                self.model.unconfirmed.add(one.instance_uuid)

    @rule(which=POOLS, size=SIZES, group=GROUPS)
    def decide(self, which: int, size: int, group: str | None) -> None:
        try:
            selections = SCHEDULER.select_destinations(spec_of(size, group), self.pools[which], self.uuids(1))
        except NoValidHost:
            return
        self.kept.append(Decided(selections, size, group, self.state_of(selections[0].host, group)))

    @precondition(lambda self: self.kept)
    @rule(which=POOLS, place=PLACES)
    def claim(self, which: int, place: int) -> None:
        """A decision holds exactly if its host and its group are as they were, in whichever pool it is claimed."""
        decided = self.kept.pop(place % len(self.kept))
        (selection,) = decided.selections
        is_same = self.state_of(selection.host, decided.group) == decided.state
        if not is_same:
            with pytest.raises(CommitConflict):
                self.pools[which].commit(selection)
            return
        self.pools[which].commit(selection)
        self.model.put(selection.instance_uuid, selection.host, decided.size, decided.group)

    def state_of(self, host: str, group: str | None) -> dict[str, Any]:
        """Numbers of the database that are others after any change of the host or of the group."""
        from sqlalchemy import text

        with self.engine.connect() as connection:
            return {
                "host": connection.execute(
                    text("SELECT id, generation FROM hosts WHERE host = :host"), {"host": host}
                ).one_or_none(),
                "group": connection.execute(
                    text("SELECT version FROM versions WHERE kind = 'group' AND key = :key"), {"key": group or ""}
                ).one_or_none(),
            }

    @precondition(lambda self: self.model.unconfirmed)
    @rule(which=POOLS, place=PLACES)
    def confirm(self, which: int, place: int) -> None:
        uuid = sorted(self.model.unconfirmed)[place % len(self.model.unconfirmed)]
        self.pools[which].confirm(uuid)
        self.model.unconfirmed.discard(uuid)

    @rule(size=SIZES, group=GROUPS)
    def expire(self, size: int, group: str | None) -> None:
        """A claim whose time is over at once is given back by the others."""
        uuids = self.uuids(1)
        with SharedPool(self.url, claim_ttl=0.001) as hasty:
            try:
                (placed,) = SCHEDULER.place(spec_of(size, group), hasty, uuids, confirm=False)
            except NoValidHost:
                return
            assert self.model.takes(placed.host, size, group)
        while uuids[0] in read_store(self.engine).places:
            for pool in self.pools:
                pool.run(lambda: None)

    @precondition(lambda self: self.model.on)
    @rule(which=POOLS, place=PLACES)
    def release(self, which: int, place: int) -> None:
        uuid = sorted(self.model.on)[place % len(self.model.on)]
        self.pools[which].release(uuid)
        self.model.take(uuid)

    @rule(which=POOLS)
    def release_what_is_not_there(self, which: int) -> None:
        with pytest.raises(InvalidRequest):
            self.pools[which].release("nobody")

    @precondition(lambda self: self.model.on)
    @rule(which=POOLS, place=PLACES)
    def place_what_is_there(self, which: int, place: int) -> None:
        uuid = sorted(self.model.on)[place % len(self.model.on)]
        with pytest.raises((InvalidRequest, NoValidHost)):
            SCHEDULER.place(spec_of(512, None), self.pools[which], [uuid])

    @precondition(lambda self: self.model.hosts)
    @rule(which=POOLS, place=PLACES, failed=st.integers(0, 5))
    def update(self, which: int, place: int, failed: int) -> None:
        host = sorted(self.model.hosts)[place % len(self.model.hosts)]
        self.pools[which].update(host, failed_builds=failed)
        self.model.hosts[host] = failed

    @precondition(lambda self: len(self.model.hosts) > 1)
    @rule(which=POOLS, place=PLACES)
    def remove(self, which: int, place: int) -> None:
        host = sorted(self.model.hosts)[place % len(self.model.hosts)]
        self.pools[which].remove(host)
        del self.model.hosts[host]
        for uuid in [uuid for uuid, where in self.model.on.items() if where == host]:
            self.model.take(uuid)

    @precondition(lambda self: len(self.model.hosts) < len(NAMES))
    @rule(which=POOLS, place=PLACES)
    def add(self, which: int, place: int) -> None:
        missing = sorted({*NAMES} - {*self.model.hosts})
        host = missing[place % len(missing)]
        self.pools[which].add(new_host(host))
        self.model.hosts[host] = 0

    @rule(which=POOLS)
    def reopen(self, which: int) -> None:
        self.pools[which].close()
        self.pools[which] = SharedPool(self.url)

    @rule(size=SIZES, group=GROUPS, line=st.integers(1, 400))
    def kill(self, size: int, group: str | None, line: int) -> None:
        """A process places two instances, and is killed somewhere on the way."""
        uuids = self.uuids(2)
        place_and_be_killed(self.url, spec_of(size, group, 2), uuids, line)
        places = read_store(self.engine).places
        there = [uuid for uuid in uuids if uuid in places]
        assert there in ([], uuids)
        for uuid in there:
            self.model.put(uuid, places[uuid][0], size, group)

    # -- what holds --------------------------------------------------------------------------

    @invariant()
    def the_database_is_the_model(self) -> None:
        store = read_store(self.engine)
        assert broken_rules(store, POLICIES) == []
        assert {uuid: host for uuid, (host, _node) in store.places.items()} == self.model.on
        assert {host: data.get("failed_builds", 0) for (host, _), data in store.hosts.items()} == self.model.hosts
        assert store.unconfirmed == self.model.unconfirmed

    @invariant()
    def both_pools_are_the_model(self) -> None:
        for pool in self.pools:
            pool.run(lambda: None)
            assert {uuid: host.host for host in pool for uuid in host.instances} == self.model.on
            assert {host.host: host.failed_builds for host in pool} == self.model.hosts
            assert {host.host: host.free_ram_mb for host in pool} == {
                host: self.model.free(host) for host in self.model.hosts
            }
            for group in POLICIES:
                of_group = {uuid: host.host for uuid, host in pool.members(group).items()}
                assert of_group == {uuid: on for uuid, on in self.model.on.items() if self.model.group[uuid] == group}


def place_and_be_killed(url: str, spec: RequestSpec, uuids: list[str], line: int) -> None:
    """In a process of its own, place; at that line of the code of shared pools the process is killed."""
    with warnings.catch_warnings():
        # The process has threads of pytest, which the child does not need.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    left = line

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        nonlocal left
        if "/filtersched/shared/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        pool = SharedPool(url)
        sys.settrace(trace)
        SCHEDULER.place(spec, pool, uuids)
    finally:
        os._exit(0)


@contextmanager
def sqlite_urls() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        SharedPool.create(f"sqlite:///{folder}/first.db", map(new_host, NAMES)).close()
        made = []

        def new_url() -> str:
            made.append(Path(folder) / f"{len(made)}.db")
            shutil.copy(Path(folder) / "first.db", made[-1])
            return f"sqlite:///{made[-1]}"

        yield new_url


@contextmanager
def postgresql_urls(server: Any) -> Iterator[Any]:
    first = server.new_database()
    SharedPool.create(first, map(new_host, NAMES)).close()
    yield lambda: server.new_database(like=first)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_store_replicas_and_a_plain_model_agree_whatever_happens(database, request):
    urls = sqlite_urls() if database == "sqlite" else postgresql_urls(request.getfixturevalue("postgresql"))
    with urls as new_url:
        machine = type("TwoPoolsOnOneDatabase", (TwoPools,), {"new_url": staticmethod(new_url)})
        examples = int(os.environ.get("FILTERSCHED_SHARED_STORIES", "10"))
        run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=25))
