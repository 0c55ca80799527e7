"""The daemon's side of a plug-in file's processes; fork_server and worker are their inside.

Each version of a file has a fork server. Each call has a worker forked from it, in a process group
of its own that is ended as a whole, unless the file asks to be kept alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.fork_server import MAX_MESSAGE
from filtersched.ovirt.settings import Settings

WORKERS_PER_FILE = max(2, min(4, os.cpu_count() or 2))
_PIECE = 1 << 18


@dataclass(slots=True)
class Source:
    """A version of a plug-in file.

    modules : what it imports of installed modules; the fork server has them ready.
    fresh : path -> text of other modules that it imports; each call runs them afresh.
    """

    path: str
    name: str
    text: bytes
    modules: Sequence[str] = ()
    fresh: Mapping[str, bytes] = field(default_factory=dict)
    keep_alive: bool = False


class ForkServer:
    """The processes of one version of a file: started by the first question, and again if they die."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._idle: list[_Worker] = []
        self._forking: deque[_Worker] = deque()
        self._dying: dict[int, asyncio.Future[str]] = {}
        self._slots = asyncio.Semaphore(WORKERS_PER_FILE)
        self._calls = 0
        self._retired = False

    async def ask(self, question: bytes) -> tuple[dict[str, Any], str]:
        """The reply of a worker, and what it wrote to stderr. Raises UnitError if there is no answer in time."""
        self._calls += 1
        try:
            async with self._slots:
                worker = self._free()
                usable = False
                try:
                    reply = await worker.ask(question)
                    usable = not reply.get("spoiled")
                finally:
                    stderr = worker.stderr()
                    if usable and self.source.keep_alive and not self._retired:
                        self._idle.append(worker)
                    else:
                        worker.end(gently=usable)
                        # Not now: the answer goes first.
                        asyncio.get_running_loop().call_later(0.002, self.have_one_ready)
        except UnitError as error:
            error.details = stderr
            raise
        finally:
            self._calls -= 1
            if self._retired and not self._calls:
                await self.close()
        if "error" in reply:
            raise UnitError(reply["error"], details=f"{reply.get('traceback', '')}\n{stderr}")
        return reply, stderr

    def have_one_ready(self) -> None:
        """Fork a worker for the next call; it has run nothing of the plug-in yet."""
        if not self._idle and not self._retired:
            with contextlib.suppress(UnitError):
                self._idle.append(self._fork())

    async def retire(self) -> None:
        """End once the calls that run have ended."""
        self._retired = True
        if not self._calls:
            await self.close()

    async def close(self) -> None:
        """End all processes now."""
        idle, self._idle = self._idle, []
        for worker in idle:
            worker.end(gently=False)
        process, self._process = self._process, None
        self._hang_up()
        if process is not None:
            give_up = asyncio.get_running_loop().time() + 1.0
            while process.poll() is None and asyncio.get_running_loop().time() < give_up:
                await asyncio.sleep(0.01)
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)

    def tell(self, message: bytes, fds: Sequence[int] = ()) -> None:
        """Tell the fork server, if there is one, to fork or to end a worker."""
        if self._control is not None:
            socket.send_fds(self._control, [message], fds)

    def end(self, pid: int, *, gently: bool) -> None:
        """Have a worker ended with all that it started; gently: it may exit by itself first."""
        with contextlib.suppress(OSError):
            self.tell(json.dumps({"end": pid, "gently": gently}).encode())

    async def how_it_ended(self, pid: int) -> str:
        """How a worker ended, in brackets; it has hung up, so it ends in a moment if ever."""
        if self._control is None:
            return ""
        dying = self._dying[pid] = asyncio.get_running_loop().create_future()
        self.end(pid, gently=True)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(dying, 2)
        return ""

    def _free(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive():
                return worker
            worker.end(gently=False)
        return self._fork()

    def _fork(self) -> _Worker:
        try:
            if self._control is None:
                self._start()
            worker = _Worker(self)
        except OSError as error:
            raise UnitError(f"no process could be started: {error}") from error
        self._forking.append(worker)
        return worker

    def _start(self) -> None:
        setup = {
            "path": self.source.path,
            "name": self.source.name,
            "source": self.source.text.decode("latin-1"),
            "modules": list(self.source.modules),
            "fresh": {path: text.decode("latin-1") for path, text in self.source.fresh.items()},
            "memory_mb": self.settings.plugin_memory_mb,
            "output_bytes": self.settings.max_plugin_output_bytes,
        }
        if self._process is not None:
            self._process.wait(5)  # it hung up, so it has ended
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(setup).encode())
            stdin.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "filtersched.ovirt.fork_server", str(theirs.fileno())],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=os.path.dirname(self.source.path),
                env={**os.environ, "FILTERSCHED_WORKER": f"{os.getpid()}-"},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def _hear(self) -> None:
        """The fork server tells what it has forked, in the order asked, and what has ended."""
        try:
            message = b"" if self._control is None else self._control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._hang_up()
            return
        told = json.loads(message)
        if "forked" in told:
            self._forking.popleft().forked(told["forked"])
        elif (dying := self._dying.pop(told["ended"], None)) is not None and not dying.done():
            dying.set_result(told["how"])

    def _hang_up(self) -> None:
        """The fork server ends its workers and itself, or has died."""
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        if self._forking:
            self.source.modules = ()  # it did not get as far as to fork: maybe something that it imports hangs
            self._forking.clear()
        for dying in self._dying.values():
            if not dying.done():
                dying.set_result("")
        self._dying.clear()


class _Worker:
    """One forked process: a channel for questions, and a pipe for its stderr."""

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self._pid = 0
        self._ended = self._flooded = False
        self._heard = bytearray()
        self._loop = asyncio.get_running_loop()
        self._stderr, stderr = os.pipe()
        try:
            self._channel, channel = socket.socketpair()
            with channel:
                server.tell(b"{}", [channel.fileno(), stderr])
        except OSError:
            os.close(self._stderr)
            raise
        finally:
            os.close(stderr)
        self._channel.setblocking(False)
        os.set_blocking(self._stderr, False)
        self._loop.add_reader(self._stderr, self._hear)

    def forked(self, pid: int) -> None:
        """It has begun; -1: it could not."""
        self._pid = pid
        if self._ended:
            self._server.end(pid, gently=False)

    async def ask(self, question: bytes) -> dict[str, Any]:
        """The reply to a question, JSON as bytes. Raises UnitError if there is none in time."""
        limit, bound = self._server.settings.plugin_timeout, self._server.settings.max_plugin_output_bytes
        self._heard.clear()
        answer = bytearray()
        try:
            async with asyncio.timeout(limit):
                await self._loop.sock_sendall(self._channel, question + b"\n")
                while not answer.endswith(b"\n"):
                    piece = await self._loop.sock_recv(self._channel, _PIECE)
                    answer += piece
                    if not piece or len(answer) > bound:
                        break
        except TimeoutError:
            if not self._pid:
                await self._server.close()
            raise UnitError(f"gave no answer within {limit:g} s", late=True) from None
        except OSError:
            answer.clear()
        if self._flooded:
            raise UnitError(f"printed more than {bound} bytes")
        if len(answer) > bound:
            raise UnitError(f"answered with more than {bound} bytes")
        if not answer.endswith(b"\n"):
            how = await self._server.how_it_ended(self._pid)
            raise UnitError(f"ended the process{how}{last_words(self.stderr())}")
        with contextlib.suppress(ValueError, RecursionError):
            reply = json.loads(answer)
            if isinstance(reply, dict):
                return reply
        raise UnitError("answered with something that cannot be read")

    def stderr(self) -> str:
        """What it has written to stderr since it was asked."""
        self._hear()
        return self._heard.decode(errors="replace").strip()

    def alive(self) -> bool:
        """Whether the process still listens."""
        try:
            return bool(self._channel.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def end(self, *, gently: bool) -> None:
        """Hang up, and have the process ended with all that it started."""
        self._ended = True
        self._loop.remove_reader(self._stderr)
        os.close(self._stderr)
        self._channel.close()
        if self._pid:
            self._server.end(self._pid, gently=gently)

    def _hear(self) -> None:
        """Take in what is written to stderr; who writes too much is ended."""
        while not self._ended and not self._flooded:
            try:
                piece = os.read(self._stderr, _PIECE)
            except BlockingIOError:
                return
            self._heard += piece
            self._flooded = len(self._heard) > self._server.settings.max_plugin_output_bytes
            if not piece or self._flooded:
                self._loop.remove_reader(self._stderr)
                if self._flooded:
                    self._server.end(self._pid, gently=False)
                return


def last_words(stderr: str) -> str:
    """The last line on stderr, for a sentence about a failure."""
    return f"; its last words on stderr: {stderr.splitlines()[-1].strip()[:200]!r}" if stderr else ""
