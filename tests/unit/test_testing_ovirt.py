"""Ids with facts, for tests of oVirt's units."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from filtersched.ovirt.entities import entity
from filtersched.testing.ovirt import make_host, make_hosts, make_vm

DOCUMENT = """<host><name>h</name><memory>1024</memory><summary><active>3</active></summary><status>
<state>up</state></status><cpu><topology><cores>4</cores></topology></cpu><ksm><enabled>true</enabled></ksm>
<cluster><id>c1</id></cluster></host>"""


def test_facts_read_as_those_of_the_engines_document():
    made = make_host(
        "h1",
        name="h",
        memory=1024,
        summary={"active": 3},
        status={"state": "up"},
        cpu={"topology": {"cores": 4}},
        ksm={"enabled": True},
        cluster={"id": "c1"},
        address=None,
    )
    real = entity("h1", lambda: ET.fromstring(DOCUMENT))
    for host in (made, real):
        assert (host, host.id, host.name, host.memory, host.summary.active) == ("h1", "h1", "h", 1024, 3)
        assert (host.status.state, host.cpu.topology.cores, host.ksm.enabled) == ("up", 4, True)
        assert (host.cluster.id, host.address) == ("c1", None)


def test_list_is_several_elements_of_one_name():
    host = make_host(nics={"nic": [{"name": "a"}, {"name": "b"}]})
    assert [nic.name for nic in host.nics.nic] == ["a", "b"]


def test_id_without_facts_says_what_its_unit_would_be_told():
    with pytest.raises(AttributeError, match="nothing is known of 'v' but its id, so it has no 'memory'"):
        print(make_vm("v").memory)


def test_vms_of_a_host_are_known_where_they_are_given():
    vm = make_vm("v", memory=1)
    assert make_host("h", vms=[vm]).vms == ["v"]
    assert make_host("h", vms=[]).vms == []
    with pytest.raises(AttributeError, match="known to do_balance only"):
        print(make_host("h", memory=1).vms)


def test_hosts_of_a_call_are_a_list_and_their_own_host():
    hosts = make_hosts(make_host("a", memory=5), "b")
    assert (hosts, hosts.host, hosts[0].memory) == (["a", "b"], ["a", "b"], 5)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"memory": object}, "host 'h': memory must be text, a number, true or false, a dict or a list, not"),
        ({"cpu": {"topology": {1}}}, "host 'h', cpu: topology must be text"),
        ({"a b": 1}, "host 'h': 'a b' is no name of a fact"),
        ({"name": "a\x00b"}, "host 'h': a name or a text of"),
    ],
)
def test_fact_that_no_document_can_tell_is_an_error_by_name(facts, said):
    with pytest.raises(ValueError, match=said):
        make_host("h", **facts)
