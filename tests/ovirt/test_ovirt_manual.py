"""What the pages about oVirt tell a reader to type, typed in their order on a machine made for it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import generator

from filtersched.ovirt.settings import KEYS, load
from tests.docs.pages import Block, blocks, commands, compare
from tests.ovirt.machine import PROXY, Machine, build_wheel, can_be_made

ROOT = Path(__file__).parents[2]
CONF = "/etc/ovirt/scheduler/scheduler.conf"
PLUGINS = "/etc/ovirt/scheduler/plugins"
HOSTS = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
VM = "33333333-3333-4333-8333-333333333333"
# The engine of the page, on the machine itself. Two hosts, four VMs on the second, one VM to place.
ENGINE = f"""
from http.server import BaseHTTPRequestHandler, HTTPServer
host = "<host id='%s'><max_scheduling_memory>%d</max_scheduling_memory><memory>17179869184</memory><status>up</status>"\
    "<summary><active>%d</active></summary></host>"
migratable = "<placement_policy><affinity>migratable</affinity></placement_policy>"
vm = "<vm id='%s'><memory>2147483648</memory>%s" + migratable + "</vm>"
on = "<host id='{HOSTS[1]}'/><status>up</status>"
ids = ["4444444%d-4444-4444-8444-444444444444" % n for n in range(6)]
documents = dict(
    hosts=host % ("{HOSTS[0]}", 1 << 30, 1) + host % ("{HOSTS[1]}", 8 << 30, 6),
    vms="".join(vm % (id, on) for id in ids) + vm % ("{VM}", ""),
    clusters="",
)

class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.headers["Authorization"] == "Basic c2NoZWR1bGVyQGludGVybmFsOnMzY3JldA=="
        tag = self.path.partition("/api/")[2].partition("?")[0]
        more = "page+1" not in self.path and "page%201" not in self.path and "search" in self.path
        body = "<%s>%s</%s>" % (tag, "" if more else documents[tag], tag)
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(body.encode())

HTTPServer(("127.0.0.1", 8080), Engine).serve_forever()
"""
SETUP = "import xmlrpc.client; proxy = xmlrpc.client.ServerProxy('http://127.0.0.1:18781/')\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package index and, once the first page was followed, its virtual environment."""
    if not can_be_made():
        pytest.skip("needs root, to give the commands a machine of their own")
    folder = tmp_path_factory.mktemp("installed")
    build_wheel(folder)
    return folder


@pytest.fixture
def new_machine(installed: Path, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, installed / "wheels")
    yield machine
    machine.close()


@pytest.fixture
def machine(installed: Path, new_machine: Machine) -> Machine:
    """A machine on which the first page was followed."""
    kept = installed / "filtersched-proxy"
    if kept.exists():
        shutil.copytree(kept, new_machine.folder / "opt" / "filtersched-proxy", symlinks=True)
        new_machine.run(f"PATH=$PATH:{PROXY}/bin")
    start_engine(new_machine)
    for block in follow(new_machine, "ovirt.md", again=kept.exists()):
        assert block
    if not kept.exists():
        shutil.copytree(new_machine.folder / "opt" / "filtersched-proxy", kept, symlinks=True)
    return new_machine


def follow(machine: Machine, page: str, *, again: bool = False) -> Iterator[Block]:
    """Type each block of a page that says so; yields it when that is done. `again`: installed is what is installed."""
    for block in blocks((ROOT / "docs" / page).read_text()):
        reason = block.comments.get("not run", "")
        target = re.search(r"test_ovirt_manual\.py (writes|adds) it to (\S+)", reason)
        if target is not None:
            text = block.text.replace("https://engine.example.org/", "http://127.0.0.1:8080/")
            machine.write(target[2], text, more=target[1] == "adds")
        elif "test_ovirt_manual.py runs it" in reason and block.language == "pycon":
            machine.write("/opt/session.txt", block.text)
            machine.run(f"(cd {PLUGINS} && PYTHONPATH=. {PROXY}/bin/python -m doctest -o ELLIPSIS /opt/session.txt)")
        elif "test_ovirt_manual.py runs it" in reason and not (again and f"venv {PROXY}" in block.text):
            type_console(machine, block)
        else:
            continue
        yield block


def type_console(machine: Machine, block: Block) -> None:
    prompt = "$ " if block.text.startswith("$ ") else "# "
    typed = list(commands(block.text, prompt))
    assert typed
    for command, expected in typed:
        said = machine.run(command, stdin="s3cret\n" if "/dev/stdin" in command else "")
        if "pip install" in command:
            machine.share_packages()
        if expected.strip():
            compare(expected, said)


def start_engine(machine: Machine) -> None:
    machine.write("/opt/engine.py", ENGINE)
    machine.run("/opt/python/bin/python3 /opt/engine.py > /dev/null 2>&1 &")
    connect = """/opt/python/bin/python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8080))'"""
    machine.run(f"until {connect} 2> /dev/null; do sleep 0.1; done")
    authority = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -keyout /dev/null -out ca.pem"
    machine.run(f"mkdir -p /etc/pki/ovirt-engine && (cd /etc/pki/ovirt-engine && {authority})")


def test_the_first_page_leads_to_plugins_that_an_engine_can_use(new_machine: Machine, installed: Path) -> None:
    start_engine(new_machine)
    done = 0
    for block in follow(new_machine, "ovirt.md"):
        done += 1
        if "enable --now" in block.text:
            said = new_machine.python(
                f"{SETUP}print(proxy.discover()['filters'])\n"
                f"print(proxy.runFilters(['Reserved'], {HOSTS}, '{VM}', {{'reserved': '{HOSTS[0]}'}}))\n"
            )
            assert said == (
                "{'Reserved': ['Keep VMs off reserved hosts.', 'reserved=[0-9a-f,-]*']}\n"
                f"{{'result_code': 0, 'result': ['{HOSTS[1]}']}}\n"
            )
    assert done == 11
    said = new_machine.python(
        f"{SETUP}print(sorted(proxy.discover()['filters']))\n"
        f"print(proxy.runFilters(['RoomToSpare', 'RamFilter'], {HOSTS}, '{VM}', {{}}))\n"
        f"print(proxy.runCostFunctions([['RoomToSpare', 2]], {HOSTS}, '{VM}', {{}}))\n"
    )
    assert said == (
        "['AvailabilityZoneFilter', 'ComputeFilter', 'RamFilter', 'Reserved', 'RoomToSpare']\n"
        f"{{'result_code': 0, 'result': ['{HOSTS[1]}']}}\n"
        f"{{'result_code': 0, 'result': [['{HOSTS[0]}', 1, 'RoomToSpare'], ['{HOSTS[1]}', 6, 'RoomToSpare']]}}\n"
    )


def test_the_balancer_of_the_page_moves_a_vm(machine: Machine) -> None:
    assert len(list(follow(machine, "ovirt_plugins.md"))) == 2
    machine.run("filtersched-proxy --check && systemctl restart filtersched-proxy")
    said = machine.python(f"{SETUP}print(proxy.runLoadBalancing('Even', {HOSTS}, {{}}))")
    assert said == f"{{'result_code': 0, 'result': ['44444440-4444-4444-8444-444444444444', ['{HOSTS[0]}']]}}\n"


def test_the_page_about_operation_leads_to_a_service_that_speaks_tls(machine: Machine) -> None:
    assert len(list(follow(machine, "ovirt_operation.md"))) == 4
    machine.run("filtersched-proxy unit > /etc/systemd/system/filtersched-proxy.service")
    assert "No problem." in machine.run("filtersched-proxy --check")
    machine.run("systemctl restart filtersched-proxy")
    address = "--resolve proxy.example.org:18781:127.0.0.1 https://proxy.example.org:18781/"
    assert "filters" in machine.run(f"curl --silent --cacert /etc/ovirt/scheduler/proxy.pem {address}")


def test_root_is_told_what_a_unit_and_a_folder_keep_from_the_service(machine: Machine) -> None:
    machine.run("sed -i /LoadCredential/d /etc/systemd/system/filtersched-proxy.service")
    machine.run("chmod 700 /etc/ovirt/scheduler")
    said = machine.run("filtersched-proxy --check", status=1)
    assert f"problem: {CONF} cannot be read by the service's own user: /etc/ovirt/scheduler has mode 700.\n" in said
    assert "problem: /etc/ovirt/scheduler/engine.password cannot be read by the service's own user" in said
    assert "note: The unit does not hand in /etc/ovirt/scheduler/engine.password. Make it anew with" in said


def test_the_session_in_the_feature_pages_dialect_is_answered_as_shown(machine: Machine) -> None:
    machine.write(CONF, "dialect=page\n", more=True)
    machine.run("systemctl restart filtersched-proxy")
    assert len(list(follow(machine, "ovirt_migration.md"))) == 1


def test_every_console_block_is_run_or_says_what_it_needs() -> None:
    for page in sorted((ROOT / "docs").glob("ovirt*.md")):
        for block in blocks(page.read_text()):
            if block.language == "console":
                # Without a reason it is one of those that tox -e pages types.
                reason = block.comments.get("not run", "runs it")
                assert re.search(r"runs it|it (needs|changes|installs|stops)|must be", reason)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("ovirt*.md")), ids=lambda path: path.stem)
def test_each_page_is_read_in_five_minutes(page: Path) -> None:
    assert len(page.read_text().split()) < 1300


def test_the_sample_file_is_what_the_generator_makes_now(tmp_path: Path) -> None:
    made = tmp_path / "made.conf"
    arguments = ["--config-file", str(ROOT / "etc/ovirt/sample-generator.conf"), "--output-file", str(made)]
    generator.main(arguments)
    assert made.read_text() == (ROOT / "etc/ovirt/scheduler/scheduler.conf").read_text(), (
        "run: oslo-config-generator --config-file etc/ovirt/sample-generator.conf"
    )


def test_the_sample_file_as_it_is_changes_nothing() -> None:
    sample = load(str(ROOT / "etc/ovirt/scheduler/scheduler.conf"), environ={})
    defaults = load(None, environ={})
    assert {key: getattr(sample, key) for key in KEYS} == {key: getattr(defaults, key) for key in KEYS}
    assert sample.warnings == []
