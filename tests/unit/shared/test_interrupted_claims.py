"""Exceptions from outside, anywhere in a claim: it is whole or absent, and the replica is what the database is."""

import os

import pytest

from filtersched import FilterScheduler, Flavor, HostState, InstanceGroup, RequestSpec
from filtersched.shared import SharedPool
from filtersched.shared.engines import Timeouts
from tests.unit.interruption import strike_everywhere

scheduler = FilterScheduler(filters=["ServerGroupAntiAffinityFilter"], weighers=["RAMWeigher"])
LIMITS = Timeouts(lock_s=0.02)


def make_spec(**fields):
    return RequestSpec(flavor=Flavor(memory_mb=512, vcpus=1), **fields)


def contents(pool):
    hosts = [({"instances": {}, **host.to_dict()}, host._generation) for host in pool]
    return hosts, dict(pool._versions), set(pool._expiring)


def place(pool, _other):
    scheduler.place(make_spec(instance_uuid="new", instance_group=InstanceGroup("anti-affinity", uuid="g1")), pool)


def place_for_a_while(pool, _other):
    scheduler.place(make_spec(instance_uuid="new"), pool, confirm=False)


def release(pool, _other):
    pool.release("old")


def change_several(pool, _other):
    def act():
        pool.update("cmp1", free_ram_mb=100)
        pool.release("old")

    pool.transaction(act)


def come_and_go(pool, _other):
    pool.add(HostState("cmp3", free_ram_mb=9))
    pool.remove("cmp2")


def catch_up(pool, other):
    if other is not None:
        scheduler.place(make_spec(instance_uuid="new"), other)
        other.release("old")
        other.update("cmp2", free_ram_mb=9)
        other.add(HostState("cmp3", free_ram_mb=9))
    len(pool)


ACTIONS = {
    place: 1201,
    place_for_a_while: 1201,
    release: 601,
    change_several: 801,
    come_and_go: 401,
    catch_up: 1501,
}
# Who asks for so many stories has the time for more.
LONG = bool(os.environ.get("FILTERSCHED_ENGINE_STORIES"))


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 900)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.parametrize("act", ACTIONS)
def test_claim_that_is_interrupted_anywhere_is_whole_or_absent_in_the_replica_too(act, tmp_path):
    url = f"sqlite:///{tmp_path / 'pool.db'}"
    hosts = [HostState(name, total_usable_ram_mb=4096, free_ram_mb=4096) for name in ("cmp1", "cmp2")]
    with SharedPool.create(url, hosts, timeouts=LIMITS) as pool, SharedPool(url) as other:
        place_old = make_spec(instance_uuid="old", instance_group=InstanceGroup("anti-affinity", uuid="g1"))
        scheduler.place(place_old, pool)
        contents(other)
        parent = os.getpid()

        def run():
            act(pool, other if os.getpid() == parent else None)

        def check():
            with SharedPool(url) as fresh:
                assert contents(pool) == contents(fresh)

        strikes = strike_everywhere(run, check, step=max(1, ACTIONS[act] // (20 if LONG else 1)))
        assert strikes > 3
