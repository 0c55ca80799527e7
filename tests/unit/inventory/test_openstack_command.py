"""What the openstack command prints as JSON: read, or refused by name."""

from __future__ import annotations

import json

import pytest

from filtersched import InventoryError
from filtersched.inventory import read_hosts, read_requests

SHOWN = {
    "aggregates": ["ssd"],
    "cpu_info": {"arch": "x86_64"},
    "current_workload": 1,
    "disk_available_least": 40,
    "free_disk_gb": 80,
    "free_ram_mb": 7168,
    "host_ip": "192.0.2.7",
    "host_time": "17:37:14",
    "hypervisor_hostname": "node1.example",
    "hypervisor_type": "QEMU",
    "hypervisor_version": 4002001,
    "id": "b1e43b5f-eec1-44e0-9f10-7b4945c0226d",
    "load_average": "0.33, 0.36, 0.34",
    "local_gb": 100,
    "local_gb_used": 20,
    "memory_mb": 8192,
    "memory_mb_used": 1024,
    "running_vms": 2,
    "service_host": "cmp1",
    "service_id": 6,
    "state": "up",
    "status": "enabled",
    "uptime": "2:33",
    "users": "3",
    "vcpus": 8,
    "vcpus_used": 3,
}
FLAVOR = {
    "OS-FLV-DISABLED:disabled": False,
    "OS-FLV-EXT-DATA:ephemeral": 5,
    "access_project_ids": None,
    "description": None,
    "disk": 20,
    "id": "2",
    "name": "m1.small",
    "os-flavor-access:is_public": True,
    "properties": {"hw:cpu_policy": "dedicated"},
    "ram": 2048,
    "rxtx_factor": 1.0,
    "swap": 512,
    "vcpus": 1,
}


@pytest.fixture
def file(tmp_path):
    def write(text, name="input.json"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=2))
        return path

    return write


def refusal(read, path) -> str:
    with pytest.raises(InventoryError) as caught:
        list(read(path))
    return str(caught.value)


def test_shown_hypervisor_is_a_host(file, caplog):
    (host,) = read_hosts(file(SHOWN))
    assert (host.host, host.nodename, host.vcpus_total, host.total_usable_ram_mb) == ("cmp1", "node1.example", 8, 8192)
    assert host.free_disk_mb == 40 * 1024
    assert [one.name for one in host.aggregates] == ["ssd"]
    assert host.service == {"host": "cmp1", "id": 6, "disabled": False, "state": "up"}
    assert caplog.messages == []


def test_shown_hypervisors_one_after_another_are_hosts(file):
    others = [{**SHOWN, "service_host": f"cmp{nr}", "hypervisor_hostname": f"n{nr}"} for nr in range(3)]
    text = "\n".join(json.dumps(one, indent=2) for one in others)
    assert [host.host for host in read_hosts(file(text))] == ["cmp0", "cmp1", "cmp2"]


def test_shown_hypervisor_without_capacities_says_which_microversion_to_ask_for(file):
    kept = ("hypervisor_hostname", "hypervisor_type", "service_host", "service_id", "state", "status", "host_ip", "id")
    assert "2.87" in refusal(read_hosts, file({name: SHOWN[name] for name in kept}))


LISTED = {"ID": 1, "Hypervisor Hostname": "n1", "Hypervisor Type": "QEMU", "Host IP": "192.0.2.1", "State": "up"}


@pytest.mark.parametrize("more", [{}, {"vCPUs Used": 1, "vCPUs": 8, "Memory MB Used": 1, "Memory MB": 2}])
def test_listed_hypervisors_are_refused_once_with_what_to_ask_for(file, more):
    said = refusal(read_hosts, file([{**LISTED, **more}, {**LISTED, **more, "ID": 2}]))
    assert said.count("a list of the openstack command") == 1
    assert "/os-hypervisors/detail" in said


def test_listed_hypervisors_are_refused_as_csv_too(file):
    text = "ID,Hypervisor Hostname,Hypervisor Type,Host IP,State\n1,n,QEMU,192.0.2.1,up\n"
    said = refusal(read_hosts, file(text, "h.csv"))
    assert "a list of the openstack command" in said
    assert "\n" not in said


def test_shown_flavor_is_a_request_of_one_instance(file, caplog):
    (spec,) = read_requests(file(FLAVOR))
    flavor = spec.flavor
    assert (flavor.memory_mb, flavor.vcpus, flavor.root_gb, flavor.ephemeral_gb, flavor.swap) == (2048, 1, 20, 5, 512)
    assert (flavor.name, flavor.flavorid, flavor.extra_specs) == ("m1.small", "2", {"hw:cpu_policy": "dedicated"})
    assert caplog.messages == []


def test_flavor_of_the_api_may_be_a_requests_flavor(file):
    api = {"id": "2", "name": "m1", "ram": 64, "vcpus": 2, "disk": 1, "swap": "", "links": []}
    api["extra_specs"] = {"a": "b"}
    (spec,) = read_requests(file({"flavor": api, "num_instances": 2}))
    assert (spec.memory_mb, spec.vcpus, spec.root_gb, spec.swap, spec.extra_specs) == (64, 2, 1, 0, {"a": "b"})


def test_key_of_a_flavor_that_goes_nowhere_is_reported(file, caplog):
    list(read_requests(file({**FLAVOR, "colour": "red"})))
    (message,) = caplog.messages
    assert message.endswith("not read: 'colour'")


@pytest.mark.parametrize(
    ("read", "document", "what", "advice"),
    [
        (read_hosts, [{"id": "1", "hypervisor_hostname": "n", "state": "up", "status": "enabled"}], "brief", "/detail"),
        (read_hosts, {"hypervisors": [{"id": 1, "hypervisor_hostname": "n", "state": "up"}]}, "brief", "/detail"),
        (read_hosts, {"pools": [{"name": "p", "capabilities": {}}]}, "Cinder's list of pools", "'hosts'"),
        (read_hosts, [{"name": "p", "capabilities": {}}], "one of Cinder's pools", ""),
        (read_hosts, {"inventories": {"VCPU": {"total": 4}}}, "an inventory of Placement", "'hosts'"),
        (read_hosts, {"resource_providers": []}, "Placement's list of resource providers", "'hosts'"),
        (read_hosts, {"servers": []}, "Nova's list of servers", "'hosts' or 'hypervisors'"),
        (read_hosts, {"aggregates": []}, "Nova's list of aggregates", "--aggregates"),
        (read_hosts, {"requests": [{}]}, "a file of requests", "--requests"),
        (read_hosts, FLAVOR, "a flavor", "--requests"),
        (read_hosts, {"apiVersion": "v1", "kind": "NodeList", "items": []}, "an object of Kubernetes", "'hosts'"),
        (read_requests, {"hosts": [{"host": "a"}]}, "a file of hosts", "--inventory"),
        (read_requests, {"hypervisors": [{}]}, "Nova's list of hypervisors", "--inventory"),
        (read_requests, [{"host": "a", "vcpus_total": 1}], "a host", "--inventory"),
        (read_requests, [{"Name": "m1", "RAM": 1, "VCPUs": 1, "Disk": 1}], "flavor list prints", "flavor show NAME"),
        (read_requests, {"flavors": []}, "Nova's list of flavors", "flavor show NAME"),
    ],
)
def test_other_document_is_refused_by_name_with_what_to_do(file, read, document, what, advice):
    said = refusal(read, file(document))
    assert what in said
    assert advice in said
    assert "\n" not in said
