"""TLS, with and without client certificates."""

from __future__ import annotations

import select
import shutil
import socket
import ssl
import subprocess
import xmlrpc.client

import pytest

PLUGIN = "def do_filter(hosts, vm, args):\n    return hosts[:1]\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, a certificate of the server and one of a client, made anew."""
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl, which makes the certificates, is not installed")
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    use = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("req", "-x509", *key, *use, "-days", "2", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem")
    # From Python 3.13 on a certificate must say what it is for, and whose it is.
    (folder / "san").write_text(
        "subjectAltName=IP:127.0.0.1\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n"
    )
    for name in ("server", "client"):
        run("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
        run("x509", "-req", "-days", "2", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    return folder


@pytest.fixture(scope="module")
def conf(certificates):
    return {
        "ssl": "true",
        "ssl_certfile": str(certificates / "server.pem"),
        "ssl_keyfile": str(certificates / "server.key"),
    }


@pytest.fixture(scope="module")
def daemon(start_for_module, conf):
    return start_for_module({"first.py": PLUGIN}, conf)


@pytest.fixture(scope="module")
def guarded(start_for_module, conf, certificates):
    return start_for_module({"first.py": PLUGIN}, {**conf, "ssl_client_ca": str(certificates / "ca.pem")})


def client(daemon, certificates, *, certificate: bool = False) -> xmlrpc.client.ServerProxy:
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    if certificate:
        context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    return xmlrpc.client.ServerProxy(f"https://127.0.0.1:{daemon.port}/", context=context)


def test_calls_work_over_tls(daemon, certificates, hosts, vm):
    with client(daemon, certificates) as proxy:
        assert proxy.runFilters(["first"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_a_client_with_a_certificate_of_the_ca_is_served(guarded, certificates, hosts, vm):
    with client(guarded, certificates, certificate=True) as proxy:
        assert proxy.runFilters(["first"], hosts, vm, {})["result"] == hosts[:1]


def test_a_client_without_a_certificate_is_not(guarded, certificates):
    with client(guarded, certificates) as proxy, pytest.raises(OSError, match=r"(?i)certificate|reset|EOF|closed"):
        proxy.discover()


def test_plain_http_on_the_tls_port_is_hung_up_on(daemon, certificates, hosts, vm):
    assert b"200" not in daemon.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    with client(daemon, certificates) as proxy:
        assert proxy.runFilters(["first"], hosts, vm, {})["result"] == hosts[:1]


def test_handshakes_that_never_come_do_not_keep_others_waiting(daemon, certificates, hosts, vm):
    silent = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(50)]
    begun = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(50)]
    for connection in begun:
        connection.sendall(b"\x16\x03\x01")
    with client(daemon, certificates) as proxy:
        assert proxy.runFilters(["first"], hosts, vm, {})["result"] == hosts[:1]
    assert select.select(silent + begun, [], [], 0)[0] == []  # all of them are still waited for
    for connection in silent + begun:
        connection.close()


def test_old_protocol_versions_are_refused(daemon):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert daemon.port
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        secure = context.wrap_socket(connection)
        assert secure.version() in ("TLSv1.2", "TLSv1.3")
        secure.close()
