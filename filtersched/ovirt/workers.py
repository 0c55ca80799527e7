"""The daemon's side of a plug-in file's processes; worker.py is their inside.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.settings import Settings
from filtersched.ovirt.worker import HEADER, MAX_MESSAGE

WORKERS_PER_FILE = max(2, min(4, os.cpu_count() or 2))
_SCRIPT = str(Path(__file__).with_name("worker.py"))
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


@dataclass(slots=True)
class Reply:
    """What a worker said: `content` of its message, and what it wrote to stdout and stderr itself."""

    content: dict[str, Any]
    printed: str = ""
    stderr: str = ""


class ForkServer:
    """The processes of one version of a file: started by the first question, and again if they die."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._idle: list[_Worker] = []
        self._slots = asyncio.Semaphore(WORKERS_PER_FILE)
        self._awaited: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._calls = 0
        self._retired = False

    async def ask(self, question: bytes, *, printed_as: str | None = None) -> Reply:
        """The reply of a worker; UnitError if it gives none in time.

        printed_as : a kind of unit; what children of a plug-in printed may be its answer.
        """
        self._calls += 1
        try:
            async with self._slots:
                worker = await self._free()
                usable = False
                try:
                    reply = await worker.ask(question)
                    if printed_as and reply.printed and reply.content.get("answer", "") is None:
                        literal = {"ask": "literal", "text": reply.printed, "kind": printed_as}
                        reply.content = (await worker.ask(json.dumps(literal).encode())).content
                    usable = not reply.content.get("spoiled")
                finally:
                    if usable and self.source.keep_alive and not self._retired:
                        self._idle.append(worker)
                    else:
                        await worker.end(gently=usable)
                        # Not now: the answer goes first.
                        asyncio.get_running_loop().call_later(0.002, self.have_one_ready)
        finally:
            self._calls -= 1
            if self._retired and not self._calls:
                await self.close()
        if "error" in reply.content:
            traceback = reply.content.get("traceback", "")
            raise UnitError(reply.content["error"], details=f"{traceback}\n{reply.stderr}")
        return reply

    async def retire(self) -> None:
        """End once the calls that run have ended."""
        self._retired = True
        if not self._calls:
            await self.close()

    async def stuck(self) -> None:
        """It did not get as far as to fork: maybe something that it imports hangs."""
        self.source.modules = ()
        await self.close()

    async def close(self) -> None:
        """End all processes now."""
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.end(gently=False)
        process, self._process = self._process, None
        self._hang_up()
        if process is not None:
            for _try in range(100):
                if process.poll() is not None:
                    return
                await asyncio.sleep(0.01)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    def end(self, pid: int, *, gently: bool) -> None:
        """Have a worker ended with all that it started; gently: it may exit by itself first."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(json.dumps({"do": "end", "pid": pid, "gently": gently}).encode())

    async def how_it_ended(self, pid: int) -> str:
        """How a worker ended, in brackets; it has hung up, so it ends in a moment if ever."""
        answer = self._awaited[pid] = asyncio.get_running_loop().create_future()
        self.end(pid, gently=True)
        with contextlib.suppress(TimeoutError):
            told = await asyncio.wait_for(answer, 2)
            if told.get("code") is not None:
                return f" ({'exit status' if told['code'] == os.CLD_EXITED else 'signal'} {told['status']})"
        return ""

    async def _free(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive():
                return worker
            await worker.end(gently=False)
        return self._fork()

    def have_one_ready(self) -> None:
        """Fork a worker for the next call; it has run nothing of the plug-in yet."""
        if not self._idle and not self._retired:
            with contextlib.suppress(UnitError):
                self._idle.append(self._fork())

    def _fork(self) -> _Worker:
        fds: list[int] = []
        try:
            control = self._control or self._start()
            ours, theirs = socket.socketpair()
            with theirs:
                fds += os.pipe()
                fds += os.pipe()
                socket.send_fds(control, [b'{"do": "fork"}'], [theirs.fileno(), fds[1], fds[3]])
        except OSError as error:
            for fd in fds[0::2]:
                os.close(fd)
            raise UnitError(f"no process could be started: {error}") from error
        finally:
            for fd in fds[1::2]:
                os.close(fd)
        return _Worker(self, ours, fds[0], fds[2])

    def _start(self) -> socket.socket:
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
                [sys.executable, "-P", _SCRIPT, str(theirs.fileno())],
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
        return ours

    def _hear(self) -> None:
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
        answer = self._awaited.pop(told["pid"], None)
        if answer is not None and not answer.done():
            answer.set_result(told)

    def _hang_up(self) -> None:
        """The fork server ends its workers and itself, or has died."""
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_result({})
        self._awaited.clear()


class _Worker:
    """One forked process, and what it writes."""

    def __init__(self, server: ForkServer, channel: socket.socket, out: int, err: int) -> None:
        self._server = server
        self._channel = channel
        self._pid = 0
        self._heard = {out: bytearray(), err: bytearray()}
        self._out, self._err = out, err
        self._ended = self._flooded = False
        channel.setblocking(False)
        self._loop = asyncio.get_running_loop()
        for fd in self._heard:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._hear, fd)

    async def ask(self, question: bytes) -> Reply:
        """The reply to a question, JSON as bytes. Raises UnitError if there is none."""
        limit = self._server.settings.plugin_timeout
        for heard in self._heard.values():
            heard.clear()
        try:
            async with asyncio.timeout(limit):
                await self._loop.sock_sendall(self._channel, HEADER.pack(len(question)) + question)
                content = await self._receive()
                while "pid" in content:
                    self._pid = content["pid"]
                    content = await self._receive()
        except TimeoutError:
            raise UnitError(f"gave no answer within {limit:g} s", late=True) from None
        except (OSError, EOFError):
            content = {}
        for fd in list(self._heard):
            self._hear(fd)
        reply = Reply(content, self._text(self._out), self._text(self._err))
        if self._flooded:
            bound = self._server.settings.max_plugin_output_bytes
            raise UnitError(f"printed more than {bound} bytes", details=reply.stderr)
        if not content:
            how = await self._server.how_it_ended(self._pid) if self._pid else ""
            raise UnitError(f"ended the process{how}{last_words(reply.stderr)}", details=reply.stderr)
        return reply

    def alive(self) -> bool:
        """Whether the process still listens; what is known of it without asking."""
        try:
            return bool(self._channel.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def end(self, *, gently: bool) -> None:
        """Hang up, and have the process ended with all that it started."""
        self._ended = True
        if not self._pid:
            with contextlib.suppress(OSError, ValueError):  # it was never asked; the number waits to be read
                self._pid = json.loads(self._channel.recv(_PIECE)[HEADER.size :])["pid"]
        for fd in self._heard:
            self._loop.remove_reader(fd)
            os.close(fd)
        self._channel.close()
        if self._pid:
            self._server.end(self._pid, gently=gently)
        else:
            await self._server.stuck()

    async def _receive(self) -> dict[str, Any]:
        header = await self._exactly(HEADER.size)
        length = HEADER.unpack(header)[0]
        if length > self._server.settings.max_plugin_output_bytes:
            raise UnitError(f"answered with more than {self._server.settings.max_plugin_output_bytes} bytes")
        content = None
        with contextlib.suppress(ValueError, RecursionError):
            content = json.loads(await self._exactly(length))
        if not isinstance(content, dict):
            raise UnitError("answered with something that cannot be read")
        return content

    async def _exactly(self, count: int) -> bytes:
        got = b""
        pieces = []
        left = count
        while left:
            got = await self._loop.sock_recv(self._channel, min(left, _PIECE))
            if not got:
                raise EOFError
            pieces.append(got)
            left -= len(got)
        return b"".join(pieces)

    def _hear(self, fd: int) -> None:
        """Take in what is written to stdout or stderr; who writes too much is ended."""
        while not self._ended:
            try:
                piece = os.read(fd, _PIECE)
            except BlockingIOError:
                return
            if not piece:
                self._loop.remove_reader(fd)
                return
            self._heard[fd] += piece
            if sum(map(len, self._heard.values())) > self._server.settings.max_plugin_output_bytes:
                self._flooded = True
                self._loop.remove_reader(fd)
                self._server.end(self._pid, gently=False)
                return

    def _text(self, fd: int) -> str:
        return self._heard[fd].decode(errors="replace").strip()


def last_words(stderr: str) -> str:
    """The last line on stderr, for a sentence about a failure."""
    return f"; its last words on stderr: {stderr.splitlines()[-1].strip()[:200]!r}" if stderr.strip() else ""
