"""Facts from the engine's REST API, against a small HTTP server with documents of both shapes."""

from __future__ import annotations

import base64
import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

CLUSTER = "99999999-1111-4111-8111-111111111111"
MIB = 1 << 20


def host_4(id: str, *, free: int = 4096, state: str = "up", statistics: str = "") -> str:
    return (
        f"<host id='{id}'><name>n</name><memory>{8192 * MIB}</memory>"
        f"<max_scheduling_memory>{free * MIB}</max_scheduling_memory>"
        "<cpu><topology><sockets>1</sockets><cores>4</cores><threads>1</threads></topology></cpu>"
        f"<status>{state}</status><cluster id='{CLUSTER}'/><summary><active>1</active></summary>{statistics}</host>"
    )


def host_3(id: str, *, free: int = 4096, state: str = "up") -> str:
    return (
        f"<host id='{id}'><name>n</name><memory>{8192 * MIB}</memory>"
        f"<max_scheduling_memory>{free * MIB}</max_scheduling_memory>"
        "<cpu><topology sockets='1' cores='4' threads='1'/></cpu>"
        f"<status><state>{state}</state></status><cluster id='{CLUSTER}'/></host>"
    )


def vm_4(id: str, *, memory: int, host: str = "", cores: int = 1) -> str:
    where = f"<host id='{host}'/><status>up</status>" if host else "<status>down</status>"
    cpu = f"<cpu><topology><sockets>1</sockets><cores>{cores}</cores><threads>1</threads></topology></cpu>"
    return f"<vm id='{id}'><memory>{memory * MIB}</memory>{cpu}{where}</vm>"


class Engine:
    """A web server that answers like the engine; what it answers can be changed while it runs."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.vms: list[str] = []
        self.clusters = [f"<cluster id='{CLUSTER}'><name>Default</name></cluster>"]
        self.page_size = 100
        self.authorization = "Basic " + base64.b64encode(b"admin@internal:s3cret").decode()
        self.mode = "fine"
        self.requests: list[str] = []
        self.new: dict[str, str] = {}
        self.asked = threading.Event()
        self.release = threading.Event()
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                engine.answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        self.asked.set()
        status, body = 200, self.body(handler)
        if handler.headers["Authorization"] != self.authorization:
            status, body = 401, ""
        elif self.mode == "broken":
            status = 500
        elif self.mode == "redirect":
            status = 302
        elif self.mode == "garbage":
            body = "<hosts><host"
        elif self.mode == "DTD":
            body = '<!DOCTYPE a [<!ENTITY b "c">]><hosts/>'
        elif self.mode == "hang":
            self.release.wait(600)
        text = body.encode()
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", "http://127.0.0.1:1/")
        handler.send_header("Content-Type", "application/xml")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(text)

    def body(self, handler: BaseHTTPRequestHandler) -> str:
        parts = urlsplit(handler.path)
        tag = parts.path.removeprefix("/ovirt-engine/api/")
        if tag.startswith("vms/"):
            return self.new.get(tag.removeprefix("vms/"), "<fault/>")
        found = re.search(r"page (\d+)", parse_qs(parts.query).get("search", [""])[0])
        page = int(found[1]) if found else 1
        everything = getattr(self, tag, [])
        some = everything[(page - 1) * self.page_size : page * self.page_size]
        return f"<?xml version='1.0' encoding='UTF-8' standalone='yes'?><{tag}>{''.join(some)}</{tag}>"

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def engine():
    server = Engine()
    yield server
    server.close()


@pytest.fixture
def conf(engine, tmp_path):
    (tmp_path / "password").write_text("s3cret\n")
    return {
        "engine_url": engine.url,
        "engine_username": "admin@internal",
        "engine_password_file": str(tmp_path / "password"),
        "engine_refresh": "0.2",
    }


@pytest.mark.parametrize("make", [host_3, host_4])
def test_library_filters_judge_by_what_the_engine_tells(engine, conf, start, hosts, vm, make):
    engine.hosts = [make(hosts[0]), make(hosts[1], free=1024), make(hosts[2], free=1023), make(hosts[3], state="down")]
    engine.vms = [vm_4(vm, memory=1024)]
    proxy = start({}, conf).proxy
    answer = proxy.runFilters(["RamFilter", "ComputeFilter"], hosts[:4], vm, {})
    assert answer == {"result_code": 0, "result": hosts[:2]}


def test_plugins_see_the_facts_and_the_clusters_name(engine, conf, start, hosts, vm):
    engine.hosts = [host_4(hosts[0]), host_4(hosts[1], free=512)]
    engine.vms = [vm_4(vm, memory=1024)]
    plugin = '''
        def do_filter(hosts, vm, args):
            return [h for h in hosts if h.cluster.name == "Default" and h.max_scheduling_memory >= vm.memory]
    '''
    proxy = start({"room.py": plugin}, conf).proxy
    assert proxy.runFilters(["room"], hosts[:2], vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_library_units_are_announced_where_the_engine_is_asked(engine, conf, start):
    conf["scheduler_default_filters"] = "RamFilter,CoreFilter,DiskFilter"
    found = start({}, conf).proxy.discover()
    assert sorted(found["filters"]) == ["CoreFilter", "RamFilter"]
    assert found["balance"] == {}


def test_weighers_that_find_all_hosts_of_ovirt_alike_are_not_offered(engine, conf, start):
    found = start({}, conf).proxy.discover()
    assert sorted(found["scores"]) == ["CPUWeigher", "RAMWeigher"]


def test_used_cpus_are_those_of_the_vms_that_run_there(engine, conf, start, hosts, vm):
    conf |= {"scheduler_default_filters": "CoreFilter", "cpu_allocation_ratio": "1.0"}
    engine.hosts = [host_4(hosts[0]), host_4(hosts[1])]
    engine.vms = [vm_4(vm, memory=1, cores=2), vm_4("v1", memory=1, cores=3, host=hosts[0])]
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["CoreFilter"], hosts[:2], vm, {}) == {"result_code": 0, "result": [hosts[1]]}


BALANCER = """
    class OffTheFullest:
        def do_balance(self, hosts, args):
            fullest = max(hosts, key=lambda host: len(host.vms))
            vm = min(fullest.vms, key=lambda vm: vm.memory)
            room = [host for host in hosts if host != fullest and host.max_scheduling_memory >= vm.memory]
            return vm, [min(room, key=lambda host: len(host.vms))]
"""


def test_a_balancer_sees_the_vms_of_each_host_and_moves_one(engine, conf, start, hosts):
    engine.hosts = [host_4(hosts[0]), host_4(hosts[1], free=100), host_4(hosts[2])]
    ids = [f"{number:08d}-3333-4333-8333-333333333333" for number in range(6)]
    engine.vms = [vm_4(id, memory=2048 - place, host=hosts[place % 2]) for place, id in enumerate(ids[:4])]
    engine.vms += [vm_4(ids[4], memory=1, host=hosts[0]), vm_4(ids[5], memory=1)]
    proxy = start({"off.py": BALANCER}, conf).proxy
    assert proxy.runLoadBalancing("OffTheFullest", hosts[:3], {}) == {"result_code": 0, "result": [ids[4], [hosts[2]]]}


def test_pages_are_read_to_the_end(engine, conf, start, hosts, vm):
    ids = [f"{number:08x}-1111-4111-8111-111111111111" for number in range(25)]
    engine.hosts, engine.vms, engine.page_size = [host_4(id) for id in ids], [vm_4(vm, memory=1)], 10
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["RamFilter"], ids, vm, {}) == {"result_code": 0, "result": ids}


def test_an_engine_that_knows_no_pages_is_read_once(engine, conf, start, hosts, vm):
    engine.hosts, engine.vms = [host_4(hosts[0])], [vm_4(vm, memory=1)]
    engine.body = lambda handler: Engine.body(engine, _WithoutQuery(handler))
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["RamFilter"], hosts[:1], vm, {}) == {"result_code": 0, "result": hosts[:1]}


class _WithoutQuery:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.path = handler.path.partition("?")[0]


def test_facts_are_read_again_in_the_background(engine, conf, start, hosts, vm, until):
    engine.hosts, engine.vms = [host_4(hosts[0], free=100)], [vm_4(vm, memory=1024)]
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["RamFilter"], hosts[:1], vm, {})["result"] == []
    engine.hosts = [host_4(hosts[0], free=2000)]
    assert until(lambda: proxy.runFilters(["RamFilter"], hosts[:1], vm, {})["result"] == hosts[:1])


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("broken", "answered 500"),
        ("redirect", "answered 302"),
        ("garbage", "not well-formed"),
        ("DTD", "refused a document with a DTD"),
    ],
)
def test_an_engine_that_fails_is_logged_and_its_last_facts_count(engine, conf, start, hosts, vm, mode, said):
    engine.hosts, engine.vms = [host_4(hosts[0]), host_4(hosts[1], free=1)], [vm_4(vm, memory=1024)]
    daemon = start({}, conf)
    engine.mode = mode
    daemon.wait_for(f"cannot be read: .*{said}")
    answer = daemon.proxy.runFilters(["RamFilter"], hosts[:2], vm, {})
    assert answer == {"result_code": 0, "result": hosts[:1]}
    engine.mode = "fine"
    daemon.wait_for("can be read again")


FAILS_BY_NAME = """
    class Room:
        def do_filter(self, hosts, vm, args):
            return [host for host in hosts if host.max_scheduling_memory]
        def do_score(self, hosts, vm, args):
            return [(host, host.summary.active) for host in hosts]
        def do_balance(self, hosts, args):
            return hosts[0].vms[0], hosts[1:]
"""


def test_facts_that_are_too_old_are_used_for_nothing(engine, conf, start, hosts, vm, until):
    engine.hosts, engine.vms = [host_4(hosts[0])], [vm_4(vm, memory=1024, host=hosts[0])]
    first = "def do_filter(hosts, vm, args):\n    return hosts[:1]\n"
    proxy = start({"room.py": FAILS_BY_NAME, "first.py": first}, {**conf, "facts_max_age": "2"}).proxy
    good = {"result_code": 0, "result": hosts[:1]}
    until(lambda: proxy.runFilters(["RamFilter", "Room"], hosts[:1], vm, {}) == good)
    engine.mode = "broken"
    calls = {
        "RamFilter": lambda: proxy.runFilters(["first", "RamFilter"], hosts, vm, {}),
        "RAMWeigher": lambda: proxy.runCostFunctions([["RAMWeigher", 1]], hosts, vm, {}),
        "Room": lambda: proxy.runFilters(["first", "Room"], hosts, vm, {}),
    }
    until(lambda: calls["RamFilter"]()["result_code"])
    calls |= {
        "Room, as a cost": lambda: proxy.runCostFunctions([["Room", 1]], hosts, vm, {}),
        "Room, as a balancer": lambda: proxy.runLoadBalancing("Room", hosts, {}),
    }
    for name, call in calls.items():
        answer = call()
        (said,) = answer["plugin_errors"][name.partition(",")[0]]
        assert re.search(r"facts are \d+ s old, and facts_max_age is 2 s: .*answered 500", said), said
        assert answer["result"] in ([], ["", []], hosts[:1])


def test_the_port_does_not_answer_before_the_first_reading_has_ended(engine, conf, tmp_path):
    engine.mode = "hang"
    path = tmp_path / "scheduler.conf"
    kept = socket.socket()  # bound, so that nobody else is given the port; the daemon may have it all the same
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    conf["port"] = str(kept.getsockname()[1])
    path.write_text("".join(f"{key} = {value}\n" for key, value in conf.items()))
    command = [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert engine.asked.wait(60)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(conf["port"])))
        engine.mode = "fine"
        engine.release.set()
        while "serving on" not in (line := process.stderr.readline()):
            assert line
        socket.create_connection(("127.0.0.1", int(conf["port"]))).close()
    finally:
        process.terminate()
        process.communicate(timeout=240)
        kept.close()


def test_a_daemon_whose_first_reading_hangs_can_be_stopped(engine, conf, tmp_path):
    engine.mode = "hang"
    path = tmp_path / "scheduler.conf"
    path.write_text("port = 0\n" + "".join(f"{key} = {value}\n" for key, value in conf.items()))
    command = [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert engine.asked.wait(60)
        process.terminate()
        assert process.wait(25) == 0  # the reading would give up after 30 s
    finally:
        process.kill()
        process.wait()


def test_a_first_reading_takes_as_long_as_facts_may_be_old_at_most(engine, conf, start, hosts, vm):
    engine.mode = "hang"
    plugin = "def do_filter(hosts, vm, args):\n    return hosts[:1]\n"
    daemon = start({"first.py": plugin}, {**conf, "facts_max_age": "1"})
    answer = daemon.proxy.runFilters(["first", "RamFilter"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:1])
    (said,) = answer["plugin_errors"]["RamFilter"]
    assert "nothing is known of hosts but ids" in said
    assert "not within 1 s" in said


def test_an_engine_out_of_reach_is_reported(engine, conf, start, hosts, vm):
    conf["engine_url"] = "http://127.0.0.1:1/ovirt-engine"
    answer = start({}, conf).proxy.runFilters(["RamFilter"], hosts, vm, {})
    (said,) = answer["plugin_errors"]["RamFilter"]
    assert "http://127.0.0.1:1/ovirt-engine/api cannot be read: ClientConnectorError" in said


def test_a_wrong_password_is_reported_and_a_new_one_taken_up(engine, conf, start, hosts, vm, until, tmp_path):
    (tmp_path / "password").write_text("wrong")
    engine.hosts, engine.vms = [host_4(hosts[0])], [vm_4(vm, memory=1)]
    daemon = start({}, conf)
    assert "answered 401" in daemon.proxy.runFilters(["RamFilter"], hosts[:1], vm, {})["plugin_errors"]["RamFilter"][0]
    (tmp_path / "password").write_text("s3cret")
    assert until(lambda: daemon.proxy.runFilters(["RamFilter"], hosts[:1], vm, {})["result_code"] == 0)
    assert not any("s3cret" in line or "wrong" in line for line in daemon.lines)


@pytest.mark.parametrize("how", ["a wrong password", "an engine that is down"])
def test_a_reload_without_a_reading_keeps_the_last_good_one_and_says_so(engine, conf, start, hosts, vm, tmp_path, how):
    engine.hosts, engine.vms = [host_4(hosts[0]), host_4(hosts[1], free=1)], [vm_4(vm, memory=1024)]
    daemon = start({}, conf)
    if how == "a wrong password":
        (tmp_path / "password").write_text("wrong")
    else:
        engine.mode = "broken"
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("the reading from before the reload stays in use")
    daemon.wait_for("reloaded")
    answer = daemon.proxy.runFilters(["RamFilter"], hosts[:2], vm, {})
    assert answer == {"result_code": 0, "result": hosts[:1]}


def test_without_a_username_the_file_holds_a_token(engine, conf, start, hosts, vm):
    del conf["engine_username"]
    engine.authorization = "Bearer s3cret"
    engine.hosts, engine.vms = [host_4(hosts[0])], [vm_4(vm, memory=1)]
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["RamFilter"], hosts[:1], vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_a_host_that_a_good_reading_does_not_have_is_refused(engine, conf, start, hosts, vm):
    engine.hosts, engine.vms = [host_4(hosts[0])], [vm_4(vm, memory=1)]
    proxy = start({}, conf).proxy
    assert proxy.runFilters(["RamFilter"], hosts[:2], vm, {}) == {"result_code": 0, "result": hosts[:1]}
    assert proxy.runFilters(["RamFilter"], hosts[1:3], vm, {}) == {"result_code": 0, "result": []}
    scored = proxy.runCostFunctions([["RAMWeigher", 1]], hosts[:2], vm, {})["result"]
    assert scored == [[hosts[0], 1, "RAMWeigher"], [hosts[1], 1, "RAMWeigher"]]


def test_a_vm_newer_than_the_reading_is_read_by_itself(engine, conf, start, hosts, vm):
    engine.hosts = [host_4(hosts[0]), host_4(hosts[1], free=512)]
    engine.new = {vm: vm_4(vm, memory=1024)}
    daemon = start({"room.py": "def do_filter(hosts, vm, args):\n    return hosts if vm.memory else []\n"}, conf)
    answer = daemon.proxy.runFilters(["RamFilter", "room"], hosts[:2], vm, {})
    assert answer == {"result_code": 0, "result": hosts[:1]}


@pytest.mark.parametrize("id", ["33333333-3333-4333-8333-333333333333", "../hosts", ""])
def test_filters_that_need_a_vm_that_cannot_be_read_fail_by_name(engine, conf, start, hosts, id):
    engine.hosts = [host_4(hosts[0]), host_4(hosts[1], state="down")]
    daemon = start({}, {**conf, "scheduler_default_filters": "RamFilter,ComputeFilter"})
    answer = daemon.proxy.runFilters(["RamFilter", "ComputeFilter"], hosts[:2], id, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:1])
    assert list(answer["plugin_errors"]) == ["RamFilter"]
    assert f"nothing is known of VM {id!r} but its id" in answer["plugin_errors"]["RamFilter"][0]
    assert not any(".." in request for request in engine.requests)


def test_statistics_become_metrics_where_they_are_asked_for(engine, conf, start, hosts, vm):
    def statistics(load: str) -> str:
        return (
            "<statistics><statistic id='1'><name>cpu.load.avg.5m</name><values><value>"
            f"<datum>{load}</datum></value></values></statistic></statistics>"
        )

    conf |= {"engine_statistics": "true"}
    engine.hosts = [host_4(hosts[0], statistics=statistics("0.5")), host_4(hosts[1], statistics=statistics("2.0"))]
    engine.vms = [vm_4(vm, memory=1)]
    daemon = start({}, conf, extra="[metrics]\nweight_setting = cpu.load.avg.5m=-1.0\n")
    answer = daemon.proxy.runCostFunctions([["MetricsWeigher", 1]], hosts[:2], vm, {})
    expected = [[hosts[0], 1, "MetricsWeigher"], [hosts[1], 1000, "MetricsWeigher"]]
    assert answer == {"result_code": 0, "result": expected}
    assert any("follow=statistics" in request for request in engine.requests)


def test_check_reports_an_engine_that_cannot_be_read(engine, conf, tmp_path):
    engine.mode = "broken"
    path = tmp_path / "scheduler.conf"
    path.write_text("".join(f"{key} = {value}\n" for key, value in conf.items()))
    command = [sys.executable, "-m", "filtersched.ovirt", "--check", "--config-file", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert checked.returncode == 1
    assert "answered 500" in checked.stderr
