"""Starting, reloading and stopping; plug-in files that change while calls run."""

from __future__ import annotations

import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import xmlrpc.client

import pytest

from filtersched import __version__

FIRST = "class A:\n    def do_filter(self, hosts, vm, args): return hosts[:1]\n"
SECOND = "class A:\n    def do_filter(self, hosts, vm, args): return hosts[:2]\n"
SLOW = "import time\nclass Slow:\n    def do_filter(self, hosts, vm, args):\n        time.sleep(600)\n"
BROKEN = "class A(:\n"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "filtersched.ovirt", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environ},
    )


def result(daemon, hosts, vm):
    return daemon.proxy.runFilters(["A"], hosts, vm, {})["result"]


def test_an_edited_file_is_used_at_the_next_call(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    assert result(daemon, hosts, vm) == hosts[:1]
    daemon.write("a.py", SECOND)
    assert result(daemon, hosts, vm) == hosts[:2]


BROKEN_EDITS = {
    "a syntax error": (BROKEN, r"a\.py, line 1"),
    "an error when imported": ("import os\nos.no_such\n" + FIRST, r"AttributeError: .*a\.py, line 2\)"),
    "a missing module": ("import no_such_module\n" + FIRST, r"ModuleNotFoundError: .*a\.py, line 1\)"),
    "half a file": ("import os\n", "it has none of do_filter"),
    "nothing": ("", "it has none of do_filter"),
    "the end of the process": ("import os\nos._exit(1)\n", "ended the process"),
}


@pytest.mark.parametrize("edit", BROKEN_EDITS)
def test_after_a_broken_edit_the_last_good_version_answers_and_the_reason_is_told(start, hosts, vm, edit):
    text, reason = BROKEN_EDITS[edit]
    daemon = start({"a.py": FIRST})
    daemon.write("a.py", text)
    for _call in range(2):
        answer = daemon.proxy.runFilters(["A"], hosts, vm, {})
        assert (answer["result_code"], answer["result"]) == (1, hosts[:1])
        (said,) = answer["plugin_errors"]["A"]
        assert re.search(reason, said), said
    assert list(daemon.proxy.discover()["filters"]) == ["A"]
    daemon.write("a.py", SECOND)
    assert daemon.proxy.runFilters(["A"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:2]}


def test_a_broken_edit_is_in_the_log_at_each_discover_until_it_is_mended(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    daemon.write("a.py", BROKEN)
    for _time in range(2):
        line = len(daemon.lines)
        daemon.proxy.discover()
        daemon.wait_for(r"a\.py is not used as it is now: SyntaxError: .*line 1\)", start=line)
    daemon.write("a.py", SECOND)
    line = len(daemon.lines)
    daemon.proxy.discover()
    daemon.wait_for("discover: 1 filters", start=line)
    assert not any("is not used" in said for said in daemon.lines[line:])


def test_a_reload_keeps_the_last_good_version_of_a_broken_file(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    daemon.write("a.py", BROKEN)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    answer = daemon.proxy.runFilters(["A"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:1])


def test_a_last_good_version_survives_the_death_of_its_processes(start, hosts, vm):
    dying = FIRST.replace("return hosts[:1]", "\n        if args: os.kill(os.getppid(), 9)\n        return hosts[:1]")
    daemon = start({"a.py": "import os\n" + dying})
    daemon.write("a.py", BROKEN)
    daemon.proxy.runFilters(["A"], hosts, vm, {"die": "1"})
    assert result(daemon, hosts, vm) == hosts[:1]


def test_a_call_whose_processes_died_is_asked_again(start, hosts, vm):
    kill = "open('died', 'w').close(); os.kill(os.getppid(), 9); time.sleep(9)"
    dying = FIRST.replace("return", f"\n        if not os.path.exists('died'): {kill}\n        return")
    daemon = start({"a.py": "import os, time\n" + dying})
    assert daemon.proxy.runFilters(["A"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}
    assert (daemon.plugins / "died").exists()


@pytest.mark.parametrize("keep", [False, True])
def test_a_plugin_that_kills_the_processes_at_each_call_fails_alone(start, hosts, vm, keep):
    victim = f"""
        import os, time
        KEEP_ALIVE = {keep}
        def do_filter(hosts, vm, args):
            again = os.path.exists("begun-" + __name__)
            open("begun-" + __name__, "w").close()
            time.sleep(0.3 if again else 600)
            return hosts[:1]
    """
    kills = """
        import glob, os, time
        def do_filter(hosts, vm, args):
            while len(glob.glob("begun-*")) < 3: time.sleep(0.01)
            os.kill(os.getppid(), 9)
            time.sleep(600)
    """
    victims = ["a", "b", "c"]
    daemon = start({"kills.py": kills, **{f"{name}.py": victim for name in victims}})
    answer = daemon.proxy.runFilters(["kills", *victims], hosts, vm, {})
    assert (answer["result"], list(answer["plugin_errors"])) == (hosts[:1], ["kills"])
    assert "the fork server has died" in answer["plugin_errors"]["kills"][0]


def test_a_load_during_which_processes_died_is_tried_again(start, hosts, vm, until):
    daemon = start({"a.py": FIRST})
    daemon.write("a.py", "import os, time\nopen(f'begun{os.getppid()}', 'w').close()\ntime.sleep(1)\n" + SECOND)
    caller = threading.Thread(target=result, args=(daemon, hosts, vm))
    caller.start()
    (begun,) = until(lambda: list(daemon.plugins.glob("begun*")))
    os.kill(int(begun.name.removeprefix("begun")), signal.SIGKILL)
    caller.join(60)
    assert daemon.proxy.runFilters(["A"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:2]}


def test_a_broken_module_beside_a_plugin_leaves_the_last_good_one(start, hosts, vm):
    plugin = "from _shared import N\nclass A:\n    def do_filter(self, hosts, vm, args): return hosts[:N]\n"
    daemon = start({"_shared.py": "N = 2\n", "a.py": plugin})
    daemon.write("_shared.py", "N = \n")
    answer = daemon.proxy.runFilters(["A"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:2])
    assert "_shared.py, line 1" in answer["plugin_errors"]["A"][0]
    daemon.write("_shared.py", "N = 3\n")
    assert daemon.proxy.runFilters(["A"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:3]}


def test_a_file_broken_at_start_is_used_at_the_first_call_after_it_is_mended(start, hosts, vm):
    daemon = start({"a.py": BROKEN})
    answer = daemon.proxy.runFilters(["A"], hosts, vm, {})
    assert re.search(r"a\.py is left out: SyntaxError: .*line 1\)", answer["plugin_errors"]["A"][0])
    daemon.write("a.py", FIRST)
    assert daemon.proxy.runFilters(["A"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_a_unit_taken_out_of_its_file_is_gone_at_the_next_call(start, hosts, vm):
    daemon = start({"a.py": FIRST + FIRST.replace("A", "B")})
    assert daemon.proxy.runFilters(["B"], hosts, vm, {})["result"] == hosts[:1]
    daemon.write("a.py", FIRST)
    assert daemon.proxy.runFilters(["B"], hosts, vm, {})["plugin_errors"] == {"B": ["plugin not found: 'B'"]}


def test_an_edited_conf_is_used_at_the_next_call(start, hosts, vm):
    plugin = "def do_filter(hosts, vm, args): return hosts[:int(args['n'])]\n"
    daemon = start({"few.py": plugin, "few.conf": "customProperties = n=[0-9]\ndefaultValues = 1\n"})
    assert daemon.proxy.runFilters(["few"], hosts, vm, {})["result"] == hosts[:1]
    daemon.write("few.conf", "customProperties = n=[0-9]\ndefaultValues = 2\n")
    assert daemon.proxy.runFilters(["few"], hosts, vm, {})["result"] == hosts[:2]


def test_a_file_changed_broken_and_mended_while_calls_run(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    seen: list[int] = []
    problems: list[object] = []
    stop = threading.Event()

    def call() -> None:
        with daemon.proxy as proxy:
            while not stop.is_set():
                answer = proxy.runFilters(["A"], hosts, vm, {})
                if answer["result_code"] and "Its last good version answers" not in str(answer["plugin_errors"]):
                    problems.append(answer)
                seen.append(len(answer["result"]))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    found = []
    for text in (SECOND, BROKEN, FIRST, BROKEN, SECOND):
        daemon.write("a.py", text)
        found.append(list(daemon.proxy.discover()["filters"]))
    stop.set()
    for caller in callers:
        caller.join(60)
    assert found == [["A"]] * 5
    assert problems == []
    assert set(seen) <= {1, 2}
    assert result(daemon, hosts, vm) == hosts[:2]


def test_files_appear_and_disappear_at_discover(start):
    daemon = start({"a.py": FIRST})
    daemon.write("b.py", FIRST.replace("A", "B"))
    daemon.write("notes.txt", "no plug-in")
    assert sorted(daemon.proxy.discover()["filters"]) == ["A", "B"]
    (daemon.plugins / "a.py").unlink()
    assert sorted(daemon.proxy.discover()["filters"]) == ["B"]


@pytest.mark.parametrize("keep", ["", "KEEP_ALIVE = True\n"])
def test_a_changed_module_beside_a_plugin_is_used_at_the_next_call(start, hosts, vm, keep):
    plugin = keep + "from _shared import N\nclass A:\n    def do_filter(self, hosts, vm, args): return hosts[:N]\n"
    daemon = start({"_shared.py": "N = 1\n", "a.py": plugin})
    assert result(daemon, hosts, vm) == hosts[:1]
    daemon.write("_shared.py", "N = 3\n")
    assert result(daemon, hosts, vm) == hosts[:3]


def test_a_file_that_hangs_on_import_costs_its_time_once_and_reloads_nobody_else(start, hosts, vm):
    hanging = "open('loads', 'a').write('slow,')\nimport time\ntime.sleep(600)\n"
    hanging += "def do_filter(hosts, vm, args): return hosts\n"
    counting = "open('loads', 'a').write('a,')\n" + FIRST
    daemon = start({"slow.py": hanging, "a.py": counting}, {"plugin_timeout": "5"})
    daemon.wait_for(r"slow\.py is left out: gave no answer within 5 s")
    loads = (daemon.plugins / "loads").read_text()
    assert loads.count("slow") == 1
    for _time in range(5):
        assert list(daemon.proxy.discover()["filters"]) == ["A"]
    assert (daemon.plugins / "loads").read_text() == loads
    daemon.write("slow.py", hanging.replace("600", "0"))
    assert daemon.proxy.runFilters(["slow"], hosts, vm, {}) == {"result_code": 0, "result": hosts}


def test_a_discover_without_changes_keeps_the_processes(start, hosts, vm, until):
    daemon = start({"a.py": "KEEP_ALIVE = True\n" + FIRST})
    result(daemon, hosts, vm)
    before = until(lambda: len(daemon.processes()) == 2 and daemon.processes())
    daemon.proxy.discover()
    assert daemon.processes() == before


def test_sigterm_ends_everything_and_waits_for_no_plugin_even_under_load(start, hosts, vm, until):
    daemon = start({"a.py": FIRST, "slow.py": SLOW}, {"plugin_timeout": "600", "request_timeout": "600"})
    outcomes: list[str] = []

    def call(name: str) -> None:
        try:
            outcomes.append(str(daemon.proxy.runFilters([name], hosts, vm, {})["result_code"]))
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
            outcomes.append(type(error).__name__)

    callers = [threading.Thread(target=call, args=(name,)) for name in ["Slow"] * 10 + ["A"] * 20]
    for caller in callers:
        caller.start()
    daemon.wait_for("'A' 1 hosts")
    workers = daemon.processes()
    assert workers
    assert daemon.stop() == 0
    for caller in callers:
        caller.join(60)
    assert len(outcomes) == 30
    until(lambda: not daemon.processes())


WAITS = """
    import os, time
    class Waits:
        def do_filter(self, hosts, vm, args):
            open("begun", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
            return hosts[:1]
"""


def in_flight(daemon, hosts, vm, until) -> tuple[threading.Thread, list[object]]:
    """A call that waits until the file "go" is there, and what came of it."""
    outcome: list[object] = []

    def call() -> None:
        try:
            outcome.append(daemon.proxy.runFilters(["Waits"], hosts, vm, {}))
        except OSError as error:
            outcome.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    until((daemon.plugins / "begun").exists)
    return caller, outcome


def test_a_call_in_flight_is_answered_after_sigterm(start, hosts, vm, until):
    daemon = start({"waits.py": WAITS})
    caller, outcome = in_flight(daemon, hosts, vm, until)
    daemon.process.send_signal(signal.SIGTERM)
    until(lambda: refuses(daemon.port))
    (daemon.plugins / "go").touch()
    caller.join(60)
    assert outcome == [{"result_code": 0, "result": hosts[:1]}]
    assert daemon.stop() == 0


def test_a_daemon_that_is_told_again_and_again_to_end_ends_well(start, until):
    daemon = start({"waits.py": WAITS})

    def ended() -> bool:
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGHUP)
        return daemon.process.poll() is not None

    daemon.process.send_signal(signal.SIGTERM)
    until(ended)
    assert daemon.stop() == 0


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_call_that_does_not_end_is_reset_at_sigterm_and_blamed_on_no_unit(start, hosts, vm, until):
    daemon = start({"waits.py": WAITS}, {"plugin_timeout": "600", "request_timeout": "600"})
    caller, outcome = in_flight(daemon, hosts, vm, until)
    assert daemon.stop() == 0
    caller.join(60)
    assert isinstance(outcome[0], OSError), outcome
    assert not any("gave no answer" in line or "all filters failed" in line for line in daemon.lines)


def test_out_of_descriptors_is_a_line_a_second_and_passes(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    limit = len(os.listdir(f"/proc/{daemon.process.pid}/fd")) + 20
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    line, started = len(daemon.lines), time.monotonic()
    clients = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(100)]
    daemon.wait_for("Too many open files", start=line)
    time.sleep(3)
    assert 1 <= len(daemon.lines) - line <= 2 + time.monotonic() - started, daemon.lines[line:]
    for client in clients:
        client.close()
    assert result(daemon, hosts, vm) == hosts[:1]


def test_a_failure_is_one_record_in_the_log_with_its_traceback(start, hosts, vm):
    plugin = """
        def inner(): raise ValueError("no luck")
        def do_filter(hosts, vm, args): inner()
    """
    daemon = start({"a.py": plugin})
    line = len(daemon.lines)
    daemon.proxy.runFilters(["a"], hosts, vm, {})
    daemon.wait_for(r"1 of 6 hosts|6 of 6 hosts", start=line)
    said = daemon.lines[line:]
    assert re.search(r"WARNING .*filters 'a' gave no answer: ValueError: no luck \(.*a\.py, line 2\)$", said[0])
    assert "    Traceback (most recent call last):" in said
    assert all(each.startswith("    ") for each in said[1:-1])
    assert not any("worker" in each for each in said)


@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("warning", 0)])
def test_log_level_says_whether_each_call_has_a_line(start, hosts, vm, level, lines):
    daemon = start({"a.py": FIRST}, {"log_level": "info"})
    daemon.configure({"log_level": level})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    line = len(daemon.lines)
    result(daemon, hosts, vm)
    daemon.stop()
    assert len([said for said in daemon.lines[line:] if "hosts pass" in said]) == lines


def test_systemd_is_told_when_the_port_answers(tmp_path):
    conf = tmp_path / "scheduler.conf"
    conf.write_text("port = 0\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(conf)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        try:
            assert channel.recv(100) == b"READY=1"
        finally:
            process.terminate()
            process.wait(60)


def test_sigterm_ends_a_daemon_that_still_loads_plugins(tmp_path, until):
    folder = tmp_path / "plugged"
    folder.mkdir()
    for number in range(4):
        sleepy = f"open('begun{number}', 'w').close()\nimport time\ntime.sleep(600)\n"
        (folder / f"sleepy{number}.py").write_text(sleepy)
    conf = tmp_path / "scheduler.conf"
    conf.write_text(f"port=0\nplugins_path={folder}\nplugin_timeout=600\n")
    command = [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(conf)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        until((folder / "begun0").exists)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_plugin_may_be_called_like_a_module_of_the_standard_library(start, hosts, vm):
    plugin = "import random, dataclasses, logging\ndef do_filter(hosts, vm, args): return hosts[:1]\n"
    daemon = start({"types.py": plugin, "json.py": plugin})
    assert daemon.proxy.runFilters(["types", "json"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_what_a_plugin_says_cannot_forge_a_log_line(start, hosts, vm):
    daemon = start({"a.py": "def do_filter(hosts, vm, args): raise ValueError('x\\nINFO forged: line\\x1b[2J')\n"})
    daemon.proxy.runFilters(["a"], hosts, vm, {})
    daemon.wait_for("gave no answer: ValueError: x INFO forged: line")
    assert not any(line.startswith("INFO forged") for line in daemon.lines)


def test_a_killed_daemon_leaves_no_idle_workers(start, hosts, vm, until):
    daemon = start({"a.py": FIRST})
    result(daemon, hosts, vm)
    daemon.stop(signal.SIGKILL)
    assert until(lambda: not daemon.processes())


def test_sighup_reads_the_configuration_anew(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    other = daemon.folder / "other"
    other.mkdir()
    (other / "a.py").write_text(SECOND)
    daemon.configure({"plugins_path": str(other)})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    assert result(daemon, hosts, vm) == hosts[:2]


def test_a_bad_file_at_sighup_leaves_the_old_configuration_running(start, hosts, vm):
    daemon = start({"a.py": FIRST})
    daemon.configure({"plugin_timeout": "soon"})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(r"not reloaded, the old configuration stays: \[DEFAULT\] plugin_timeout is 'soon', which is not")
    assert result(daemon, hosts, vm) == hosts[:1]


def test_a_call_that_runs_at_a_reload_ends_on_what_it_began_with(start, hosts, vm, until):
    daemon = start({"waits.py": WAITS})
    caller, outcome = in_flight(daemon, hosts, vm, until)
    daemon.write("waits.py", WAITS.replace("hosts[:1]", "hosts[:2]"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    (daemon.plugins / "go").touch()
    caller.join(60)
    assert outcome == [{"result_code": 0, "result": hosts[:1]}]
    assert daemon.proxy.runFilters(["Waits"], hosts, vm, {})["result"] == hosts[:2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 99999\n", "[DEFAULT] port is '99999', which is not allowed"),
        ("listen = 0.0.0.0\n", "can be reached from other machines"),
        ("ssl = true\n", "openssl req -x509"),
        ("scheduler_default_filters = NoSuchFilter\n", "NoSuchFilter"),
        ("[[\n", "line 1"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_a_sentence(tmp_path, text, said):
    conf = tmp_path / "scheduler.conf"
    conf.write_text(text)
    refused = run("--config-file", str(conf))
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_version_is_printed():
    assert run("--version").stdout == f"filtersched-proxy {__version__}\n"


def test_a_port_in_use_is_a_sentence(start):
    daemon = start()
    conf = daemon.folder / "second.conf"
    conf.write_text(f"port = {daemon.port}\n")
    refused = run("--config-file", str(conf))
    assert refused.returncode == 1
    assert "cannot serve" in refused.stderr


def test_a_conf_broken_by_an_edit_leaves_the_last_good_one(start, hosts, vm):
    plugin = "def do_filter(hosts, vm, args): return hosts[:int(args['n'])]\n"
    daemon = start({"few.py": plugin, "few.conf": "customProperties = n=[0-9]\ndefaultValues = 2\n"})
    daemon.write("few.conf", "customProperties = n\n")
    answer = daemon.proxy.runFilters(["few"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:2])
    assert "the engine would refuse its properties 'n'" in answer["plugin_errors"]["few"][0]


def test_calls_need_not_wait_for_an_edit_that_hangs_when_another_call_has_met_it(start, hosts, vm, until):
    daemon = start({"a.py": FIRST}, {"plugin_timeout": "600", "request_timeout": "600"})
    hanging = "open('begun', 'w').close()\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
    daemon.write("a.py", hanging + SECOND)
    first = threading.Thread(target=result, args=(daemon, hosts, vm))
    first.start()
    until((daemon.plugins / "begun").exists)
    assert result(daemon, hosts, vm) == hosts[:1]
    assert first.is_alive()
    (daemon.plugins / "go").touch()
    first.join(60)
    assert result(daemon, hosts, vm) == hosts[:2]


def test_a_folder_that_can_not_be_read_for_a_moment_keeps_its_units(start, hosts, vm, until):
    daemon = start({"a.py": FIRST})
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=240) as client:
        until(lambda: is_taken(daemon.port, client.getsockname()[1]))
        _soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (3, hard))
        body = xmlrpc.client.dumps((), "discover").encode()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
        client.sendall(head % len(body) + body)
        answer = client.recv(100_000)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert b"<name>A</name>" in answer
    daemon.wait_for("cannot be read: Too many open files")
    assert result(daemon, hosts, vm) == hosts[:1]


def is_taken(port: int, client: int) -> bool:
    """Whether a connection from a client's port is accepted: until then its socket belongs to no process."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return any(row[1].endswith(f":{port:04X}") and row[2].endswith(f":{client:04X}") and row[9] != "0" for row in rows)


def test_a_stop_does_not_wait_for_a_reload_that_hangs(start, until):
    hanging = "open('begun', 'w').close()\nimport time\ntime.sleep(600)\n"
    daemon = start({"a.py": FIRST}, {"plugin_timeout": "600"})
    daemon.write("b.py", hanging)
    daemon.process.send_signal(signal.SIGHUP)
    until((daemon.plugins / "begun").exists)
    assert daemon.stop() == 0
