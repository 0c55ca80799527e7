"""A live daemon on loopback, and what tests say to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HOSTS = [f"{digit * 8}-1111-4111-8111-111111111111" for digit in "abcdef"]
VM = "33333333-3333-4333-8333-333333333333"
# A busy machine may keep anything waiting for so many seconds: bounds that only end a hang, never a measure.
PATIENCE = 60
PATIENT = {"port": "0", "plugin_timeout": str(PATIENCE), "request_timeout": str(2 * PATIENCE)}


class Daemon:
    """A running filtersched-proxy with a folder of plug-in files."""

    def __init__(self, folder: Path, plugins: dict[str, str], conf: dict[str, str], extra: str = "") -> None:
        self.folder = folder
        self.plugins = folder / "plugged"
        self.plugins.mkdir(parents=True, exist_ok=True)
        for name, text in plugins.items():
            self.write(name, text)
        self.conf = folder / "scheduler.conf"
        self.configure(conf, extra)
        self.lines: list[str] = []
        self._grew = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "filtersched.ovirt", "--config-file", str(self.conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            found = self.wait_for(r"serving on (https?)://([^:]+):(\d+)/")
        except AssertionError:
            self.stop()
            raise
        self.scheme, self.port = found[1], int(found[3])

    def configure(self, conf: dict[str, str], extra: str = "") -> None:
        """Write the configuration file: the keys, then `extra` as it is."""
        keys = {"plugins_path": str(self.plugins), **PATIENT, **conf}
        self.conf.write_text("".join(f"{key} = {value}\n" for key, value in keys.items()) + extra)

    def write(self, name: str, text: str) -> None:
        """Write a plug-in file, in one step so that no half of it is ever seen."""
        new = self.plugins / f"{name}.new"
        new.write_text(textwrap.dedent(text))
        new.rename(self.plugins / name)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._grew:
                self.lines.append(line.rstrip("\n"))
                self._grew.notify_all()
        with self._grew:
            self._grew.notify_all()

    def wait_for(self, pattern: str, *, seconds: float = PATIENCE, start: int = 0) -> re.Match[str]:
        """The first match of `pattern` in the log, from line `start` on; waits for it."""
        give_up = time.monotonic() + seconds
        with self._grew:
            while True:
                for line in self.lines[start:]:
                    if found := re.search(pattern, line):
                        return found
                left = give_up - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"no {pattern!r} in the log:\n" + "\n".join(self.lines))
                self._grew.wait(min(left, 0.5))

    def wait_for_line(self, pattern: str) -> int:
        """The number of the line that follows the first match in the log; waits for it."""
        self.wait_for(pattern)
        return 1 + next(number for number, line in enumerate(self.lines) if re.search(pattern, line))

    @property
    def plugin_files(self) -> list[Path]:
        """The plug-in files in its folder."""
        return list(self.plugins.glob("*.py"))

    @property
    def proxy(self) -> xmlrpc.client.ServerProxy:
        """A client of its own."""
        return xmlrpc.client.ServerProxy(f"{self.scheme}://127.0.0.1:{self.port}/", allow_none=True)

    def send(self, data: bytes, *, seconds: float = PATIENCE) -> bytes:
        """What the daemon answers to raw bytes, until it hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            return everything(connection)

    def post(self, body: bytes, headers: str = "Content-Type: text/xml\r\n") -> tuple[int, bytes]:
        """(HTTP status, body) of the answer to a request body."""
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        answer = self.send(head.encode() + body)
        status, _, rest = answer.partition(b"\r\n")
        return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]

    def fault(self, body: bytes) -> xmlrpc.client.Fault:
        """The fault that a request body is answered with."""
        status, text = self.post(body)
        assert status == 200
        with pytest.raises(xmlrpc.client.Fault) as caught:
            xmlrpc.client.loads(text)
        assert set(fault_members(text)) == {"faultCode", "faultString"}
        return caught.value

    def processes(self) -> list[int]:
        """The processes that the daemon's workers are, or started; also those that hid from it."""
        mark = f"FILTERSCHED_WORKER={self.process.pid}-".encode()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes():
                    found.append(int(name))
        return found

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = PATIENCE) -> int:
        """End the daemon; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        self._reader.join(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return status


def everything(connection: socket.socket) -> bytes:
    """All that arrives until the other side hangs up."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def fault_members(text: bytes) -> list[str]:
    """The names of the members of a fault's struct."""
    return re.findall(r"<name>(.*?)</name>", text.decode())


def until(claim: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """What `claim` returns once that is true; waits for it."""
    give_up = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < give_up, f"{claim} did not come true"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def hosts() -> list[str]:
    """Six host ids."""
    return list(HOSTS)


@pytest.fixture(scope="session")
def vm() -> str:
    """A VM id."""
    return VM


@pytest.fixture(name="until", scope="session")
def until_fixture() -> Callable[..., Any]:
    """Wait until something comes true."""
    return until


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons that live as long as the tests of a file."""
    yield from _starter(lambda: tmp_path_factory.mktemp("daemon"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons for one test."""
    serial = iter(range(1000))
    yield from _starter(lambda: tmp_path / f"daemon{next(serial)}")


def _starter(new_folder: Callable[[], Path]) -> Iterator[Callable[..., Daemon]]:
    daemons: list[Daemon] = []

    def begin(
        plugins: dict[str, str] | None = None, conf: dict[str, str] | None = None, extra: str = ""
    ) -> Daemon:
        daemons.append(Daemon(new_folder(), plugins or {}, conf or {}, extra))
        return daemons[-1]

    yield begin
    for daemon in daemons:
        daemon.stop()
    for daemon in daemons:
        assert until(lambda one=daemon: not one.processes())  # type: ignore[misc]
