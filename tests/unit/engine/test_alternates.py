"""Alternates are taken from the front of the ranking, and only the hosts that are looked at are made."""

import gc
import random

import numpy as np
import pytest

from filtersched import FilterScheduler, HostPool, HostState, RequestSpec, make_conf

ASKED = RequestSpec(flavor={"memory_mb": 64}, instance_uuid="i")


def pool_of_columns(count=500):
    chance = random.Random(7)
    free = np.array([chance.choice([1024, 2048, 2048, 4096]) for _ in range(count)])
    cells = [chance.choice(["c1", "c2"]) for _ in range(count)]
    names = [f"h{nr}" for nr in range(count)]
    return HostPool.from_columns(names, free_ram_mb=free, total_usable_ram_mb=free, cell_uuid=cells)


def decide(pool, count=1, *, use_engine=True, attempts=6):
    scheduler = FilterScheduler(make_conf(max_attempts=attempts, enabled_filters="RamFilter"), use_engine=use_engine)
    uuids = [f"i{nr}" for nr in range(count)]
    chosen = scheduler.select_destinations(ASKED, pool, uuids, return_alternates=True, seed=1)
    return [(one.host, [other.host for other in one.alternates]) for one in chosen]


@pytest.mark.parametrize("attempts", [1, 2, 6, 400])
@pytest.mark.parametrize("count", [1, 2, pytest.param(30, marks=pytest.mark.slow)])
def test_alternates_are_those_of_the_whole_ranking(count, attempts):
    plain, fast = pool_of_columns(), pool_of_columns()
    for _again in range(3):
        expected = decide(plain, count, use_engine=False, attempts=attempts)
        assert decide(fast, count, attempts=attempts) == expected
        for pool in (plain, fast):
            pool[expected[0][0]].free_ram_mb -= 1000


@pytest.mark.parametrize("count", [1, 3])
def test_hosts_that_nobody_looks_at_are_not_made_for_alternates(count):
    pool = pool_of_columns()
    decide(pool, count)
    made = sum(isinstance(thing, HostState) and thing._owner is pool for thing in gc.get_objects())
    assert made < 60
