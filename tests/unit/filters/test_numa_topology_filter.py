import time

import pytest

from filtersched import Flavor, HostState, Image, RequestSpec, Shortage
from filtersched.filters.numa_topology_filter import NUMATopologyFilter
from filtersched.testing import check_filter, make_spec, sample_hosts, sample_specs


def cell(number, **facts):
    first = 8 * number
    return {"id": number, "cpuset": range(first, first + 4), "memory": 2048, **facts}


def pinned_cell(number, threads=1, **facts):
    cpus = list(range(8 * number, 8 * number + 4))
    cores = [cpus[at : at + threads] for at in range(0, 4, threads)]
    return {"id": number, "pcpuset": cpus, "memory": 2048, "siblings": cores, **facts}


def a_host(*cells, **facts):
    known = {"cpu_allocation_ratio": 2.0, "ram_allocation_ratio": 1.5}
    given = [{**one, "cpuset": list(one.get("cpuset", ()))} for one in cells]
    return HostState("a", numa_topology={"cells": given} if cells else None, **{**known, **facts})


def asks(*, vcpus=2, memory_mb=1024, **specs):
    named = {f"hw:{name}": str(value) for name, value in specs.items()}
    return RequestSpec(Flavor(memory_mb, vcpus, extra_specs=named))


def verdict(host, spec):
    rule = NUMATopologyFilter()
    return rule.host_passes(host, spec), rule.rejection_reason(host, spec)


def test_request_without_a_wish_passes_any_host():
    assert verdict(a_host(), asks()) == (True, None)
    assert verdict(a_host(cell(0)), asks()) == (True, None)
    assert NUMATopologyFilter().host_reads(asks()) == ()


def test_host_without_cells_is_refused():
    assert verdict(a_host(), asks(numa_nodes=1)) == (False, "has no NUMA cells")


def test_each_cell_of_the_request_needs_a_cell_of_its_own():
    assert verdict(a_host(cell(0), cell(1)), asks(numa_nodes=2)) == (True, None)
    assert verdict(a_host(cell(0)), asks(numa_nodes=2)) == (False, Shortage("NUMA cells", need=2, have=1))


@pytest.mark.parametrize(
    ("used", "asked", "passes"),
    [(0, 4, True), (4, 4, True), (5, 4, False), (0, 5, False)],
    ids=["all of them", "twice", "more than twice", "against itself"],
)
def test_shared_cpus_are_given_out_by_the_ratio_and_not_to_one_instance(used, asked, passes):
    host = a_host(cell(0, cpu_usage=used))
    assert verdict(host, asks(vcpus=asked, numa_nodes=1))[0] is passes


@pytest.mark.parametrize(
    ("used", "asked", "passes"), [(0, 2048, True), (1024, 2048, True), (1025, 2048, False), (0, 2049, False)]
)
def test_memory_is_given_out_by_the_ratio_and_not_to_one_instance(used, asked, passes):
    host = a_host(cell(0, memory_usage=used))
    assert verdict(host, asks(memory_mb=asked, numa_nodes=1))[0] is passes


def test_pinned_cpus_are_given_out_once_and_the_nearest_cell_is_named():
    host = a_host(pinned_cell(0, pinned_cpus=[0, 1, 2]), pinned_cell(1, pinned_cpus=[8]))
    assert verdict(host, asks(vcpus=3, cpu_policy="dedicated")) == (True, None)
    short = Shortage("pinned CPUs in cell 1", need=4, have=3)
    assert verdict(host, asks(vcpus=4, cpu_policy="dedicated")) == (False, short)
    assert str(short) == "lacks 1 pinned CPUs in cell 1 (free 3, asked 4)"


def test_memory_of_a_pinned_instance_is_given_out_once():
    host = a_host(pinned_cell(0, memory_usage=1025))
    short = Shortage("memory in cell 0", need=1024, have=1023, unit="MB")
    assert verdict(host, asks(cpu_policy="dedicated")) == (False, short)


@pytest.mark.parametrize(
    ("policy", "threads", "pinned", "asked", "passes"),
    [
        ("require", 2, [], 4, True),
        ("require", 2, [0, 2], 2, False),
        ("require", 2, [0, 1], 2, True),
        ("require", 1, [], 2, False),
        ("prefer", 2, [0, 2], 2, True),
        ("prefer", 1, [], 4, True),
        ("isolate", 1, [], 4, True),
        ("isolate", 2, [], 2, False),
    ],
)
def test_thread_policies_say_which_cores_are_good(policy, threads, pinned, asked, passes):
    host = a_host(pinned_cell(0, threads, pinned_cpus=pinned))
    found, reason = verdict(host, asks(vcpus=asked, cpu_policy="dedicated", cpu_thread_policy=policy))
    assert found is passes
    assert (reason is None) is passes


def test_isolated_instance_has_cores_of_its_own_on_a_host_of_an_old_configuration():
    legacy = {**pinned_cell(0, 2), "cpuset": range(4)}
    host = a_host(legacy)
    spec = asks(vcpus=1, memory_mb=512, cpu_policy="dedicated", cpu_thread_policy="isolate")
    taken = host.consume_from_request(spec)
    assert taken["numa_topology"][0]["pinned_cpus"] == (0, 1)
    assert verdict(host, spec)[0]
    host.consume_from_request(spec)
    assert verdict(host, spec) == (False, Shortage("pinned CPUs in cell 0", need=1, have=0))


def test_emulator_threads_take_one_more_cpu_on_the_first_cell():
    spec = asks(vcpus=4, cpu_policy="dedicated", emulator_threads_policy="isolate")
    assert verdict(a_host(pinned_cell(0)), spec)[1] == Shortage("pinned CPUs in cell 0", need=5, have=4)


def test_threads_that_flavor_and_image_require_are_looked_for_on_hosts_with_cells():
    spec = RequestSpec(
        Flavor(extra_specs={"hw:cpu_policy": "dedicated"}),
        image=Image(properties={"hw_cpu_thread_policy": "require"}),
        numa_topology={"cells": [{"id": 0}]},
    )
    said = "has no thread siblings, which the thread policy 'require' needs"
    assert verdict(a_host(pinned_cell(0)), spec) == (False, said)
    assert verdict(a_host(pinned_cell(0, 2)), spec)[0]


PAGES = [{"size_kb": 4, "total": 131072, "used": 131072}, {"size_kb": 2048, "total": 768, "reserved": 1}]


@pytest.mark.parametrize(
    ("size", "memory_mb", "said"),
    [
        ("large", 1534, None),
        ("large", 1536, "lacks 1 2 MiB pages in cell 0 (free 767, asked 768)"),
        ("large", 1533, "cell 0: memory of 1533 MB is no whole number of 2 MiB pages"),
        ("any", 1024, None),
        ("small", 4, "lacks 1024 4 KiB pages in cell 0 (free 0, asked 1024)"),
        ("1GB", 1024, "cell 0 has no 1 GiB pages"),
        ("2MB", 1024, None),
    ],
)
def test_memory_pages_are_given_out_once(size, memory_mb, said):
    reason = verdict(a_host(cell(0, mempages=PAGES)), asks(memory_mb=memory_mb, mem_page_size=size))[1]
    assert (None if reason is None else str(reason)) == said


def test_request_without_a_page_size_gives_out_small_pages_by_the_ratio():
    assert verdict(a_host(cell(0, mempages=PAGES)), asks(memory_mb=512, numa_nodes=1))[0]
    assert not verdict(a_host(cell(0, mempages=PAGES)), asks(memory_mb=513, numa_nodes=1))[0]


def test_mixed_instance_needs_both_kinds_of_cpus():
    host = a_host({**pinned_cell(0), "cpuset": [4]})
    spec = asks(vcpus=3, cpu_policy="mixed", cpu_dedicated_mask="^0")
    assert verdict(host, spec)[0]
    spec = asks(vcpus=3, cpu_policy="mixed", cpu_dedicated_mask="2")
    assert verdict(host, spec)[1] == Shortage("CPUs in cell 0", need=2, have=1)


def test_networks_must_be_close_if_any_cell_is_close_to_them():
    near = cell(1, network_metadata={"physnets": ["net1"], "tunneled": True}, cpu_usage=8)
    host = a_host(cell(0), near)
    for networks, passes in (
        ({"physnets": ["net2"]}, True),
        ({"physnets": ["net1"]}, False),
        ({"tunneled": True}, False),
    ):
        spec = asks(numa_nodes=1)
        spec.network_metadata = networks
        assert verdict(host, spec)[0] is passes, networks


def test_devices_must_be_close_to_the_cells():
    device = {"vendor_id": "8086", "product_id": "1", "numa_node": 1, "count": 1}
    host = a_host(cell(0), cell(1, cpu_usage=8), pci_stats=[device])
    spec = asks(numa_nodes=1)
    for policy, passes in (("required", False), ("legacy", False), ("socket", False), ("preferred", True)):
        spec.pci_requests = [{"count": 1, "spec": [{"vendor_id": "8086"}], "numa_policy": policy}]
        assert verdict(host, spec)[0] is passes, policy
    spec.pci_requests = [{"count": 1, "spec": [{"vendor_id": "8086"}]}]
    assert "PCI devices" in verdict(host, spec)[1]


def test_limits_are_the_ratios_for_requests_with_cells():
    rule = NUMATopologyFilter()
    ratios = {"cpu_allocation_ratio": 2.0, "ram_allocation_ratio": 1.5}
    assert rule.limits(a_host(cell(0)), asks(numa_nodes=1)) == {"numa_topology": ratios}
    assert rule.limits(a_host(cell(0)), asks()) == {}
    assert rule.limits(a_host(), asks(numa_nodes=1)) == {}


def test_host_that_tells_no_thread_siblings_has_a_core_for_each_cpu():
    assert verdict(a_host(pinned_cell(0, siblings=[])), asks(cpu_policy="dedicated")) == (True, None)


def test_search_over_cells_does_not_grow_with_their_permutations():
    full = [pinned_cell(number, pinned_cpus=range(8 * number, 8 * number + 4)) for number in range(9)]
    host = a_host(*[{**one, "pinned_cpus": list(one["pinned_cpus"])} for one in full], *map(pinned_cell, range(9, 16)))
    spec = asks(vcpus=16, memory_mb=8192, numa_nodes=8, cpu_policy="dedicated")
    began = time.process_time()
    assert not verdict(host, spec)[0]
    # Eight cells of sixteen have 518,918,400 permutations.
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("wanted", "networks"),
    [
        ([{"count": 9, "spec": [{}], "numa_policy": "required"}], None),
        ([{"count": nr, "spec": [{}], "numa_policy": "required"} for nr in (4, 5)], None),
        ([{"count": 17, "spec": [{}], "numa_policy": "socket"}], None),
        (None, {"physnets": [f"net{number}" for number in range(9)]}),
    ],
)
def test_nor_does_it_grow_where_devices_or_networks_are_the_reason(wanted, networks):
    cells = [pinned_cell(nr, socket=nr // 8, network_metadata={"physnets": [f"net{nr}"]}) for nr in range(16)]
    pools = [{"vendor_id": "8086", "product_id": "1", "numa_node": nr, "count": 1} for nr in range(16)]
    host = a_host(*cells, pci_stats=[{**pool, "tags": {"nr": str(nr)}} for nr, pool in enumerate(pools)])
    spec = asks(vcpus=16, memory_mb=8192, numa_nodes=8, cpu_policy="dedicated")
    spec.pci_requests, spec.network_metadata = wanted, networks
    began = time.process_time()
    assert not verdict(host, spec)[0]
    # Eight cells of sixteen have 12,870 sets, each of which Nova would ask about.
    assert time.process_time() - began < 0.5


def test_remembered_answers_are_about_the_very_host_and_request():
    rule = NUMATopologyFilter()
    free, full = a_host(pinned_cell(0)), a_host(pinned_cell(0, pinned_cpus=[0, 1, 2]))
    for _ in range(2):
        for asked, passes in ((1, (True, True)), (2, (True, False)), (5, (False, False))):
            spec = asks(vcpus=asked, cpu_policy="dedicated")
            assert (rule.host_passes(free, spec), rule.host_passes(full, spec)) == passes
            reasons = [rule.rejection_reason(host, spec) for host in (free, full)]
            assert [reason is None for reason in reasons] == list(passes)
    free.cpu_allocation_ratio = 1.0
    assert rule.limits(free, spec)["numa_topology"]["cpu_allocation_ratio"] == 1.0


def test_it_keeps_what_it_declares():
    specs = [
        make_spec(extra_specs={"hw:numa_nodes": "1"}),
        make_spec(extra_specs={"hw:cpu_policy": "dedicated"}),
        *sample_specs(10),
    ]
    check_filter(NUMATopologyFilter, hosts=sample_hosts(20), specs=specs)
