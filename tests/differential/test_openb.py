"""A real cluster's arrivals and departures, decided by the library as by the restatement of the rules.

Read from `openb-vm` beside the checkout; skipped where that is not there.
"""

import functools
import heapq
import json
from pathlib import Path

import pytest

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from tests.differential import cases, oracle

DATA = Path(__file__).parents[3] / "shared" / "data" / "openb-vm"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")

FILTERS = ["AvailabilityZoneFilter", "RamFilter", "CoreFilter", "DiskFilter"]
UNSAID = {
    "cell_uuid": None,
    "num_instances": 0,
    "num_io_ops": 0,
    "failed_builds": 0,
    "hypervisor_version": None,
    "instances": [],
    "service": {},
}
NOBODY_SAID = {
    "hints": {},
    "group": None,
    "ignore_hosts": [],
    "force_hosts": [],
    "force_nodes": [],
    "destination": None,
}


def read(name):
    with open(DATA / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def conf(multiplier):
    return {
        "filters": FILTERS,
        "weighers": ["CPUWeigher", "DiskWeigher", "RAMWeigher"],
        "ram_allocation_ratio": 1.5,
        "cpu_allocation_ratio": 16.0,
        "disk_allocation_ratio": 1.0,
        "ram_weight_multiplier": multiplier,
        "cpu_weight_multiplier": multiplier,
        "disk_weight_multiplier": 0.0,
        "host_subset_size": 1,
        "shuffle": False,
        "max_attempts": 1,
        "alternates": False,
    }


@functools.cache
def expected(multiplier):
    """For each request in order of arrival: the hosts of its instances and what they weigh, or None."""
    return list(by_the_rules(conf(multiplier)))


def by_the_rules(settings):
    hosts = [{**UNSAID, **host} for host in read("hosts.jsonl")]
    leaving = []
    for nr, line in enumerate(read("requests.jsonl")):
        while leaving and leaving[0][0] <= line["arrives_at"]:
            _time, _nr, request, chosen, uuids = heapq.heappop(leaving)
            hosts = oracle.released(hosts, request, chosen, uuids)
        uuids = [f"{nr}-{at}" for at in range(line["num_instances"])]
        request = {**NOBODY_SAID, "availability_zone": None, "now": cases.NOW, **line, "uuids": uuids}
        decision = oracle.decide({"hosts": hosts, "request": request, "conf": settings, "seed": 0})
        if "failed" in decision:
            yield None
            continue
        chosen = decision["chosen"]
        hosts = oracle.committed(hosts, request, chosen, uuids)
        heapq.heappush(leaving, (line["departs_at"], nr, request, chosen, uuids))
        yield [(one["host"], one["weight"]) for one in chosen]


def by_the_library(scheduler):
    """What `expected` tells, by a pool that is kept."""
    pool = HostPool(HostState(**host) for host in read("hosts.jsonl"))
    leaving = []
    for nr, line in enumerate(read("requests.jsonl")):
        while leaving and leaving[0][0] <= line["arrives_at"]:
            pool.release(heapq.heappop(leaving)[2])
        uuids = [f"{nr}-{at}" for at in range(line["num_instances"])]
        try:
            selections = scheduler.place(RequestSpec(**line), pool, uuids, seed=0)
        except NoValidHost:
            yield None
            continue
        heapq.heappush(leaving, (line["departs_at"], nr, selections))
        yield [(one.host, one.weight) for one in selections]


@pytest.mark.parametrize("use_engine", [False, True], ids=["handlers", "engine"])
@pytest.mark.parametrize("multiplier", [1.0, -1.0], ids=["spreading", "packing"])
def test_every_request_of_the_cluster_is_placed_by_the_rules(multiplier, use_engine):
    placed = list(by_the_library(cases.scheduler_of(conf(multiplier), use_engine)))
    pairs = zip(placed, expected(multiplier), strict=True)
    assert [nr for nr, (here, there) in enumerate(pairs) if here != there] == []


@pytest.mark.parametrize("multiplier", [1.0, -1.0], ids=["spreading", "packing"])
def test_the_data_has_requests_of_both_kinds(multiplier):
    refused = expected(multiplier).count(None)
    assert len(expected(multiplier)) == 8152
    assert 1000 < refused < 7000
