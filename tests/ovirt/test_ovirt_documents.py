"""The engine's documents, of both REST versions, as entities and as scheduler objects."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from filtersched.ovirt.documents import Known, host_elements, host_state, parse, request_spec, vm_element
from filtersched.ovirt.entities import Entity, Hosts
from filtersched.ovirt.entities import entity as entity_of
from filtersched.ovirt.errors import WireError

DOCUMENTS = Path(__file__).with_name("documents")
OLD, NEW = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-1111-4111-8111-111111111111"
CLUSTER = "99999999-1111-4111-8111-111111111111"


def text(name: str) -> str:
    return (DOCUMENTS / f"{name}.xml").read_text()


@pytest.fixture(params=["in the daemon", "in a worker"])
def entity(request):
    """Makes the entity of a document as the daemon (lxml) or a worker (standard library) has it."""
    read = parse if request.param == "in the daemon" else ET.fromstring

    def make(name: str) -> Entity:
        element = read(text(name))
        return entity_of(element.get("id"), lambda: element)

    return make


def test_facts_of_a_host_of_version_3(entity):
    host = entity("host_3")
    assert host == OLD
    assert host.id == OLD
    assert host.name == "rack1 & 123"
    assert host.memory == 67549265920
    assert host.max_scheduling_memory == 33285996544
    assert (host.summary.active, host.summary.migrating, host.summary.total) == (3, 1, 5)
    assert host.status.state == "up"
    assert host.status == "up"
    topology = host.cpu.topology
    assert (topology.sockets, topology.cores, topology.threads) == (2, 8, 2)
    assert host.cpu.speed == 1995.0
    assert host.cluster.id == CLUSTER
    assert host.version.major == 4
    assert host.version.full_version == "vdsm-4.14.11-5.el6"
    assert host.os.type == "RHEL"
    assert host.os.version.full_version == "6Server - 6.5"
    assert host.ksm.enabled is False
    assert host.storage_manager == "true"
    assert host.storage_manager.priority == 5
    assert host.port == 54321
    assert host.comment == "true"
    assert [link.rel for link in host.link] == ["nics", "statistics"]


def test_the_same_names_hold_for_a_host_of_version_4(entity):
    host = entity("host_4")
    assert host.name == "rack2"
    assert host.memory == 8589934592
    assert host.max_scheduling_memory == -1048576
    assert host.summary.active == 0
    assert host.status.state == "maintenance"
    assert host.status == "maintenance"
    topology = host.cpu.topology
    assert (topology.sockets, topology.cores, topology.threads) == (1, 4, 2)
    assert host.version.major == 4
    assert host.version.full_version == "vdsm-4.50.5"
    assert host.os.type == "RHEL"
    assert host.os.version.full_version == "9.4"
    assert host.numa_supported is True
    assert host.spm.priority == 5
    assert host.comment == ""


def test_facts_of_vms_of_both_versions(entity):
    old, new = entity("vm_3"), entity("vm_4")
    assert (old.memory, new.memory) == (1073741824, 3221225472)
    assert (old.memory_policy.guaranteed, new.memory_policy.max) == (536870912, 12884901888)
    assert (old.status.state, new.status.state) == ("down", "up")
    assert (old.high_availability.enabled, new.high_availability.enabled) == (True, False)
    assert (old.placement_policy.affinity, new.placement_policy.affinity) == ("pinned", "migratable")
    assert old.placement_policy.host.id == OLD
    assert [host.id for host in new.placement_policy.hosts.host] == [OLD]
    assert old.custom_properties.custom_property[0].name == "hugepages"
    assert new.host.id == NEW
    assert (old.os.type, new.os.type) == ("rhel_6x64", "rhel_9x64")
    assert (old.stateless, new.stateless) == (False, True)


def test_what_a_document_does_not_say_is_none(entity):
    assert entity("host_4").iscsi is None


def test_an_id_of_which_nothing_is_known_says_so():
    with pytest.raises(AttributeError, match="nothing is known of 'x' but its id, so it has no 'memory'"):
        _ = Entity("x").memory


def test_hosts_are_a_list_and_have_the_list_of_old():
    hosts = Hosts([Entity("a"), Entity("b")])
    assert hosts == ["a", "b"]
    assert hosts.host is hosts
    assert repr(hosts) == "['a', 'b']"


def test_a_host_of_version_3_as_host_state():
    state = host_state(OLD, parse(text("host_3")))
    assert (state.host, state.nodename) == (OLD, "rack1 & 123")
    assert (state.total_usable_ram_mb, state.free_ram_mb) == (64420, 31744)
    assert (state.vcpus_total, state.num_instances) == (32, 3)
    assert state.service["disabled"] is False
    assert [aggregate.name for aggregate in state.aggregates] == [CLUSTER]
    assert state.host_ip == "192.0.2.7"


def test_a_host_of_version_4_as_host_state():
    state = host_state(NEW, parse(text("host_4")))
    assert (state.total_usable_ram_mb, state.free_ram_mb) == (8192, -1)
    assert (state.vcpus_total, state.num_instances) == (8, 0)
    assert state.service["disabled"] is True
    assert state.service["availability_zone"] == CLUSTER


def test_a_bare_host_has_its_memory_free_and_one_cpu():
    state = host_state("h", parse("<host id='h'><memory>2097152</memory></host>"))
    assert (state.total_usable_ram_mb, state.free_ram_mb, state.vcpus_total, state.nodename) == (2, 2, 1, "h")
    assert state.service["disabled"] is True


@pytest.mark.parametrize("memory", ["", "lots", "9" * 400, "9" * 9999, "-5", "1e9"])
def test_memory_that_cannot_be_is_no_error(memory):
    state = host_state("h", parse(f"<host id='h'><memory>{memory}</memory></host>"))
    assert 0 <= state.total_usable_ram_mb <= 2**42


@pytest.mark.parametrize("digits", [19, 25, 320, 5000])
def test_memory_is_bounded_however_many_digits_it_has(digits):
    memory = "9" * digits
    state = host_state("a", parse(f"<host id='a'><memory>{memory}</memory></host>"))
    assert (state.total_usable_ram_mb, state.free_ram_mb) == (2**42, 2**42)
    assert host_state("a", parse(f"<host id='a'><memory>-{memory}</memory></host>")).free_ram_mb == -(2**42)
    assert request_spec("v", parse(f"<vm id='v'><memory>{memory}</memory></vm>")).memory_mb == 2**42


@pytest.mark.parametrize("text", ["9" * 5000, "1e400", "nan"], ids=len)
def test_fact_that_is_no_finite_number_stays_text(text):
    element = parse(f"<host id='a'><memory>{text}</memory></host>")
    assert entity_of("a", lambda: element).memory == text


def test_running_vms_tell_used_cpus_and_instances():
    state = host_state(NEW, parse(text("host_4")), {NEW: [parse(text("vm_4"))]})
    assert state.vcpus_used == 6
    assert list(state.instances) == ["44444444-3333-4333-8333-333333333333"]


@pytest.mark.parametrize(("name", "memory_mb", "vcpus"), [("vm_3", 1024, 2), ("vm_4", 3072, 6)])
def test_a_vm_as_a_request(name, memory_mb, vcpus):
    id, element = vm_element(text(name))
    spec = request_spec(id, element)
    assert (spec.memory_mb, spec.vcpus, spec.instance_uuid) == (memory_mb, vcpus, id)


def test_a_vm_known_by_its_id_asks_for_nothing():
    assert vm_element("33") == ("33", None)
    spec = request_spec("33", None)
    assert (spec.memory_mb, spec.vcpus, spec.instance_uuid) == (0, 0, "33")


def test_hosts_come_from_one_text_or_many():
    both = [host.partition("?>")[2] or host for host in (text("host_3"), text("host_4"))]
    together = f"<?xml version='1.0'?><hosts>{both[0]}{both[1]}</hosts>"
    assert list(host_elements([together])) == [OLD, NEW]
    assert list(host_elements([text("host_3"), text("host_4")])) == [OLD, NEW]
    assert list(host_elements(["<hosts/>"])) == []


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE a><host id='x'/>",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><host id="x"><name>&x;</name></host>',
        "<host id='x'>&unknown;</host>",
        "<host id='x'>",
        "<host id='x'>\x01</host>",
        "<host/>",
        "<vm id='x'/>",
        "<hosts><host/></hosts>",
        "<host id='x'>" + "<a>" * 300 + "</a>" * 300 + "</host>",
        "<",
    ],
)
def test_documents_that_are_no_hosts_are_refused(document):
    with pytest.raises(WireError):
        host_elements([document])


def test_references_that_java_writes_and_xml_forbids_are_read():
    (element,) = host_elements(["<host id='x'><name>&#55357;&#56832;&#1;</name></host>"]).values()
    assert element.findtext("name") == "\U0001f600\ufffd"


def test_hosts_known_by_id_only_have_no_state():
    assert Known(["h"]).host_states() == []
