"""What instances take of cells and devices, and give back."""

import json
import random
from datetime import timedelta

import pytest

from filtersched import (
    FilterScheduler,
    HostPool,
    HostState,
    Instance,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    Selection,
    make_conf,
)
from tests.differential import device_cases
from tests.differential.cases import Draw

PAGES = [{"size_kb": 4, "total": 524288}]
CELLS = [
    {"id": 0, "cpuset": [0, 1], "pcpuset": [2, 3], "memory": 2048, "siblings": [[2, 3]], "mempages": PAGES},
    {"id": 1, "cpuset": [4, 5], "pcpuset": [6, 7], "memory": 2048, "siblings": [[6, 7]], "mempages": PAGES},
]
POOLS = [{"vendor_id": "10de", "product_id": "1eb8", "numa_node": 0, "count": 3}]
PINNED = {"memory_mb": 1024, "vcpus": 2, "extra_specs": {"hw:cpu_policy": "dedicated"}}
DEVICES = [{"count": 2, "spec": [{"vendor_id": "10de"}]}]
FILTERS = ["NUMATopologyFilter", "PciPassthroughFilter"]


def a_host(name="a"):
    return HostState(name, total_usable_ram_mb=4096, free_ram_mb=4096, numa_topology={"cells": CELLS}, pci_stats=POOLS)


def devices_of(host):
    return host.numa_topology, host.pci_stats


@pytest.fixture
def scheduler():
    return FilterScheduler(make_conf(enabled_filters=FILTERS))


def test_giving_back_is_the_inverse_of_taking_on_any_host():
    draw = Draw(random.Random(7))
    taken_from = 0
    for _ in range(300):
        case = device_cases.make_case(draw)
        host, spec = device_cases.host_of(case), device_cases.spec_of(case)
        before = devices_of(host)
        consumed = host.consume_from_request(spec)
        taken_from += devices_of(host) != before
        host.release_instance(spec.as_instance(consumed=consumed or {}))
        assert devices_of(host) == before, case
    assert taken_from > 50


def test_committed_instance_remembers_what_it_took_and_gives_it_back_by_its_uuid(scheduler):
    pool = HostPool([a_host()])
    before = devices_of(pool["a"])
    spec = RequestSpec(PINNED, pci_requests=DEVICES, num_instances=1)
    (selection,) = scheduler.place(spec, pool)
    (instance,) = pool["a"].instances.values()
    assert instance.consumed == {
        "num_io_ops": 1,
        "numa_topology": ({"id": 0, "memory": 1024, "cpus": 0, "pinned_cpus": (2, 3), "page_kb": 4, "pages": 262144},),
        "pci_stats": (
            {"at": 0, "count": 2, "pool": {"vendor_id": "10de", "product_id": "1eb8", "numa_node": 0}},
        ),
    }
    assert pool["a"].pci_stats.free_devices == 1
    pool.release(selection.instance_uuid)
    assert devices_of(pool["a"]) == before


def test_pinned_instances_of_a_request_spread_over_hosts_and_cells(scheduler):
    pool = HostPool([a_host("a"), a_host("b")])
    selections = scheduler.place(RequestSpec(PINNED, num_instances=4), pool)
    assert sorted(one.host for one in selections) == ["a", "a", "b", "b"]
    for host in pool:
        assert [cell.avail_pcpus for cell in host.numa_topology.cells] == [0, 0]


def test_deciding_leaves_cells_and_devices_as_they_are(scheduler):
    host = a_host()
    before = devices_of(host)
    (selection,) = scheduler.select_destinations(RequestSpec(PINNED, pci_requests=DEVICES), [host])
    assert devices_of(host) == before
    assert selection.host_state.pci_stats.free_devices == 1


def test_forced_instance_that_does_not_fit_takes_no_cells_and_no_devices(scheduler):
    pool = HostPool([a_host()])
    before = devices_of(pool["a"])
    wanted = [{"count": 4, "spec": [{"vendor_id": "10de"}]}]
    spec = RequestSpec({**PINNED, "vcpus": 9}, pci_requests=wanted, force_hosts=["a"])
    scheduler.place(spec, pool)
    assert devices_of(pool["a"]) == before
    assert pool["a"].free_ram_mb == 3072


def test_move_weighs_the_old_host_without_what_the_instance_has_there(scheduler):
    pool = HostPool([HostState("a", numa_topology={"cells": CELLS[:1]})])
    (selection,) = scheduler.place(RequestSpec(PINNED), pool)
    spec = RequestSpec(PINNED, instance_uuid=selection.instance_uuid)
    assert scheduler.place(spec, pool, move=True)[0].host == "a"
    assert pool["a"].numa_topology.cells[0].pinned_cpus == {2, 3}


def test_report_that_lacks_an_instance_keeps_its_cells_and_devices_counted(scheduler):
    pool = HostPool([a_host()])
    scheduler.place(RequestSpec(PINNED, pci_requests=DEVICES), pool)
    measured = a_host()
    earlier = pool.clock() - timedelta(seconds=30)
    pool.report("a", numa_topology=measured.numa_topology, pci_stats=measured.pci_stats, observed_at=earlier)
    assert pool["a"].numa_topology.cells[0].pinned_cpus == {2, 3}
    assert pool["a"].pci_stats.free_devices == 1


def test_pool_of_devices_that_a_report_left_out_is_there_again_after_a_release(scheduler):
    pool = HostPool([a_host()])
    (selection,) = scheduler.place(RequestSpec(pci_requests=[{"count": 3, "spec": [{}]}]), pool)
    pool["a"].pci_stats = []
    pool.release(selection)
    assert pool["a"].pci_stats.pools == tuple({**one} for one in POOLS)


def test_record_of_what_was_taken_that_is_none_is_refused_by_name():
    host = a_host()
    instance = Instance("i", consumed={"numa_topology": [{"id": 0, "memory": "much", "cpus": 0}]})
    with pytest.raises(InvalidHost, match=r"consumed\.numa_topology") as caught:
        host.release_instance(instance)
    assert caught.value.host == "a"


def test_cells_are_packed_if_the_configuration_says_so():
    conf = make_conf(enabled_filters=FILTERS, compute_packing_host_numa_cells_allocation_strategy=True)
    used = {**CELLS[0], "pinned_cpus": [3]}
    spec = RequestSpec({**PINNED, "vcpus": 1})
    for settings, cell in ((conf, 0), (make_conf(enabled_filters=FILTERS), 1)):
        host = HostState("a", numa_topology={"cells": [used, CELLS[1]]})
        (selection,) = FilterScheduler(settings).select_destinations(spec, [host])
        taken = selection.host_state.numa_topology.cells[cell]
        assert taken.avail_pcpus == (0 if cell == 0 else 1)


def pinned_host(siblings, *, pinned=(), shared=(), mempages=()):
    cpus = sorted(cpu for core in siblings for cpu in core)
    cell = {"id": 0, "cpuset": shared or [], "pcpuset": cpus, "memory": 4096, "siblings": siblings}
    return HostState("a", numa_topology={"cells": [{**cell, "pinned_cpus": pinned, "mempages": mempages}]})


def pins(vcpus, **specs):
    named = {f"hw:{name}": value for name, value in specs.items()}
    return RequestSpec({"memory_mb": 1024, "vcpus": vcpus, "extra_specs": {"hw:cpu_policy": "dedicated", **named}})


def test_host_without_page_sizes_gives_out_memory_all_the_same():
    host = pinned_host([[0, 1]])
    host.consume_from_request(pins(1))
    (cell,) = host.numa_topology.cells
    assert (cell.memory_usage, cell.pinned_cpus) == (1024, {0})


def test_emulator_threads_take_what_is_free_of_a_core():
    siblings = [[0, 1], [2, 3]]
    host = pinned_host(siblings, pinned=[3], shared=[0, 1, 2, 3])
    taken = host.consume_from_request(pins(1, cpu_thread_policy="isolate", emulator_threads_policy="isolate"))
    assert taken["numa_topology"][0]["pinned_cpus"] == (0, 1, 2)


def test_threads_of_a_core_are_taken_by_number():
    host = pinned_host([[24, 9], [25, 10]])
    host.consume_from_request(pins(1))
    host.consume_from_request(pins(1))
    assert host.numa_topology.cells[0].pinned_cpus == {9, 10}


def test_devices_of_a_host_without_cells_are_close_to_none():
    pools = [{**POOLS[0], "count": 4, "tags": {"dev_type": "type-PF"}}, {**POOLS[0], "numa_node": None, "count": 1}]
    host = HostState("a", pci_stats=pools)
    wanted = [{"count": 1, "spec": [{}], "numa_policy": "preferred"}]
    host.consume_from_request(RequestSpec(numa_topology={"cells": [{"id": 0}]}, pci_requests=wanted))
    assert host.pci_stats.free_devices == 4


def test_selection_that_was_written_down_takes_the_cells_that_it_was_decided_for():
    packs = make_conf(enabled_filters=FILTERS, compute_packing_host_numa_cells_allocation_strategy=True)
    used = [{**CELLS[0], "pinned_cpus": []}, {**CELLS[1], "memory_usage": 512}]
    hosts = [HostState("a", total_usable_ram_mb=4096, free_ram_mb=4096, numa_topology={"cells": used})]
    (selection,) = FilterScheduler(packs).select_destinations(RequestSpec(PINNED), HostPool(hosts))
    read = Selection.from_dict(json.loads(json.dumps(selection.to_dict())))
    assert read.spec.numa_limits == selection.spec.numa_limits
    assert read.spec.numa_limits.pack is True


@pytest.mark.parametrize(
    "limits",
    [5, {"pack": True}, {"is_limited": 1, "cpu_ratio": 1, "ram_ratio": 1, "pack": False}],
    ids=["no mapping", "too few", "no truth value"],
)
def test_limits_of_a_written_request_that_are_none_are_refused_by_name(limits):
    with pytest.raises(InvalidRequest, match="numa_limits must be a mapping"):
        RequestSpec.from_dict({**RequestSpec(PINNED).to_dict(), "numa_limits": limits})
