"""The NUMA cells and the PCI devices of a host, in every form that they are given in."""

import json
import pickle

import pytest

from filtersched import (
    FilterScheduler,
    HostPool,
    HostState,
    InvalidHost,
    NUMACell,
    NUMATopology,
    PciDevicePool,
    RequestSpec,
    make_conf,
)

CELL = {
    "id": 0,
    "cpuset": [0, 1],
    "pcpuset": [2, 3],
    "memory": 2048,
    "pinned_cpus": [2],
    "siblings": [[0, 1], [2, 3]],
    "mempages": [{"size_kb": 4, "total": 524288, "used": 1, "reserved": 2}],
    "socket": 1,
    "network_metadata": {"physnets": ["net1"], "tunneled": False},
}


def novas(name, **data):
    return {"nova_object.name": name, "nova_object.namespace": "nova", "nova_object.data": data}


NOVAS = novas(
    "NUMATopology",
    cells=[
        novas(
            "NUMACell",
            **{
                **CELL,
                "mempages": [novas("NUMAPagesTopology", **CELL["mempages"][0])],
                "network_metadata": novas("NetworkMetadata", **CELL["network_metadata"]),
            },
        )
    ],
)
POOLS = [
    {"vendor_id": "8086", "product_id": "154c", "numa_node": 1, "count": 2, "tags": {"dev_type": "type-VF", "x": "y"}},
    {"vendor_id": "10de", "product_id": "1eb8", "numa_node": None, "count": 1, "tags": {"dev_type": "type-PCI"}},
]


@pytest.mark.parametrize(
    "given",
    [NUMATopology([NUMACell(**CELL)]), {"cells": [CELL]}, NOVAS, json.dumps(NOVAS)],
    ids=["record", "mapping", "Nova's", "Nova's text"],
)
def test_cells_are_the_same_in_every_form(given):
    (cell,) = HostState("a", numa_topology=given).numa_topology.cells
    assert (cell.free_pcpus, cell.avail_memory, cell.mempages[0].free, cell.socket) == ({3}, 2048, 524285, 1)
    assert cell.has_threads
    assert cell.network_metadata.physnets == {"net1"}


def test_cells_survive_files_pickles_and_pools():
    host = HostState("a", numa_topology={"cells": [CELL]}, pci_stats=POOLS)
    again = HostState.from_dict(json.loads(json.dumps(host.to_dict())))
    for other in (again, pickle.loads(pickle.dumps(host)), host.copy(), HostPool([host])["a"]):
        assert (other.numa_topology, other.pci_stats) == (host.numa_topology, host.pci_stats)


def test_hosts_alike_share_one_topology():
    one, other = (HostState(name, numa_topology=json.dumps(NOVAS)) for name in "ab")
    assert one.numa_topology is other.numa_topology


def test_cells_alike_share_their_cpus_and_cores_however_much_of_them_is_in_use():
    one, other = (
        HostState("a", numa_topology={"cells": [{**CELL, "memory_usage": used}]}).numa_topology.cells[0]
        for used in (0, 512)
    )
    assert (one.memory_usage, other.memory_usage) == (0, 512)
    assert one.cpuset is other.cpuset
    assert one.pcpuset is other.pcpuset
    assert one.siblings is other.siblings


@pytest.mark.parametrize(
    "given",
    [
        POOLS,
        [PciDevicePool(**pool) for pool in POOLS],
        [{**{name: value for name, value in pool.items() if name != "tags"}, **pool["tags"]} for pool in POOLS],
        json.dumps(novas("PciDevicePoolList", objects=[novas("PciDevicePool", **pool) for pool in POOLS])),
    ],
    ids=["mappings", "records", "tags among the keys", "Nova's text"],
)
def test_devices_read_back_with_tags_among_their_keys_and_fewer_tags_first(given):
    pools = HostState("a", pci_stats=given).pci_stats.pools
    assert [dict(pool) for pool in pools] == [
        {"vendor_id": "10de", "product_id": "1eb8", "numa_node": None, "count": 1, "dev_type": "type-PCI"},
        {"vendor_id": "8086", "product_id": "154c", "numa_node": 1, "count": 2, "dev_type": "type-VF", "x": "y"},
    ]


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ("{", "numa_topology"),
        ({"cells": [{**CELL, "cpus": 1}]}, "numa_topology.cells[0].cpus"),
        ({"cells": [{**CELL, "memory": -1}]}, "numa_topology.cells[0].memory"),
        ({"cells": [{**CELL, "pinned_cpus": [2, 9]}]}, "numa_topology.cells[0].pinned_cpus"),
        ({"cells": [{**CELL, "cpuset": [True]}]}, "numa_topology.cells[0].cpuset"),
        ({"cells": [{**CELL, "pcpuset": [2, 3, -1]}]}, "numa_topology.cells[0].pcpuset"),
        ({"cells": [{**CELL, "siblings": [[0, 1], ["x"]]}]}, "numa_topology.cells[0].siblings[1]"),
        ({"cells": [{**CELL, "siblings": [[2, 3], [3]]}]}, "numa_topology.cells[0].siblings[1]"),
        ({"cells": [{**CELL, "mempages": [{"size_kb": 4, "total": -1}]}]}, "numa_topology.cells[0].mempages[0].total"),
        ({"cells": [{**CELL, "mempages": [{"size_kb": 4}] * 2}]}, "numa_topology.cells[0].mempages[1].size_kb"),
        ({"cells": [CELL, {**CELL, "id": 1}]}, "numa_topology.cells[1].cpuset"),
        ({"cells": [CELL, {"id": 0}]}, "numa_topology.cells[1].id"),
    ],
)
def test_wrong_cell_is_refused_with_the_path_to_the_field(given, attribute):
    with pytest.raises(InvalidHost) as caught:
        HostState("a", numa_topology=given)
    assert (caught.value.host, caught.value.attribute) == ("a", attribute)
    assert "host 'a'" in str(caught.value)
    assert attribute in str(caught.value)


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        (5, "pci_stats"),
        ([{"vendor_id": "8086"}], "pci_stats[0].product_id"),
        ([{"vendor_id": "8086", "product_id": "1", "count": -1}], "pci_stats[0].count"),
        ([{"vendor_id": "8086", "product_id": "1", "tags": {"count": "1"}}], "pci_stats[0].tags.count"),
    ],
)
def test_wrong_devices_are_refused_with_the_path_to_the_field(given, attribute):
    with pytest.raises(InvalidHost) as caught:
        HostState("a", pci_stats=given)
    assert caught.value.attribute == attribute


@pytest.mark.parametrize("given", ["{", {"cells": [CELL, CELL]}, novas("Flavor"), [CELL], 5])
def test_report_of_wrong_cells_leaves_every_host_as_it_was(given):
    pool = HostPool([HostState(name, numa_topology={"cells": [CELL]}) for name in "ab"])
    with pytest.raises(InvalidHost, match="host 'a': numa_topology"):
        pool.report("a", numa_topology=given)
    with pytest.raises(InvalidHost, match="host 'a': numa_topology"):
        pool["a"].numa_topology = given
    scheduler = FilterScheduler(make_conf(enabled_filters=["NUMATopologyFilter"]))
    asked = {"cells": [{"id": 0, "pcpuset": [0], "cpu_policy": "dedicated", "memory": 64}]}
    placed = scheduler.place(RequestSpec(numa_topology=asked, num_instances=2), pool)
    assert sorted(one.host for one in placed) == ["a", "b"]


def test_object_of_another_kind_is_refused_by_its_name():
    with pytest.raises(InvalidHost, match="must be NUMATopology, not 'Flavor'"):
        HostState("a", numa_topology=novas("Flavor"))


def test_record_that_is_wrong_names_its_own_field():
    with pytest.raises(InvalidHost) as caught:
        NUMACell(0, pcpuset={1}, pinned_cpus={2})
    assert caught.value.attribute == "pinned_cpus"
