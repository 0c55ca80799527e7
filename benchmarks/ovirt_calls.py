"""What a call of the oVirt daemon costs, next to starting one Python per unit.

The original proxy started `python3 -c "import plugin; …"` for each unit of each call. One such start
alone is measured here, without the plug-in's work, in turn with the calls, so that both meet the same
load. The daemon is a live one, called over HTTP by a separate client. Each call of a plug-in file
has a fresh process, but for the files that ask to be kept alive.

    python benchmarks/ovirt_calls.py                 medians and ratios
    python benchmarks/ovirt_calls.py --soak 10000    memory before and after so many mixed calls
"""

from __future__ import annotations

import argparse
import functools
import http.client
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNITS = 5
VM = "33333333-3333-4333-8333-333333333333"
PLUGIN = """
KEEP_ALIVE = {keep}
class {name}:
    def do_filter(self, hosts, vm, args):
        print([host for place, host in enumerate(hosts) if place % {every}])
"""
BAD = """
import os, sys, time
class Raises:
    def do_filter(self, hosts, vm, args): raise ValueError("no")
class Dies:
    def do_filter(self, hosts, vm, args): os._exit(1)
class Garbage:
    def do_filter(self, hosts, vm, args): print("[[[")
class Floods:
    def do_filter(self, hosts, vm, args):
        while True: os.write(1, b"x" * 65536)
class Chatters:
    def do_filter(self, hosts, vm, args):
        print("oh dear", file=sys.stderr)
        return hosts
"""
EVERY = {"U0": 2, "U1": 3, "U2": 5, "U3": 7, "U4": 11}


class Daemon:
    """A daemon with five good units, started for the measurement."""

    def __init__(self, folder: Path, *, keep: bool = False, **conf: str) -> None:
        for name, every in EVERY.items():
            (folder / f"{name.lower()}.py").write_text(PLUGIN.format(name=name, every=every, keep=keep))
        (folder / "bad.py").write_text(BAD)
        keys = {"port": "0", "plugins_path": str(folder), "max_plugin_output_bytes": "1000000", **conf}
        path = folder / "scheduler.conf"
        path.write_text("".join(f"{key} = {value}\n" for key, value in keys.items()))
        self.log = (folder / "log").open("w+")
        command = [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(path)]
        self.process = subprocess.Popen(command, stderr=self.log)
        while (found := re.search(r"serving on http://[^:]+:(\d+)/", Path(self.log.name).read_text())) is None:
            if self.process.poll() is not None:
                raise SystemExit(Path(self.log.name).read_text())
            time.sleep(0.05)
        self.port = int(found[1])

    def post(self, body: bytes) -> bytes:
        """The body of the answer; one connection per call, as the engine does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", body, {"Content-Type": "text/xml"})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def memory_mb(self) -> float:
        """Resident memory of the daemon's own process, in MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", text)
        return int(found[1]) / 1024 if found else 0.0

    def children(self) -> int:
        """How many processes it has started and not ended: the fork server."""
        text = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return len(text.stdout.split())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.log.close()


def engine_call(method: str, *arguments: Any) -> bytes:
    """A call in the engine's spelling: bare strings, no line breaks."""
    body = xmlrpc.client.dumps(arguments, method, allow_none=True)
    body = body.replace("<string>", "").replace("</string>", "").replace("<int>", "<i4>").replace("</int>", "</i4>")
    return body.replace("\n", "").encode()


def ids(count: int) -> list[str]:
    return [f"{number:08x}-1111-4111-8111-111111111111" for number in range(count)]


def milliseconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def start_python() -> None:
    """What the original pays for each unit of a call, before the plug-in is even imported."""
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def compared(what: str, act: Callable[[], Any], times: int = 40) -> None:
    """Print the median of `act` beside that of starting one Python, measured in turn."""
    act()
    starts, calls = [], []
    for _time in range(times):
        starts.append(milliseconds(start_python))
        calls.append(milliseconds(act))
    start, call = statistics.median(starts), statistics.median(calls)
    print(f"{what:48} {call:7.1f} ms; one Python started: {start:6.1f} ms; ratio {call / start:5.2f}")


def documents(hosts: list[str]) -> str:
    """Hosts of version 4, about as long as the engine makes them."""
    links = "".join(f'<link href="/ovirt-engine/api/x/{rel}" rel="{rel}"/>' for rel in ("nics", "hooks", "tags") * 4)
    document = (
        '<host href="/ovirt-engine/api/hosts/{id}" id="{id}"><name>host-{id}</name>' + links + "<comment/>"
        "<cpu><name>AMD EPYC</name><speed>2245.0</speed><topology><cores>16</cores><sockets>2</sockets>"
        "<threads>2</threads></topology><type>EPYC</type></cpu><memory>274877906944</memory>"
        "<max_scheduling_memory>{free}</max_scheduling_memory><status>up</status>"
        '<cluster id="99999999-1111-4111-8111-111111111111"/><summary><active>3</active></summary></host>'
    )
    texts = [document.format(id=host, free=(place % 64) << 30) for place, host in enumerate(hosts)]
    return f"<hosts>{''.join(texts)}</hosts>"


def check(daemon: Daemon, body: bytes, expected: list[str]) -> None:
    """The answers must be right before their time means anything."""
    ((answer,), _method) = xmlrpc.client.loads(daemon.post(body))
    assert answer == {"result_code": 0, "result": expected} or answer == expected, str(answer)[:500]


def measure(folder: Path) -> None:
    for keep in (False, True):
        daemon = Daemon(folder, keep=keep)
        for count in (1000, 5000):
            hosts = ids(count)
            for units in (1, UNITS):
                names = list(EVERY)[:units]
                body = engine_call("runFilters", names, hosts, VM, {})
                check(daemon, body, [h for n, h in enumerate(hosts) if all(n % EVERY[name] for name in names)])
                kind = "kept alive" if keep else "a fresh process a call"
                compared(f"{count} ids, {units} unit(s), {kind}:", functools.partial(daemon.post, body))
        compared("discover:", functools.partial(daemon.post, engine_call("discover")))
        daemon.stop()
    page = Daemon(folder, dialect="page", scheduler_default_filters="RamFilter,ComputeFilter")
    hosts = ids(1000)
    vm = f'<vm id="{VM}"><memory>{32 << 30}</memory></vm>'
    body = engine_call("runFilters", ["RamFilter", "ComputeFilter"], documents(hosts), vm, {})
    check(page, body, [host for place, host in enumerate(hosts) if place % 64 >= 32])
    compared(f"2 library filters, 1000 hosts as {len(body) / 1e6:.1f} MB of XML:", lambda: page.post(body))
    page.stop()


def soak(folder: Path, calls: int) -> None:
    daemon = Daemon(folder, request_timeout="3", plugin_timeout="1")
    hosts = ids(200)
    good = engine_call("runFilters", list(EVERY), hosts, VM, {})
    mixed = [
        good,
        good,
        good,
        engine_call("runFilters", ["U0", "Raises", "Chatters"], hosts, VM, {}),
        engine_call("runFilters", ["U1", "Garbage", "NoSuch"], hosts, VM, {"k": None}),
        engine_call("runCostFunctions", [["U0", 1]], hosts, VM, ""),
        engine_call("runLoadBalancing", "NoSuch", hosts, {}),
        engine_call("discover"),
        engine_call("no.such.method"),
        b"<methodCall>" + b"<a>" * 1000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><methodCall/>',
        b"\xff\xfe" * 1000,
    ]
    rare = [engine_call("runFilters", ["U0", name], hosts, VM, {}) for name in ("Dies", "Floods")]
    for body in mixed * 20:
        daemon.post(body)
    before, children = daemon.memory_mb(), daemon.children()
    started = time.perf_counter()
    for number in range(calls):
        daemon.post(rare[number // 50 % 2] if number % 50 == 49 else mixed[number % len(mixed)])
        if number % 2000 == 1999:
            print(f"  after {number + 1:6} calls: {daemon.memory_mb():.1f} MiB, {daemon.children()} own processes")
    took = time.perf_counter() - started
    print(f"{calls} mixed calls in {took:.0f} s: {before:.1f} MiB and {children} own processes before,")
    print(f"{daemon.memory_mb():.1f} MiB and {daemon.children()} own processes after")
    daemon.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--soak", type=int, metavar="CALLS", help="make so many mixed good and hostile calls")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.soak:
            soak(Path(folder), options.soak)
        else:
            measure(Path(folder))


if __name__ == "__main__":
    main()
