"""The feature page's dialect: documents in, plain lists and maps out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import xmlrpc.client

import pytest

CLUSTER = "99999999-1111-4111-8111-111111111111"
PLUGINS = {
    "Memory.py": '''
        def filterFunction(hosts, vm, args):
            """Room for the VM."""
            print([host.id for host in hosts.host if host.max_scheduling_memory >= vm.memory])
        def scoreFunction(hosts, vm, args):
            return {host: host.summary.active for host in hosts}
        def balanceFunction(hosts, args):
            return ("33333333-3333-4333-8333-333333333333", [host for host in hosts if host.summary.active == 0])
    ''',
    "Up.py": "def do_filter(hosts, vm, args):\n    return [h for h in hosts if h.status.state == 'up'] + ['x']\n",
    "Count.py": '''
        def do_filter(hosts, vm, args):
            return hosts if len(hosts) == 2 else []
        def do_balance(hosts, args):
            return {}
    ''',
    "Bad.py": '''
        def do_filter(hosts, vm, args): raise ValueError("no")
        def do_score(hosts, vm, args): raise ValueError("no")
        def do_balance(hosts, args): raise ValueError("no")
    ''',
    "Memory.conf": "customProperties=server_ip=\\b[0-9]{1,3};threshold=[0-9]\ndefaultValues=127.0.0.1;70\n",
}


def document(hosts, *, free=(2048, 512, 4096), active=(3, 0, 1), states=("up", "up", "up")) -> str:
    """Three hosts with so many MiB free of 8192 and so many VMs."""
    texts = [
        f"<host id='{host}'><name>n{place}</name><memory>{8192 << 20}</memory>"
        f"<max_scheduling_memory>{free[place] << 20}</max_scheduling_memory>"
        f"<cpu><topology><sockets>1</sockets><cores>4</cores><threads>1</threads></topology></cpu>"
        f"<status>{states[place]}</status><cluster id='{CLUSTER}'/>"
        f"<summary><active>{active[place]}</active></summary></host>"
        for place, host in enumerate(hosts[:3])
    ]
    return f"<hosts>{''.join(texts)}</hosts>"


@pytest.fixture(scope="module")
def daemon(start_for_module):
    return start_for_module(PLUGINS, {"dialect": "page"})


@pytest.fixture
def vm_document(vm):
    return f"<vm id='{vm}'><memory>{1024 << 20}</memory><cpu><topology sockets='2' cores='1' threads='1'/></cpu></vm>"


def test_discover_is_a_text_of_xml(daemon):
    text = daemon.proxy.discover()
    assert isinstance(text, str)
    root = ET.fromstring(text)
    assert root.tag == "PolicyUnits"
    assert [group.tag for group in root] == ["Filters", "CostFunctions", "Balances"]
    filters = {unit.get("name"): unit for unit in root.iter("Filter")}
    assert {"Memory", "Up", "Count", "Bad", "RamFilter", "ComputeFilter"} <= filters.keys()
    memory = filters["Memory"]
    assert memory.findtext("name") == "Memory"
    assert memory.findtext("Properties/CustomProperties") == "server_ip=\\b[0-9]{1,3};threshold=[0-9]"
    assert memory.findtext("Properties/default_values") == "127.0.0.1;70"
    assert {"Memory", "Bad", "RAMWeigher"} <= {unit.get("name") for unit in root.iter("CostFunction")}
    assert {"Memory", "Count", "Bad"} == {unit.get("name") for unit in root.iter("Balance")}


def test_filters_answer_a_plain_list(daemon, hosts, vm_document):
    assert daemon.proxy.runFilters(["Memory"], document(hosts), vm_document, {}) == [hosts[0], hosts[2]]


def test_hosts_may_come_as_several_documents(daemon, hosts, vm_document):
    several = [f"<hosts>{part}</host></hosts>" for part in document(hosts)[7:-8].split("</host>")[:-1]]
    assert len(several) == 3
    assert daemon.proxy.runFilters(["Memory"], several, vm_document, {}) == [hosts[0], hosts[2]]


def test_filters_run_one_after_the_other(daemon, hosts, vm_document):
    assert daemon.proxy.runFilters(["Count", "Memory"], document(hosts), vm_document, {}) == []
    assert daemon.proxy.runFilters(["Memory", "Count"], document(hosts), vm_document, {}) == [hosts[0], hosts[2]]


def test_scores_are_a_map_from_id_to_int(daemon, hosts, vm_document):
    answer = daemon.proxy.runCostFunctions([["Memory", 2]], document(hosts), vm_document, {})
    assert answer == {hosts[0]: 6, hosts[1]: 0, hosts[2]: 2}


def test_balancing_is_a_map_from_vm_to_hosts(daemon, hosts, vm):
    assert daemon.proxy.runLoadBalancing("Memory", document(hosts), {}) == {vm: [hosts[1]]}
    assert daemon.proxy.runLoadBalancing("Count", document(hosts), {}) == {}


def test_a_filter_that_fails_is_skipped(daemon, hosts, vm_document):
    assert daemon.proxy.runFilters(["Bad", "Memory"], document(hosts), vm_document, {}) == [hosts[0], hosts[2]]
    answer = daemon.proxy.runCostFunctions([["Bad", 1], ["Memory", 1]], document(hosts), vm_document, {})
    assert answer == {hosts[0]: 3, hosts[1]: 0, hosts[2]: 1}


@pytest.mark.parametrize(
    ("method", "first"), [("runFilters", ["Bad"]), ("runCostFunctions", [["Bad", 1]]), ("runFilters", ["NoSuch"])]
)
def test_where_nothing_can_be_reported_failing_alone_is_a_fault(daemon, hosts, vm_document, method, first):
    with pytest.raises(xmlrpc.client.Fault, match=r"Bad: ValueError: no|plugin not found"):
        getattr(daemon.proxy, method)(first, document(hosts), vm_document, {})


def test_a_balancer_that_fails_is_a_fault(daemon, hosts):
    with pytest.raises(xmlrpc.client.Fault, match="Bad: ValueError: no"):
        daemon.proxy.runLoadBalancing("Bad", document(hosts), {})


def test_no_hosts_are_an_empty_list(daemon, vm_document):
    assert daemon.proxy.runFilters(["Memory"], "<hosts/>", vm_document, {}) == []
    assert daemon.proxy.runFilters(["Memory"], "", vm_document, {}) == []


@pytest.mark.parametrize("hosts_text", ["<hosts>", "<!DOCTYPE a><hosts/>", "<vm id='x'/>", "<hosts><host/></hosts>"])
def test_a_document_that_cannot_be_read_is_a_fault(daemon, vm_document, hosts_text):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        daemon.proxy.runFilters(["Memory"], hosts_text, vm_document, {})
    assert caught.value.faultCode in (-32700, -32602)


def test_library_filters_judge_by_the_documents(daemon, hosts, vm_document):
    given = document(hosts, states=("up", "up", "maintenance"))
    assert daemon.proxy.runFilters(["RamFilter"], given, vm_document, {}) == [hosts[0], hosts[2]]
    assert daemon.proxy.runFilters(["ComputeFilter"], given, vm_document, {}) == [hosts[0], hosts[1]]
    assert daemon.proxy.runFilters(["ComputeFilter", "RamFilter"], given, vm_document, {}) == [hosts[0]]


def test_exactly_the_room_that_the_engine_tells_is_enough_and_a_mebibyte_less_is_not(daemon, hosts, vm_document):
    given = document(hosts, free=(1024, 1023, 1025))
    assert daemon.proxy.runFilters(["RamFilter"], given, vm_document, {}) == [hosts[0], hosts[2]]


def test_a_weigher_is_a_cost_from_1_to_the_scale(daemon, hosts, vm_document):
    answer = daemon.proxy.runCostFunctions([["RAMWeigher", 1]], document(hosts), vm_document, {})
    # 4096 MiB are the best and 512 the worst; 2048 is 2048 / 3584 of the way, of 999 steps: 570.86.
    assert answer == {hosts[0]: 572, hosts[1]: 1000, hosts[2]: 1}


def test_a_weigher_with_a_negative_multiplier_is_turned_round(start, hosts, vm_document):
    daemon = start({}, {"dialect": "page", "ram_weight_multiplier": "-2.0", "cost_scale": "100"})
    answer = daemon.proxy.runCostFunctions([["RAMWeigher", 3]], document(hosts), vm_document, {})
    # 512 MiB are the best now; 2048 is 1536 / 3584 of the way, of 99 steps: 42.4. All three times.
    assert answer == {hosts[0]: 3 * 43, hosts[1]: 3, hosts[2]: 3 * 100}


def test_a_single_host_costs_least(daemon, hosts, vm_document):
    single = document(hosts[:1])
    assert daemon.proxy.runCostFunctions([["RAMWeigher", 1]], single, vm_document, {}) == {hosts[0]: 1}


def test_only_enabled_filters_and_none_that_reads_disk_are_units(start):
    conf = {"dialect": "page", "scheduler_default_filters": "RamFilter,DiskFilter,CoreFilter"}
    root = ET.fromstring(start({}, conf).proxy.discover())
    assert [unit.get("name") for unit in root.iter("Filter")] == ["RamFilter"]
    assert "DiskWeigher" not in {unit.get("name") for unit in root.iter("CostFunction")}


def test_the_engines_dialect_is_answered_too_where_ids_arrive(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["Count"], hosts[:2], vm, {})
    assert answer == {"result_code": 0, "result": hosts[:2]}


def test_library_filters_without_documents_fail_and_say_why(daemon, hosts, vm):
    answer = daemon.proxy.runFilters(["RamFilter"], hosts[:2], vm, {})
    assert answer["result"] == hosts[:2]
    assert answer["plugin_errors"]["RamFilter"] == ["nothing is known of hosts but ids: set engine_url"]


@pytest.mark.parametrize("dialect", ["engine", "page"])
def test_hosts_that_are_a_text_but_no_document_are_a_fault(start, daemon, hosts, vm, dialect):
    asked = daemon if dialect == "page" else start()
    with pytest.raises(xmlrpc.client.Fault, match="hosts is a text but no document") as caught:
        asked.proxy.runFilters(["Memory"], hosts[0], vm, {})
    assert caught.value.faultCode == -32602


def test_a_byte_order_mark_before_a_document_is_read(daemon, hosts, vm_document):
    given = ("\ufeff" + document(hosts), "\ufeff<?xml version='1.0'?>" + vm_document)
    assert daemon.proxy.runFilters(["Memory"], *given, {}) == [hosts[0], hosts[2]]


def test_a_thousand_hosts_as_xml_are_filtered(daemon, vm_document):
    ids = [f"{number:08x}-1111-4111-8111-111111111111" for number in range(1000)]
    texts = "".join(document([host] * 3)[7:-8].partition("</host>")[0] + "</host>" for host in ids)
    answer = daemon.proxy.runFilters(["RamFilter", "Up"], f"<hosts>{texts}</hosts>", vm_document, {})
    assert answer == ids
