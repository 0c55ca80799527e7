"""filtersched check-config: aliases without devices, and pinning without pinned CPUs; and inventories with both."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.test_check_config import check, filters, inventory

__all__ = ["check", "inventory"]

ALIAS = '{"name": "gpu", "vendor_id": "10de", "product_id": "1eb8"}'
GPU = {"vendor_id": "10de", "product_id": "1eb8", "count": 0}
DEVICES = filters("PciPassthroughFilter")
CELLS = filters("NUMATopologyFilter")


@pytest.fixture
def aliased(tmp_path):
    path = tmp_path / "filtersched.conf"
    path.write_text(f"[pci]\nalias = {ALIAS}\n")
    return ("--config-file", path)


def test_alias_that_no_filter_reads_is_told(check, aliased):
    (message,) = check(*aliased)["devices"]
    assert "PciPassthroughFilter is not enabled" in message
    assert check(*aliased, *DEVICES) == {}


def test_alias_that_finds_no_device_on_any_host_is_told(check, aliased, inventory):
    other = {**GPU, "product_id": "20b0"}
    (message,) = check(*aliased, *DEVICES, *inventory({}, {"pci_stats": [other]}))["devices"]
    assert "'gpu' finds no device" in message
    # All of them may be in use.
    assert "devices" not in check(*aliased, *DEVICES, *inventory({}, {"pci_stats": [GPU]}))


def test_filter_of_cells_without_cells_or_pinned_cpus_is_told(check, inventory):
    shared, pinned = ({"cells": [{"id": 0, name: [0]}]} for name in ("cpuset", "pcpuset"))
    assert "no host of this inventory has a numa_topology" in check(*CELLS, *inventory({}))["cells"][0]
    (message,) = check(*CELLS, *inventory({}, {"numa_topology": shared}))["pinned CPUs"]
    assert "hw:cpu_policy=dedicated" in message
    found = check(*CELLS, *inventory({"numa_topology": shared}, {"numa_topology": pinned}))
    assert not {"cells", "pinned CPUs"} & found.keys()


def test_cells_and_devices_of_a_csv_file_are_json(run, tmp_path, aliased):
    path = tmp_path / "hosts.csv"
    cells = json.dumps({"cells": [{"id": 0, "pcpuset": [0, 1], "memory": 1024}]}).replace('"', '""')
    pools = json.dumps([{**GPU, "count": 1}]).replace('"', '""')
    path.write_text(f'host,numa_topology,pci_stats\na,,\nb,"{cells}","{pools}"\n')
    asked = ("--flavor", "ram=512,vcpus=1", "--extra-spec", "hw:cpu_policy=dedicated")
    enabled = filters("NUMATopologyFilter", "PciPassthroughFilter")
    result = run("schedule", "--format", "json", "--inventory", path, *aliased, *enabled, *asked)
    assert result.status == 0
    assert [one["host"] for one in result.json["placements"][0]["selections"]] == ["b"]


def test_wrong_cell_of_an_inventory_is_told_with_its_line_and_its_path(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a"}\n{"host": "b", "numa_topology": {"cells": [{"id": 0, "memory": -1}]}}\n')
    result = run("schedule", "--inventory", path, "--flavor", "ram=1")
    assert result.status == 2
    assert "numa_topology.cells[0].memory must be zero or more, not -1" in result.err
    assert "2" in result.err
