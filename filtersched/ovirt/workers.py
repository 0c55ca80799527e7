"""The daemon's side of the processes in which plug-in files run; fork_server and worker are their inside.

Each call has a worker forked from the fork server. Unless the file asks to stay alive, the worker's
process group ends with the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from filtersched.ovirt.errors import ForkServerDied, NoProcess, UnitError
from filtersched.ovirt.fork_server import BEGUN, adopt_orphans, kill_children
from filtersched.ovirt.settings import Settings

WORKERS_PER_FILE = max(2, min(4, os.cpu_count() or 2))
_MOST_READY = 8
_MODULES_A_MESSAGE = 500
_PIECE = 1 << 18
_GRACE = 0.3  # seconds that a worker may take to exit by itself


@dataclass(slots=True)
class Version:
    """A version of a plug-in file; `setup` is what a worker needs to run it, members of a JSON object."""

    setup: bytes
    keep_alive: bool = False
    retired: bool = False
    idle: list[Worker] = field(default_factory=list)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WORKERS_PER_FILE))

    def retire(self) -> None:
        """No new call will come; those that run end as they would have."""
        self.retired = True
        _end_all(self.idle)


class Workers:
    """The fork server, started when it is needed, and the workers that are ready for a call."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._modules: dict[str, None] = {}
        self._ready: list[Worker] = []
        self._busy = self._most_busy = 0
        self._again = asyncio.Lock()
        self._settings = Settings()

    def configure(self, settings: Settings) -> None:
        """Heed these settings from now on."""
        self._settings = settings
        _end_all(self._ready)

    async def ask(self, version: Version, question: bytes, *, reply_bytes: int = 0) -> tuple[dict[str, Any], str]:
        """The reply to a question, members of a JSON object, and what the worker wrote to stderr.

        reply_bytes : how long the reply may be, if that is more than what a plug-in may print.
        Raises UnitError if there is no answer in time.
        """
        async with version.slots:
            try:
                return await self._ask(version, question, reply_bytes)
            except ForkServerDied:  # maybe by what another plug-in did
                # One at a time: if that other one does it again, it does it alone.
                async with self._again:
                    return await self._ask(version, question, reply_bytes)

    async def _ask(self, version: Version, question: bytes, reply_bytes: int) -> tuple[dict[str, Any], str]:
        worker = _alive(version.idle) or _alive(self._ready) or self._fork()
        self._busy += 1
        self._most_busy = max(self._most_busy, self._busy)
        usable = False
        try:
            asked = b"{%b, %b}\n" % (version.setup, question)
            reply = await worker.ask(asked, self._settings.plugin_timeout, reply_bytes)
            usable = not reply.get("spoiled")
            stderr = worker.stderr()
        except UnitError as error:
            if error.late and not worker.begun():
                self._modules = {}  # it did not get as far as to fork: maybe something that it imports hangs
                self.close()
            if isinstance(error, ForkServerDied):
                _end_all(version.idle)  # they are dying, too, and so are those that are ready
                if worker.control is self._control:
                    self.close()
            error.details = worker.stderr()
            raise
        finally:
            self._busy -= 1
            if usable and version.keep_alive and not version.retired:
                version.idle.append(worker)
            else:
                worker.end(gently=usable)
                # Not now: the answer goes first, and so do other units of the call.
                asyncio.get_running_loop().call_later(0.002, self._refill)
        if "error" in reply:
            raise UnitError(reply["error"], details=f"{reply.get('traceback', '')}\n{stderr}")
        return reply, stderr

    def preload(self, modules: Iterable[str]) -> None:
        """Have the fork server import modules, so that calls need not."""
        new = [name for name in modules if name not in self._modules]
        self._modules.update(dict.fromkeys(new))
        for at in range(0, len(new), _MODULES_A_MESSAGE):
            if self._control is not None:
                with contextlib.suppress(OSError):
                    self._control.send(json.dumps(new[at : at + _MODULES_A_MESSAGE]).encode())
        if new:
            _end_all(self._ready)

    def close(self) -> None:
        """End all processes."""
        _end_all(self._ready)
        if self._control is not None:
            self._control.close()
        process, self._process, self._control = self._process, None, None
        if process is not None:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
            kill_children()  # of workers whose fork server died

    def _refill(self) -> None:
        """Fork workers for the next call; they have run nothing of a plug-in yet."""
        with contextlib.suppress(UnitError):
            while self._control is not None and not self._busy and len(self._ready) < min(self._most_busy, _MOST_READY):
                self._ready.append(self._fork())

    def _fork(self) -> Worker:
        try:
            with contextlib.suppress(ConnectionError):
                return Worker(self._control or self._started(), self._settings.max_plugin_output_bytes)
            self.close()  # it died
            return Worker(self._started(), self._settings.max_plugin_output_bytes)
        except OSError as error:
            raise NoProcess(f"no process could be started: {error}") from error

    def _started(self) -> socket.socket:
        adopt_orphans()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "filtersched.ovirt.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "FILTERSCHED_WORKER": f"{os.getpid()}-"},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._control.setblocking(False)
        modules, self._modules = self._modules, {}
        self.preload(modules)
        return self._control


class Worker:
    """One forked process: a channel for questions, a line to the fork server about it, and its stderr."""

    def __init__(self, control: socket.socket, output_bytes: int) -> None:
        self.control = control
        self._bound = output_bytes
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:

            def pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
                parent, child = socket.socketpair(socket.AF_UNIX, kind)
                parent.setblocking(False)
                return ours.enter_context(parent), theirs.enter_context(child)

            self._line, line = pair(socket.SOCK_SEQPACKET)
            self._channel, channel = pair(socket.SOCK_STREAM)
            self._stderr = _bounded_file(output_bytes)
            ours.callback(os.close, self._stderr)
            stdout = _bounded_file(output_bytes)
            theirs.callback(os.close, stdout)
            socket.send_fds(control, [b"fork"], [line.fileno(), channel.fileno(), stdout, self._stderr])
            self._open = ours.pop_all()

    async def ask(self, question: bytes, seconds: float, reply_bytes: int) -> dict[str, Any]:
        """The reply to a question, JSON in a line. Raises UnitError if there is none in time."""
        loop, answer, most = asyncio.get_running_loop(), bytearray(), max(self._bound, reply_bytes)
        os.lseek(self._stderr, 0, os.SEEK_SET)
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_sendall(self._channel, question)
                while not answer.endswith(b"\n"):
                    piece = await loop.sock_recv(self._channel, _PIECE)
                    answer += piece
                    if not piece or len(answer) > most:
                        break
        except TimeoutError:
            raise UnitError(f"gave no answer within {seconds:g} s", late=True) from None
        except OSError:
            answer.clear()
        if len(answer) > most:
            raise UnitError(f"answered with more than {most} bytes")
        if not answer.endswith(b"\n"):
            raise UnitError(f"ended the process{await self._how_it_ended()}{last_words(self.stderr())}")
        with contextlib.suppress(ValueError, RecursionError):
            reply = json.loads(answer)
            if isinstance(reply, dict):
                return reply
        raise UnitError("answered with something that cannot be read")

    async def _how_it_ended(self) -> str:
        """How a worker ended that has hung up, in brackets. Raises NoProcess if that says nothing about its file."""
        said: list[bytes] = []
        self._channel.close()
        try:
            async with asyncio.timeout(5):
                while message := await asyncio.get_running_loop().sock_recv(self._line, 200):
                    said.append(message)
        except TimeoutError:
            return ""
        except OSError:
            said.clear()
        if said and said[0] != BEGUN:
            raise NoProcess(f"no process could be started: {said[0].decode()}")
        if len(said) < 2:
            raise ForkServerDied("its process was lost: the fork server has died")
        return said[1].decode()

    def begun(self) -> bool:
        """Whether the fork server got as far as to fork it."""
        try:
            return bool(self._line.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def stderr(self) -> str:
        """What it has written to stderr since it was asked."""
        written = min(self._bound, os.lseek(self._stderr, 0, os.SEEK_CUR))
        return os.pread(self._stderr, written, 0).decode(errors="replace").strip()

    def alive(self) -> bool:
        """Whether the process still listens."""
        try:
            return bool(self._channel.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def end(self, *, gently: bool) -> None:
        """Have the process ended with all that it started; gently: it may exit by itself first."""
        self._channel.close()
        if gently:
            asyncio.get_running_loop().call_later(_GRACE, self._open.close)
        else:
            self._open.close()


def _bounded_file(size: int) -> int:
    """A file in memory that cannot grow: bounds what is printed, but not the files that a plug-in writes."""
    fd = os.memfd_create("printed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return fd


def _alive(workers: list[Worker]) -> Worker | None:
    while workers:
        worker = workers.pop()
        if worker.alive():
            return worker
        worker.end(gently=False)
    return None


def _end_all(workers: list[Worker]) -> None:
    while workers:
        workers.pop().end(gently=False)


def last_words(stderr: str) -> str:
    """The last line on stderr, for a sentence about a failure."""
    return f"; its last words on stderr: {stderr.splitlines()[-1].strip()[:200]!r}" if stderr else ""
