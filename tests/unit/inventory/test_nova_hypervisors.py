"""Hosts from Nova's GET /os-hypervisors/detail."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from filtersched import FilterScheduler, InventoryError, NoValidHost, RequestSpec, make_conf
from filtersched.inventory import read_hosts

HYPERVISOR = {
    "id": "b1e43b5f-eec1-44e0-9f10-7b4945c0226d",
    "hypervisor_hostname": "node1.example",
    "state": "up",
    "status": "enabled",
    "vcpus": 8,
    "vcpus_used": 3,
    "memory_mb": 8192,
    "memory_mb_used": 1024,
    "free_ram_mb": 7168,
    "local_gb": 100,
    "local_gb_used": 20,
    "free_disk_gb": 80,
    "disk_available_least": 50,
    "running_vms": 2,
    "current_workload": 1,
    "hypervisor_type": "QEMU",
    "hypervisor_version": 4002001,
    "host_ip": "192.0.2.7",
    "cpu_info": {"arch": "x86_64", "topology": {"cores": 4}},
    "service": {"host": "cmp1", "id": 6, "disabled_reason": None},
    "servers": [{"name": "one", "uuid": "u1"}, {"name": "two", "uuid": "u2"}],
}


@pytest.fixture
def answer(tmp_path):
    def write(*hypervisors, **changes):
        path = tmp_path / "answer.json"
        listed = list(hypervisors) or [{**HYPERVISOR, **changes}]
        path.write_text(json.dumps({"hypervisors": listed, "hypervisors_links": []}))
        return path

    return write


def without(*names):
    return {name: value for name, value in HYPERVISOR.items() if name not in names}


def test_every_field_finds_its_attribute(answer):
    (host,) = read_hosts(answer(), reserved_ram_mb=512)
    assert (host.host, host.nodename, host.uuid) == ("cmp1", "node1.example", HYPERVISOR["id"])
    assert (host.vcpus_total, host.vcpus_used) == (8, 3)
    assert (host.total_usable_ram_mb, host.free_ram_mb) == (8192, 7168)
    assert (host.total_usable_disk_gb, host.disk_mb_used) == (100, 20 * 1024)
    assert (host.num_instances, host.num_io_ops) == (2, 1)
    assert (host.hypervisor_type, host.hypervisor_version, host.host_ip) == ("QEMU", 4002001, "192.0.2.7")
    assert host.cpu_info == {"arch": "x86_64", "topology": {"cores": 4}}
    assert host.service == {"host": "cmp1", "id": 6, "disabled": False, "state": "up"}
    assert list(host.instances) == ["u1", "u2"]


@pytest.mark.parametrize(
    ("least", "free", "expected"), [(50, 80, 50), (90, 80, 80), (None, 80, 80), (-3, 80, -3), (0, 80, 0)]
)
def test_free_disk_is_the_smaller_of_what_is_free_and_what_is_least_available(answer, least, free, expected):
    (host,) = read_hosts(answer(disk_available_least=least, free_disk_gb=free))
    assert host.free_disk_mb == expected * 1024


@pytest.mark.parametrize("record", [{**HYPERVISOR, "free_disk_gb": None}, without("free_disk_gb")])
def test_hypervisor_that_has_not_reported_is_a_host_without_anything(answer, record):
    (host,) = read_hosts(answer(record))
    assert (host.host, host.total_usable_ram_mb, host.free_ram_mb, host.vcpus_total) == ("cmp1", 0, 0, 0)


def test_hypervisor_without_a_service_is_left_out_with_a_warning(answer, caplog):
    with caplog.at_level(logging.WARNING):
        hosts = list(read_hosts(answer(without("service"), HYPERVISOR)))
    assert [host.host for host in hosts] == ["cmp1"]
    assert "without a service" in caplog.text


def test_hypervisors_that_all_lack_a_service_are_no_hosts(answer):
    with pytest.raises(InventoryError, match="holds no hosts"):
        list(read_hosts(answer(without("service"))))


@pytest.mark.parametrize(
    ("change", "word"),
    [({"status": "disabled"}, "disabled"), ({"state": "down"}, "cmp1: ComputeFilter: Nova reports its service down")],
)
def test_disabled_or_down_hypervisor_is_refused_by_the_compute_filter(answer, change, word):
    hosts = list(read_hosts(answer(**change)))
    scheduler = FilterScheduler(make_conf(scheduler_default_filters="ComputeFilter"))
    with pytest.raises(NoValidHost, match=word):
        scheduler.select_destinations(RequestSpec({"memory_mb": 1}), hosts)


def test_hypervisor_that_is_up_is_alive_at_any_time(answer):
    hosts = list(read_hosts(answer()))
    spec = RequestSpec({"memory_mb": 1}, now=datetime(2050, 1, 1))
    scheduler = FilterScheduler(make_conf(scheduler_default_filters="ComputeFilter"))
    assert [one.host for one in scheduler.select_destinations(spec, hosts)] == ["cmp1"]


def test_answer_without_capacities_says_which_microversion_to_ask_for(answer):
    record = without(
        *("vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb", "local_gb_used"),
        *("free_disk_gb", "disk_available_least", "running_vms", "current_workload", "cpu_info"),
    )
    with pytest.raises(InventoryError, match=r"2\.87") as caught:
        list(read_hosts(answer(record)))
    assert (caught.value.line, caught.value.field) == (1, "memory_mb")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"vcpus": "many"}, "vcpus"),
        ({"memory_mb": "lots"}, "memory_mb"),
        ({"local_gb_used": "much"}, "local_gb_used"),
        ({"service": "cmp1"}, "service"),
        ({"service": {"id": 1}}, "host"),
        ({"servers": [{"name": "one"}]}, "servers"),
        ({"servers": 5}, "servers"),
    ],
)
def test_nonsense_is_told_with_line_and_field(answer, change, field):
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(answer(**change)))
    assert (caught.value.line, caught.value.field) == (1, field)


def test_old_ids_that_are_numbers_are_no_uuids(answer):
    (host,) = read_hosts(answer(id=7))
    assert host.uuid is None


def test_key_that_nova_does_not_have_is_reported_once(answer, caplog):
    with caplog.at_level(logging.WARNING):
        first = {**HYPERVISOR, "vcpu_used": 5, "rack": "r1"}
        second = {**HYPERVISOR, "hypervisor_hostname": "n2", "rack": 2}
        list(read_hosts(answer(first, second)))
    (message,) = caplog.messages
    assert message.endswith("not read: 'rack', 'vcpu_used'")


def test_keys_of_every_answer_of_nova_are_not_reported(answer, caplog):
    with caplog.at_level(logging.WARNING):
        list(read_hosts(answer({**HYPERVISOR, "uptime": "93 days", "links": []})))
    assert caplog.messages == []


def test_all_mistakes_of_a_hypervisor_are_told_in_novas_words(answer, caplog):
    wrong = {"vcpus": "many", "memory_mb": -1, "local_gb_used": "much"}
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(answer({**HYPERVISOR, **wrong})))
    assert {one.field for one in (caught.value, *caught.value.further)} == set(wrong)
    assert "host 'cmp1': vcpus must be" in str(caught.value)


def test_service_that_is_none_is_told_and_not_left_out(answer, caplog):
    with pytest.raises(InventoryError, match="zone_name"):
        list(read_hosts(answer({**HYPERVISOR, "service": {"host": "cmp1", "zone_name": "x"}})))
    assert caplog.messages == []
