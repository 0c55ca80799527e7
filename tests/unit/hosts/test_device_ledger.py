"""A pool of hosts with cells and devices over many placements, moves, releases and saves."""

import random

from filtersched import FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, make_conf
from tests.differential import device_cases
from tests.differential.cases import Draw


def a_pool(draw):
    hosts = []
    for nr in range(4):
        kind = device_cases._kind(draw)
        hosts.append(HostState(f"h{nr}", total_usable_ram_mb=65536, free_ram_mb=65536, vcpus_total=64, **kind))
    return HostPool(hosts)


def requests(draw):
    for _ in range(25):
        yield RequestSpec(
            {"memory_mb": 256, "vcpus": 1},
            numa_topology=draw.one(None, device_cases.guest(draw, draw.one(1, 1, 2))),
            pci_requests=draw.one(None, None, device_cases.device_requests(draw)),
            num_instances=draw.one(1, 1, 2),
        )


def state_of(pool):
    return {host.host: (host.numa_topology, host.pci_stats) for host in pool}


def usage_of(pool):
    """What the records of instances say is taken, by host: pinned CPUs and devices."""
    found = {}
    for host in pool:
        taken = [one.consumed for one in host.instances.values()]
        pinned = [cpu for one in taken for cell in one.get("numa_topology", ()) for cpu in cell.get("pinned_cpus", ())]
        devices = sum(pool["count"] for one in taken for pool in one.get("pci_stats", ()))
        assert len(pinned) == len(set(pinned)), "a CPU is pinned twice"
        found[host.host] = set(pinned), devices
    return found


def test_what_is_in_use_is_what_instances_took_and_nothing_is_left_of_it_in_the_end(tmp_path):
    filters = ["NUMATopologyFilter", "PciPassthroughFilter"]
    placed = 0
    for seed in range(6):
        draw = Draw(random.Random(seed))
        pool = a_pool(draw)
        plain = HostPool(host.copy() for host in pool)
        before = state_of(pool)
        schedulers = [FilterScheduler(make_conf(enabled_filters=filters), use_engine=each) for each in (True, False)]
        uuids = []
        for nr, spec in enumerate(requests(draw)):
            names = [f"i{nr}-{at}" for at in range(spec.num_instances)]
            answers = []
            for scheduler, each in zip(schedulers, (pool, plain), strict=True):
                try:
                    answers.append([one.host for one in scheduler.place(spec, each, names)])
                except NoValidHost:
                    answers.append(None)
            assert answers[0] == answers[1]
            uuids += names if answers[0] else []
            if uuids and draw.rarely(3):
                gone = uuids.pop(draw.chance.randrange(len(uuids)))
                pool.release(gone)
                plain.release(gone)
            if uuids and draw.rarely(4):
                moved = RequestSpec(spec.flavor, instance_uuid=uuids[0])
                schedulers[0].place(moved, pool, move=True)
                schedulers[1].place(moved, plain, move=True)
            assert state_of(pool) == state_of(plain)
        placed += len(uuids)
        for host in pool:
            pinned, devices = usage_of(pool)[host.host]
            cells = host.numa_topology.cells if host.numa_topology else ()
            first = before[host.host]
            was = {cpu for cell in (first[0].cells if first[0] else ()) for cpu in cell.pinned_cpus}
            assert {cpu for cell in cells for cpu in cell.pinned_cpus} - was == pinned
            if host.pci_stats is not None:
                assert first[1].free_devices - host.pci_stats.free_devices == devices
        pool.save(tmp_path / "pool.jsonl")
        again = HostPool.load(tmp_path / "pool.jsonl")
        assert state_of(again) == state_of(pool)
        again.release(uuids)
        assert state_of(again) == before
    assert placed > 25
