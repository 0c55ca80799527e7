"""Clients that mean no good, or are merely slow: the daemon answers and goes on."""

from __future__ import annotations

import gzip
import select
import socket
import threading
import time
import xmlrpc.client

import pytest

PLUGIN = '''
class Half:
    def do_filter(self, hosts, vm, args):
        return hosts[: len(hosts) // 2]
class Slow:
    def do_filter(self, hosts, vm, args):
        import time
        time.sleep(0.3)
        return hosts
'''


@pytest.fixture(scope="module")
def daemon(start_for_module):
    return start_for_module({"half.py": PLUGIN}, {"max_request_bytes": "1000000"})


@pytest.fixture(scope="module")
def impatient(start_for_module):
    """A daemon that waits two seconds for a client, and for a plug-in, too."""
    return start_for_module({"half.py": PLUGIN}, {"request_timeout": "2"})


@pytest.fixture(autouse=True)
def still_answers(daemon, hosts, vm):
    """Whatever a test did, the next call is answered."""
    yield
    assert daemon.proxy.runFilters(["Half"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:3]}


@pytest.fixture
def hurried(impatient, hosts, vm, until):
    """The impatient daemon, which answers afterwards; on a busy machine not the first call."""
    yield impatient
    until(lambda: impatient.proxy.runFilters(["Half"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:3]})


def call(*values: str) -> bytes:
    params = "".join(f"<param><value>{value}</value></param>" for value in values)
    return f"<methodCall><methodName>runFilters</methodName><params>{params}</params></methodCall>".encode()


NAMES = "<array><data><value>Half</value></data></array>"


def with_vm(vm: str) -> bytes:
    return call(NAMES, "<array><data/></array>", vm, "<struct/>")


def test_the_engines_own_bytes_are_understood(daemon, hosts, vm):
    ids = "".join(f"<value>{host}</value>" for host in hosts)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><methodCall '
        'xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"><methodName>runFilters</methodName><params>'
        f"<param><value>{NAMES}</value></param><param><value><array><data>{ids}</data></array></value></param>"
        f"<param><value>{vm}</value></param><param><value><struct><member><name>k</name><value>v</value></member>"
        "<member><name>n</name><value><ex:nil/></value></member></struct></value></param></params></methodCall>"
    )
    headers = (
        "Content-Type: text/xml\r\nUser-Agent: Apache XML RPC 3.1.3 (Sun HTTP Transport)\r\n"
        "Cache-Control: no-cache\r\nPragma: no-cache\r\n"
        "Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\n"
    )
    status, text = daemon.post(body.encode(), headers)
    assert status == 200
    assert xmlrpc.client.loads(text)[0] == ({"result_code": 0, "result": hosts[:3]},)


def test_an_answer_has_only_types_that_the_engine_knows(daemon):
    _status, text = daemon.post(with_vm("v"))
    assert b"<nil" not in text
    assert b"<i8" not in text
    assert b"<int>0</int>" in text


@pytest.mark.parametrize(
    "reference", ["&#55357;&#56832;", "&#55357;", "&#56832;", "&#1;", "&#0;", "&#xD83D;&#xDE00;", "&#99999999999;"]
)
def test_references_that_xml_forbids_are_read_all_the_same(daemon, reference):
    status, text = daemon.post(with_vm(f"a{reference}b"))
    assert status == 200
    assert xmlrpc.client.loads(text)[0] == ({"result_code": 0, "result": []},)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not XML",
        b"<methodCall>",
        b"\xff\xfe\xfa",
        with_vm("\x01"),
        with_vm("v").replace(b"</value>", b"\xe9</value>", 1),
        b"<?xml version='1.0' encoding='klingon'?>" + with_vm("v"),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + with_vm("&a;"),
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + with_vm("v"),
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + with_vm("&a;"),
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>' + with_vm("&b;"),
        b"<?xml version='1.0'?>" * 2 + with_vm("v"),
    ],
)
def test_what_is_no_proper_xml_is_a_fault(daemon, body):
    assert daemon.fault(body).faultCode == -32700


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b"<methodCall/>",
        b"<methodResponse><params/></methodResponse>",
        b"<methodCall><params/></methodCall>",
        with_vm("<i4>x</i4>"),
        with_vm("<i4>" + "9" * 10000 + "</i4>"),
        with_vm("<boolean>7</boolean>"),
        with_vm("<what>7</what>"),
        with_vm("<struct><member><value>v</value></member></struct>"),
        with_vm("<struct><member><name>v</name></member></struct>"),
        with_vm("<array><data><value>" * 100 + "</value></data></array>" * 100),
        with_vm("<struct><member><name>a</name><value>" * 100 + "</value></member></struct>" * 100),
    ],
)
def test_what_is_no_proper_call_is_a_fault(daemon, body):
    assert daemon.fault(body).faultCode == -32600


@pytest.mark.parametrize(("value", "code"), [("<base64>AAAA</base64>", -32602), ("<double>1</double>", -32602)])
def test_values_of_other_types_are_a_fault(daemon, value, code):
    assert daemon.fault(with_vm(value)).faultCode == code


def test_a_health_probe_is_answered_with_a_line(daemon):
    answer = daemon.send(request("", line="GET / HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b": 2 filters, 0 scores, 0 balance\n")


def test_a_gzip_body_is_unpacked(daemon):
    status, text = daemon.post(gzip.compress(with_vm("v")), "Content-Type: text/xml\r\nContent-Encoding: gzip\r\n")
    assert status == 200
    assert xmlrpc.client.loads(text)[0] == ({"result_code": 0, "result": []},)


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b" " * 50_000_000), gzip.compress(with_vm("v"))[:-9], b"no gzip", gzip.compress(b"")],
    ids=["bomb", "cut off", "not gzip", "nothing"],
)
def test_a_gzip_bomb_and_damaged_gzip_are_faults(daemon, body):
    status, text = daemon.post(body, "Content-Type: text/xml\r\nContent-Encoding: gzip\r\n")
    assert status == 200
    with pytest.raises(xmlrpc.client.Fault):
        xmlrpc.client.loads(text)


def request(head: str, body: bytes = b"", line: str = "POST / HTTP/1.1") -> bytes:
    return f"{line}\r\nHost: localhost\r\n{head}\r\n".encode() + body


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("", line="PUT / HTTP/1.1"), 405),
        (request("", line="GET /etc/passwd HTTP/1.1"), 404),
        (request("Content-Type: text/xml\r\nContent-Length: 0\r\n", line="POST /admin HTTP/1.1"), 404),
        (request("Content-Length: 3\r\n", b"abc"), 415),
        (request("Content-Type: text/plain\r\nContent-Length: 3\r\n", b"abc"), 415),
        (request("Content-Type: text/xml\r\nContent-Encoding: br\r\nContent-Length: 3\r\n", b"abc"), 415),
        (request("Content-Type: text/xml\r\n"), 411),
        (request("Content-Type: text/xml\r\nContent-Length: -5\r\n"), 400),
        (request("Content-Type: text/xml\r\nContent-Length: many\r\n"), 400),
        (request("Content-Type: text/xml\r\nContent-Length: 99999999999999\r\n", b"abc"), 413),
        (request("Content-Type: text/xml\r\nContent-Length: 1000001\r\n", b"x" * 1_000_001), 413),
        (request("Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n0\r\n\r\n"), 400),
        (
            request(
                "Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n",
                b"".join(b"40000\r\n" + b"x" * 0x40000 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n",
            ),
            413,
        ),
        (request("X: " + "y" * 100_000 + "\r\n"), 400),
        (b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_no_proper_request_is_answered_with_a_status(daemon, data, status):
    assert daemon.send(data).split()[1] == str(status).encode()


def test_a_chunked_body_is_read(daemon):
    body = with_vm("v")
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    answer = daemon.send(request("Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n", chunk))
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [
        request("Content-Type: text/xml\r\nContent-Length: 500\r\n", b"<methodCall>"),
        b"POST / HTTP/1.1\r\nHost: loc",
        b"PO",
    ],
)
def test_a_request_that_stops_halfway_is_timed_out_with_a_status(hurried, data):
    started = time.monotonic()
    assert hurried.send(data).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - started > 1.5


def test_a_request_that_drips_is_timed_out_as_a_whole(hurried):
    with socket.create_connection(("127.0.0.1", hurried.port), timeout=240) as connection:
        # It would take longer than the test may: only its end by the daemon ends it.
        connection.sendall(request("Content-Type: text/xml\r\nContent-Length: 1000000\r\n"))
        connection.settimeout(0.2)
        answer = b""
        while not answer:
            try:
                connection.sendall(b"x")
                answer = connection.recv(100)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def test_a_silent_connection_is_closed_in_the_end(hurried):
    assert hurried.send(b"").startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_take_its_answer_is_let_go(hurried, until):
    ids = "".join(f"<value>{number:036d}</value>" for number in range(9000))
    body = call(NAMES, f"<array><data>{ids}</data></array>", "v", "<struct/>")
    connections = []
    for _client in range(20):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", hurried.port))
        connection.sendall(request(f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n", body))
        connections.append(connection)
    until(lambda: not established(hurried.port))
    for connection in connections:
        connection.close()


def established(port: int) -> list[str]:
    """Connections that the daemon has open."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return [row[2] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]


def test_names_and_ids_of_megabytes_make_no_long_line_in_the_log(start, hosts):
    daemon = start({"half.py": PLUGIN}, {"dialect": "page", "scheduler_default_filters": "RamFilter"})
    answer = daemon.proxy.runFilters(["n" * 3_000_000, "Half"], hosts, "v" * 3_000_000, {})
    assert answer["result"] == hosts[:3]
    document = f"<hosts><host id='{hosts[0]}'><memory>1</memory></host></hosts>"
    with pytest.raises(xmlrpc.client.Fault, match="nothing is known of VM 'vvv"):
        daemon.proxy.runFilters(["RamFilter"], document, "v" * 3_000_000, {})
    daemon.wait_for("no answer to a call")
    assert max(map(len, daemon.lines)) < 5000


def test_silent_connections_do_not_keep_others_waiting(daemon, hosts, vm):
    silent = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(400)]
    assert daemon.proxy.runFilters(["Half"], hosts, vm, {})["result"] == hosts[:3]
    assert not any(heard(connection) for connection in silent)
    for connection in silent:
        connection.close()


def heard(connection: socket.socket) -> bool:
    """Whether the daemon said anything, or hung up."""
    return select.select([connection], [], [], 0)[0] != []


def test_two_hundred_clients_at_once_are_all_answered(start, hosts, vm):
    daemon = start({"half.py": PLUGIN}, {"request_timeout": "200", "plugin_timeout": "200"})
    answers: list[object] = []
    ready = threading.Barrier(200)

    def client() -> None:
        ready.wait(120)
        with daemon.proxy as proxy:
            answers.append(proxy.runFilters(["Half"], hosts, vm, {}))

    threads = [threading.Thread(target=client) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [{"result_code": 0, "result": hosts[:3]}] * 200


def test_calls_beyond_the_workers_of_a_file_wait_their_turn(start, hosts, vm):
    daemon = start({"half.py": PLUGIN}, {"request_timeout": "200", "plugin_timeout": "200"})
    answers: list[object] = []

    def client() -> None:
        with daemon.proxy as proxy:
            answers.append(proxy.runFilters(["Slow"], hosts, vm, {})["result_code"])

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [0] * 6
