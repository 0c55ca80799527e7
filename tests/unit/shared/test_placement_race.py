"""Several pools claim of the same nearly full providers at once."""

from __future__ import annotations

import threading
import uuid
from collections import Counter

import pytest

from filtersched import CommitConflict, Flavor, NoValidHost, RequestSpec
from filtersched.errors import InvalidRequest
from filtersched.schedulers.filter_scheduler import FilterScheduler
from filtersched.shared import PlacementPool
from tests.placement_server import session

HOSTS = {"cmp1": 2, "cmp2": 3}
THREADS = 4
REQUESTS = 4


@pytest.mark.slow
def test_pools_that_race_exceed_nothing_and_place_nothing_twice(placement):
    for name, vcpus in HOSTS.items():
        placement.add(name, {"VCPU": vcpus, "MEMORY_MB": 1024 * vcpus})
    # Each uuid is wanted by two threads: by one of them only is it placed.
    uuids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))) for number in range(THREADS * REQUESTS // 2)]
    placed: list[tuple[str, str]] = []
    refused: list[str] = []
    odd: list[BaseException] = []
    begin = threading.Barrier(THREADS)

    def race(number: int) -> None:
        try:
            pool = PlacementPool(session(), endpoint=placement.url, max_age_s=None)
            scheduler = FilterScheduler(filters=["RamFilter"])
            begin.wait(120)
            for key in uuids[number // 2 :: THREADS // 2]:
                spec = RequestSpec(Flavor(1024, 1), project_id="p", user_id="u", instance_uuid=key)
                try:
                    placed.append((key, scheduler.place(spec, pool)[0].host))
                except (NoValidHost, CommitConflict, InvalidRequest):
                    refused.append(key)
        except BaseException as problem:
            odd.append(problem)
            begin.abort()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert odd == []
    assert len(placed) + len(refused) == THREADS * REQUESTS
    assert max(Counter(key for key, _host in placed).values()) == 1
    used = {name: placement.usages(name) for name in HOSTS}
    # There are more requests than room: everything is full, and nothing is more than full.
    assert used == {name: {"VCPU": vcpus, "MEMORY_MB": 1024 * vcpus} for name, vcpus in HOSTS.items()}
    assert Counter(host for _key, host in placed) == HOSTS
    for key, host in placed:
        assert placement.allocations(key) == {placement.uuid(host): {"VCPU": 1, "MEMORY_MB": 1024}}
    for key in {*uuids} - {key for key, _host in placed}:
        assert placement.allocations(key) == {}
