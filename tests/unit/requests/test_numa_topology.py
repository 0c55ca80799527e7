"""The NUMA cells and the PCI devices of a request, in every form that they are given in."""

import json
import pickle
from types import SimpleNamespace

import pytest

from filtersched import (
    InstanceNUMACell,
    InstanceNUMATopology,
    InstancePCIRequest,
    InvalidRequest,
    NetworkMetadata,
    RequestSpec,
)
from filtersched.requests.cpu_sets import as_ranges, cpu_set

CELL = {"id": 0, "cpuset": [0, 1], "pcpuset": [2], "memory": 512, "cpu_policy": "mixed", "pagesize": -2}
NOVAS = {
    "nova_object.name": "InstanceNUMATopology",
    "nova_object.namespace": "nova",
    "nova_object.version": "1.3",
    "nova_object.data": {
        "cells": [
            {
                "nova_object.name": "InstanceNUMACell",
                "nova_object.data": {**CELL, "cpu_thread_policy": None, "cpu_topology": None, "cpu_pinning_raw": {}},
            }
        ],
        "emulator_threads_policy": "isolate",
    },
    "nova_object.changes": ["cells"],
}


class NovaObject:
    """An object of Nova that is a collection besides."""

    fields = {"cells": None, "emulator_threads_policy": None, "instance_uuid": None}

    def __init__(self, **known):
        self.known = known

    def obj_attr_is_set(self, name):
        return name in self.known

    def __getattr__(self, name):
        return self.known[name]

    def __len__(self):
        return len(self.known["cells"])

    def __iter__(self):
        return iter(self.known["cells"])

    def __contains__(self, name):
        return name in self.known


@pytest.mark.parametrize(
    "given",
    [
        InstanceNUMATopology([InstanceNUMACell(**CELL)], "isolate"),
        {"cells": [CELL], "emulator_threads_policy": "isolate"},
        {"cells": [{**CELL, "cpuset": "0-1"}], "emulator_threads_policy": "isolate"},
        NOVAS,
        json.dumps(NOVAS),
        SimpleNamespace(cells=[SimpleNamespace(**CELL)], emulator_threads_policy="isolate", id=1),
        NovaObject(cells=[SimpleNamespace(**CELL)], emulator_threads_policy="isolate"),
    ],
    ids=["record", "mapping", "ranges", "Nova's", "Nova's text", "object", "Nova's object"],
)
def test_cells_are_the_same_in_every_form(given):
    topology = RequestSpec(numa_topology=given).numa_topology
    assert topology.emulator_threads_isolated
    (cell,) = topology.cells
    assert (cell.cpuset, cell.pcpuset, cell.memory, cell.pagesize, cell.cpu_policy) == ({0, 1}, {2}, 512, -2, "mixed")


def test_cells_survive_files_and_pickles():
    spec = RequestSpec(numa_topology={"cells": [CELL]}, network_metadata={"physnets": ["net1"], "tunneled": True})
    again = RequestSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.numa_topology == spec.numa_topology == pickle.loads(pickle.dumps(spec)).numa_topology
    assert again.network_metadata == NetworkMetadata({"net1"}, True)


def test_pinned_cpus_of_an_old_object_of_nova_are_moved():
    cell = {"nova_object.name": "InstanceNUMACell", "nova_object.data": {**CELL, "cpu_policy": "dedicated"}}
    del cell["nova_object.data"]["pcpuset"]
    assert InstanceNUMACell.of(cell).pcpuset == {0, 1}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("nonsense", "numa_topology"),
        ([1], "numa_topology"),
        ({"cell": []}, "numa_topology.cell"),
        ({"cells": [{}]}, "numa_topology.cells[0].id"),
        ({"cells": [{"id": 0, "memory": -1}]}, "numa_topology.cells[0].memory"),
        ({"cells": [{"id": 0, "memory": 0.5}]}, "numa_topology.cells[0].memory"),
        ({"cells": [{"id": 0, "cpuset": [-1]}]}, "numa_topology.cells[0].cpuset"),
        ({"cells": [{"id": 0, "cpuset": "3-1"}]}, "numa_topology.cells[0].cpuset"),
        ({"cells": [{"id": 0, "cpuset": "0-99999999"}]}, "numa_topology.cells[0].cpuset"),
        ({"cells": [{"id": 0, "pagesize": -4}]}, "numa_topology.cells[0].pagesize"),
        ({"cells": [{"id": 0, "cpu_policy": "own"}]}, "numa_topology.cells[0].cpu_policy"),
        ({"cells": [{"id": 0, "cpuset": [1], "pcpuset": [1]}]}, "numa_topology.cells[0].pcpuset"),
        ({"cells": [{"id": 0, "cpuset": [1]}, {"id": 1, "cpuset": [1]}]}, "numa_topology.cells[1].cpuset"),
        ({"cells": [{"id": 0}, {"id": 0}]}, "numa_topology.cells[1].id"),
        ({"nova_object.name": "Instance", "nova_object.data": {}}, "numa_topology.nova_object.name"),
    ],
)
def test_wrong_cell_is_refused_with_the_path_to_the_field(given, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec(numa_topology=given)
    assert caught.value.field == field
    assert field in str(caught.value)


def test_record_that_is_wrong_names_its_own_field():
    with pytest.raises(InvalidRequest, match="memory must be zero or more, not -5") as caught:
        InstanceNUMACell(0, memory=-5)
    assert caught.value.field == "memory"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([{"count": 0, "spec": [{}]}], "pci_requests[0].count"),
        ([{"count": 1}], "pci_requests[0].spec"),
        ([{"count": 1, "spec": [{}], "numa_policy": "near"}], "pci_requests[0].numa_policy"),
        ([{"count": 1, "spec": [{}], "alias": "gpu"}], "pci_requests[0].alias"),
        (5, "pci_requests"),
    ],
)
def test_wrong_device_is_refused_with_the_path_to_the_field(given, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec(pci_requests=given)
    assert caught.value.field == field


def test_devices_read_back_as_plug_ins_of_nova_read_them():
    spec = RequestSpec(pci_requests=[{"count": 2, "spec": [{"vendor_id": "10de"}], "alias_name": "gpu"}])
    (request,) = spec.pci_requests.requests
    assert (request.count, request.spec[0]["vendor_id"], request.alias_name) == (2, "10de", "gpu")
    assert RequestSpec(pci_requests=spec.pci_requests.plain()).pci_requests == spec.pci_requests
    assert InstancePCIRequest(1, {"vendor_id": "10de"}).spec == ({"vendor_id": "10de"},)


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,^2", {0, 1, 3}), (" 5 , 7-8 ", {5, 7, 8}), ("", set()), ("0-7,^1-6", {0, 7})]
)
def test_sets_of_cpus_are_read_from_ranges(text, cpus):
    assert cpu_set(text) == cpus


def test_sets_of_cpus_are_written_as_ranges():
    assert as_ranges({0, 1, 2, 5, 8, 9}) == "0-2,5,8-9"
