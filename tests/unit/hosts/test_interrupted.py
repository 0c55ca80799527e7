"""Exceptions from outside: a change of a pool happened or it did not, and what comes next is right."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from tests.unit.interruption import Struck, strike_everywhere

NOW = datetime(2026, 1, 31, 12)
CONF = {
    "enabled_filters": [
        "RamFilter",
        "ComputeCapabilitiesFilter",
        "AggregateInstanceExtraSpecsFilter",
        "DifferentHostFilter",
        "NumInstancesFilter",
        "ServerGroupAntiAffinityFilter",
    ],
    "max_instances_per_host": 4,
}
FAST, PLAIN = (FilterScheduler(make_conf(**CONF), use_engine=use_engine) for use_engine in (True, False))

SPECS: list[dict[str, Any]] = [
    {},
    {"num_instances": 3},
    {"flavor": Flavor(memory_mb=64, extra_specs={"capabilities:capabilities:gpus": ">= 1"})},
    {"flavor": Flavor(memory_mb=64, extra_specs={"aggregate_instance_extra_specs:ssd": "yes"})},
    {"scheduler_hints": {"different_host": ["i1", "i2"]}},
    {"scheduler_hints": {"different_host": ["new-1", "new-2"]}},
    {"num_instances": 2, "instance_group": InstanceGroup("anti-affinity", members={"i1", "new-1"})},
]


def spec(**attributes: Any) -> RequestSpec:
    return RequestSpec(**{"flavor": Flavor(memory_mb=64, vcpus=1), "now": NOW, **attributes})


def host(number: int) -> HostState:
    return HostState(
        f"h{number}",
        total_usable_ram_mb=1000,
        free_ram_mb=700 - 10 * number,
        vcpus_total=8,
        num_instances=number % 3,
        capabilities={"gpus": number % 2},
        aggregates=[Aggregate("fast", {"ssd": "yes" if number < 3 else "no"})],
        instances={f"i{number}": {}},
    )


class World:
    """A pool that has been decided on, so that there are caches, and has changed since."""

    def __init__(self) -> None:
        self.pool = HostPool(host(number) for number in range(5))
        self.pool.clock = lambda: datetime(2026, 1, 2)
        self.answers()
        self.committed = FAST.select_destinations(spec(num_instances=2), self.pool, ["old-1", "old-2"])
        self.pool.commit(self.committed)
        self.pool["h3"].free_ram_mb -= 5
        self.decided = FAST.select_destinations(spec(num_instances=3), self.pool, ["new-1", "new-2", "new-3"])

    def answers(self) -> list[Any]:
        return [answer(FAST, self.pool, one) for one in SPECS]

    def state(self) -> list[Any]:
        return [(one.to_dict(), one.__dict__.get("rack")) for one in self.pool]

    def place(self) -> None:
        FAST.place(spec(num_instances=3), self.pool, ["new-1", "new-2", "new-3"])

    def change_much(self) -> None:
        self.pool.transaction(self.pool.commit, self.decided)
        self.pool.update("h2", free_ram_mb=1, capabilities={"gpus": 7})
        self.pool["h2"].rack = 7

    def change_and_fail(self) -> None:
        self.change_much()
        raise InvalidRequest("no more")


def answer(scheduler: FilterScheduler, hosts: Any, attributes: dict[str, Any]) -> Any:
    wanted = spec(**attributes)
    uuids = [f"uuid-{n}" for n in range(wanted.num_instances)]
    try:
        return [(one.host, one.weight) for one in scheduler.select_destinations(wanted, hosts, uuids)]
    except NoValidHost as refusal:
        return refusal.index, dict(refusal.explanation.refused)


def is_free(lock: Any) -> bool:
    """Whether another thread can have the lock."""
    got: list[bool] = []

    def take() -> None:
        got.append(lock.acquire(timeout=5))
        if got[0]:
            lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return got[0]


def expected(state: World) -> tuple[Any, Any]:
    """What the plain handlers answer, before and after one more change."""
    before = [answer(PLAIN, list(state.pool), one) for one in SPECS]
    change(state.pool)
    return before, [answer(PLAIN, list(state.pool), one) for one in SPECS]


def change(pool: HostPool) -> None:
    pool["h4"].num_io_ops = 2
    pool.update("h0", free_ram_mb=900)


def failed_transaction(world: World) -> None:
    with contextlib.suppress(InvalidRequest):
        world.pool.transaction(world.change_and_fail)


ACTIONS: dict[str, Callable[[World], object]] = {
    "place": World.place,
    "commit": lambda world: world.pool.commit(world.decided),
    "release": lambda world: world.pool.release(world.committed),
    "update": lambda world: world.pool.update("h2", free_ram_mb=1, capabilities={"gpus": 7}),
    "assign": lambda world: setattr(world.pool["h2"], "capabilities", {"gpus": 7}),
    "assign anew": lambda world: setattr(world.pool["h2"], "rack", 7),
    "add": lambda world: world.pool.add(EXTRA.copy()),
    "remove": lambda world: world.pool.remove("h1"),
    "transaction": lambda world: world.pool.transaction(world.change_much),
    "failed transaction": failed_transaction,
    "select": lambda world: FAST.select_destinations(spec(num_instances=3), world.pool),
    "contains": lambda world: "h9" in world.pool,
}
EXTRA = host(7)
# Long actions have tens of thousands of opcodes; these steps leave no part of them out.
STEPS = {
    **{"place": 499, "select": 997, "commit": 97, "release": 97, "assign": 11, "assign anew": 11, "update": 11},
    **{"add": 97, "remove": 97, "contains": 2, "transaction": 397, "failed transaction": 397},
}
# Who asks for so many stories has the time for every opcode.
LONG = bool(os.environ.get("FILTERSCHED_ENGINE_STORIES"))


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 900)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.parametrize("exception", [Struck, TimeoutError])
@pytest.mark.parametrize("name", ACTIONS)
def test_step_that_is_interrupted_anywhere_happened_or_did_not(name, exception):
    step = 1 if LONG else STEPS.get(name, 1)
    assert strikes(name, step=step, exception=exception) > 20


def strikes(name: str, **how: Any) -> int:
    """How often the action was struck; after each strike it is one that happened or did not."""
    act = ACTIONS[name]
    world, before, done = World(), World(), World()
    act(done)
    states = [before.state(), done.state()]
    answers = [expected(before), expected(done)]

    def check() -> None:
        assert is_free(world.pool.lock)
        state = world.state()
        assert state in states
        first, second = answers[states.index(state)]
        assert world.answers() == first
        change(world.pool)
        assert world.answers() == second

    return strike_everywhere(lambda: act(world), check, **how)


def test_release_that_is_interrupted_behind_the_index_is_made_again_whole():
    world = World()
    assert world.pool.host_of("old-1").host == world.committed[0].host
    rows = world.pool.rows
    mark = rows.mark_instances

    def strike(*what: Any) -> None:
        rows.mark_instances = mark  # type: ignore[method-assign]
        mark(*what)
        raise Struck

    rows.mark_instances = strike  # type: ignore[method-assign]
    with pytest.raises(Struck):
        world.pool.release("old-1")
    assert world.pool["h3"].free_ram_mb == 665
    with pytest.raises(KeyError):
        world.pool.host_of("old-1")
