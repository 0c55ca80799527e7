"""Plug-ins in the manner of the original proxy's samples, each written for one process a call.

They cache what they read in class and module variables, import an SDK, print a tuple with a comma
or nothing, and report a lost connection on stderr. They must go on answering from the engine's
present state for ever.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

ORIGINAL = Path(__file__).with_name("original")
VMS = [f"{digit * 8}-3333-4333-8333-333333333333" for digit in "1234567"]


class World:
    """What the stand-in for the SDK finds: per host (MB free, VMs)."""

    def __init__(self, path: Path, hosts: list[str]) -> None:
        self.path = path
        self.hosts = hosts
        self.becomes((4000, 3), (2000, 1), (300, 2))

    def becomes(self, *facts: tuple[int, int]) -> None:
        state, at = {}, 0
        for host, (free, count) in zip(self.hosts, facts, strict=False):
            state[host] = {"free": free, "vms": VMS[at : at + count]}
            at += count
        self.path.write_text(json.dumps(state))


@pytest.fixture(params=["as they are", "with the SDK beside them"])
def daemon(request, start, tmp_path, monkeypatch):
    monkeypatch.setenv("ENGINE_STATE", str(tmp_path / "state"))
    files = {path.name: path.read_text() for path in (ORIGINAL / "plugins").glob("*.py")}
    if request.param == "as they are":
        monkeypatch.setenv("PYTHONPATH", str(ORIGINAL / "sdk"))
        return start(files)
    daemon = start()
    sdk = daemon.plugins / "ovirtsdk"
    sdk.mkdir()
    for path in (ORIGINAL / "sdk" / "ovirtsdk").glob("*.py"):
        (sdk / path.name).write_text(path.read_text())
    for name, text in files.items():
        daemon.write(name, text)
    assert len(daemon.proxy.discover()["filters"]) == 2
    return daemon


@pytest.fixture
def world(tmp_path, hosts):
    return World(tmp_path / "state", hosts)


def test_the_filter_by_memory_follows_the_engine(world, daemon, hosts, vm):
    def passed(**properties: str):
        return daemon.proxy.runFilters(["memory_filter"], hosts[:3], vm, properties)

    assert passed() == {"result_code": 0, "result": hosts[:2]}
    assert passed(minimum_memory="3000") == {"result_code": 0, "result": hosts[:1]}
    world.becomes((10, 0), (2000, 1), (3000, 2))
    assert passed() == {"result_code": 0, "result": hosts[1:3]}
    world.becomes((10, 0), (20, 1), (30, 2))
    assert passed() == {"result_code": 0, "result": []}


def test_the_score_by_the_count_of_vms_follows_the_engine(world, daemon, hosts, vm):
    def scored():
        answer = daemon.proxy.runCostFunctions([["vm_count_score", 5]], hosts[:3], vm, {})
        assert answer["result_code"] == 0
        return [score for _host, score, _unit in answer["result"]]

    assert scored() == [3, 1, 2]
    world.becomes((1, 0), (1, 2), (1, 5))
    assert scored() == [0, 2, 5]


def test_the_balancer_by_count_prints_a_pair_or_nothing(world, daemon, hosts):
    def moved(**properties: str):
        return daemon.proxy.runLoadBalancing("vm_count_balance", hosts[:3], properties)

    assert moved() == {"result_code": 0, "result": [VMS[0], hosts[1:3]]}
    assert moved(maximum_vm_count="9") == {"result_code": 0, "result": ["", []]}
    world.becomes((1, 0), (1, 4), (1, 1))
    assert moved() == {"result_code": 0, "result": [VMS[0], [hosts[0], hosts[2]]]}


def test_the_balancer_by_memory_reads_at_each_import(world, daemon, hosts):
    def moved():
        return daemon.proxy.runLoadBalancing("memory_balance", hosts[:3], {})

    assert moved() == {"result_code": 0, "result": [VMS[4], hosts[:2]]}
    world.becomes((1000, 3), (1000, 1), (1000, 2))
    assert moved() == {"result_code": 0, "result": ["", []]}
    world.becomes((1, 3), (1000, 1), (1000, 2))
    assert moved() == {"result_code": 0, "result": [VMS[0], hosts[1:3]]}


def test_each_call_begins_anew(world, daemon, hosts, vm):
    for _call in range(5):
        assert daemon.proxy.runFilters(["first_hosts"], hosts, vm, {})["result"] == hosts[:1]


def test_a_lost_connection_that_is_told_on_stderr_is_a_failure_until_it_is_back(world, daemon, hosts, vm):
    proxy = daemon.proxy
    calls = {
        "memory_filter": lambda: proxy.runFilters(["memory_filter"], hosts[:3], vm, {}),
        "vm_count_score": lambda: proxy.runCostFunctions([["vm_count_score", 1]], hosts[:3], vm, {}),
        "vm_count_balance": lambda: proxy.runLoadBalancing("vm_count_balance", hosts[:3], {}),
        "memory_balance": lambda: proxy.runLoadBalancing("memory_balance", hosts[:3], {}),
    }
    assert [call()["result_code"] for call in calls.values()] == [0, 0, 0, 0]
    world.path.unlink()
    for name, call in calls.items():
        answer = call()
        assert answer["result_code"] == 1
        assert "no connection to the engine" in answer["plugin_errors"][name][0]
    world.becomes((4000, 3), (2000, 1), (300, 2))
    assert [call()["result_code"] for call in calls.values()] == [0, 0, 0, 0]


SITE_MODULE = """
    import os, threading
    with open(os.environ["ENGINE_STATE"]) as stream:
        READ_AT_IMPORT = stream.read()
    WATCHER = threading.Thread(target=threading.Event().wait, daemon=True)
    WATCHER.start()
"""
SITE_PLUGIN = """
    import hostdb
    class site:
        def do_filter(self, hosts, vm, args):
            print(hosts[: len(hostdb.READ_AT_IMPORT) if hostdb.WATCHER.is_alive() else 0])
"""


@pytest.mark.parametrize("where", ["beside the plug-in", "on PYTHONPATH"])
def test_what_a_module_reads_or_starts_when_it_is_imported_is_fresh_in_each_call(
    start, hosts, vm, tmp_path, monkeypatch, where
):
    (tmp_path / "state").write_text("x")
    monkeypatch.setenv("ENGINE_STATE", str(tmp_path / "state"))
    files = {"site.py": SITE_PLUGIN}
    if where == "on PYTHONPATH":
        folder = tmp_path / "lib"
        folder.mkdir()
        (folder / "hostdb.py").write_text(textwrap.dedent(SITE_MODULE))
        monkeypatch.setenv("PYTHONPATH", str(folder))
    else:
        files["hostdb.py"] = SITE_MODULE
    daemon = start(files)
    assert daemon.proxy.runFilters(["site"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}
    (tmp_path / "state").write_text("xxx")
    assert daemon.proxy.runFilters(["site"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:3]}
