"""Worker processes for plug-in files, and questions put to several of them at once.

A process pool for functions (pebble, concurrent.futures) ends one process, not the ones it
forked, unpickles what the worker sends, mixes its output with ours, and cannot keep a plug-in
file in one process of its own. So: one small protocol over a socket (see worker.py), one process
group per worker, ended as a whole.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filtersched.ovirt.worker import HEADER

LOG = logging.getLogger(__name__)

WORKERS_PER_FILE = max(2, min(4, os.cpu_count() or 2))
_SCRIPT = str(Path(__file__).with_name("worker.py"))
_COOKIE = "FILTERSCHED_WORKER"
_SERIAL = itertools.count(1)
_CHUNK = 1 << 18
_GLANCE = 0.05  # seconds between looks at a silent worker: has it died while a child holds its socket?
_LOGGED_LINES = 50
_STOPPING = "the daemon is stopping"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plug-in may use: seconds per answer, bytes of output, MiB of memory."""

    timeout: float = 5.0
    output_bytes: int = 16 << 20
    memory_mb: int = 512


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A plug-in file as it was when discovered; workers run this, not what the file became."""

    path: str
    name: str
    text: bytes


class Worker:
    """One process with one plug-in file loaded, or about to be."""

    def __init__(self, source: PluginSource, limits: Limits) -> None:
        self.loaded = False
        self.closed: set[Any] = set()
        self._cookie = f"{os.getpid()}-{next(_SERIAL)}"
        ours, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", _SCRIPT, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=os.path.dirname(source.path),
                env={**os.environ, _COOKIE: self._cookie, "PYTHONDONTWRITEBYTECODE": "1"},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.channel = ours
        self.stdout, self.stderr = self.process.stdout, self.process.stderr
        for end in (ours, self.stdout, self.stderr):
            os.set_blocking(end.fileno(), False)
        patience = limits.timeout + 5.0
        self.load_question = {
            "ask": "load",
            "path": source.path,
            "name": source.name,
            "source": source.text.decode("latin-1"),
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
            "patience": patience,
        }
        self.patience = patience

    def last_status(self) -> str:
        """How the process ended, in brackets; it has hung up, so it ends in a moment if ever."""
        give_up = time.monotonic() + 0.5
        while (seen := self._exit()) is None and time.monotonic() < give_up:
            time.sleep(0.005)
        if seen is None:
            return ""
        return f" (exit status {seen.si_status})" if seen.si_code == os.CLD_EXITED else f" (signal {seen.si_status})"

    def dead(self) -> bool:
        """Whether the process has ended; it is not reaped, so that its group keeps its number."""
        return self._exit() is not None

    def _exit(self) -> os.waitid_result | None:
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def end(self) -> None:
        """End the process with everything that it started."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            _end_marked(self._cookie)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        for end in (self.channel, self.stdout, self.stderr):
            end.close()


def _end_marked(cookie: str) -> None:
    """End the processes that left the worker's group: their environment still carries its mark."""
    mark = f"{_COOKIE}={cookie}\0".encode()
    for _round in range(5):
        found = [pid for pid in _processes() if mark in _environment(pid)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read() + b"\0"
    except OSError:
        return b""


class WorkerPool:
    """The workers of one plug-in file: made when needed, kept for the next call."""

    def __init__(self, source: PluginSource, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting = 0
        self._retired = False
        self._closed = False
        self._changed = threading.Condition()

    def take(self) -> Worker | None:
        """A worker for one job, or None if all are busy. Raises OSError if none can be started."""
        with self._changed:
            while self._idle:
                worker = self._idle.pop()
                if not worker.dead():
                    self._busy.add(worker)
                    return worker
                worker.end()
            if self._closed:
                raise OSError(_STOPPING)
            if len(self._busy) + self._starting >= WORKERS_PER_FILE:
                return None
            self._starting += 1
        try:
            worker = Worker(self.source, self.limits)
        except BaseException:
            with self._changed:
                self._starting -= 1
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(worker)
            if not self._closed:
                return worker
        self.give_back(worker, usable=False)
        raise OSError(_STOPPING)

    def give_back(self, worker: Worker, *, usable: bool) -> None:
        """The job is done; a worker that is not usable any more is ended with all it started."""
        with self._changed:
            self._busy.discard(worker)
            usable = usable and not self._retired
            if usable:
                self._idle.append(worker)
            self._changed.notify()
        if not usable:
            worker.end()

    def wait(self, seconds: float) -> None:
        """Return when a worker may be free, or after so many seconds."""
        with self._changed:
            if len(self._busy) + self._starting >= WORKERS_PER_FILE and not self._idle:
                self._changed.wait(seconds)

    @property
    def busy(self) -> bool:
        """Whether a job still has a worker of this pool."""
        return bool(self._busy or self._starting)

    def close(self, *, now: bool) -> None:
        """End the idle workers. Jobs still get one, ended after them; with `now` all end at once."""
        with self._changed:
            self._retired = True
            self._closed = self._closed or now
            idle, self._idle = self._idle, []
            busy = list(self._busy) if now else []
            self._changed.notify_all()
        for worker in busy:
            # Its job's thread sees the end of the channel and cleans up.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.process.pid, signal.SIGKILL)
        for worker in idle:
            worker.end()


class Job:
    """One question to one plug-in file, and what came of it.

    answer : what the unit returned or printed, as plain data; None if it failed.
    error : why it failed, or None.
    late : it failed for want of time, not for what it did.
    shared : members of the question, as JSON text, that jobs have in common: encoded once.
    """

    def __init__(self, pool: WorkerPool, question: dict[str, Any], *, unit: str, shared: str = "") -> None:
        self.pool = pool
        self.unit = unit
        self._shared = shared
        self.answer: Any = None
        self.error: str | None = None
        self.late = False
        self.milliseconds = 0.0
        self.worker: Worker | None = None
        self.deadline = 0.0
        self._question = question
        self._stage = ""
        self._started = 0.0
        self._outgoing = memoryview(b"")
        self._incoming = bytearray()
        self._printed = bytearray()
        self._chatter = bytearray()
        self._heard = 0

    @property
    def _held(self) -> Worker:
        if self.worker is None:
            raise RuntimeError("the job has no worker")
        return self.worker

    @property
    def done(self) -> bool:
        """Whether there is an answer or an error."""
        return self._stage == "done"

    @property
    def writing(self) -> bool:
        """Whether part of a question is still to be sent."""
        return bool(self._outgoing)

    def begin(self, worker: Worker) -> None:
        """Put the question to `worker`, after the plug-in file if it has not got that yet."""
        self.worker = worker
        self._started = time.monotonic()
        self._listen()
        self._printed.clear()
        if worker.loaded:
            self._ask(self._question)
        else:
            self._ask(worker.load_question)

    def _ask(self, question: dict[str, Any]) -> None:
        if question["ask"] != "literal":
            self.deadline = time.monotonic() + self.pool.limits.timeout
        self._stage = question["ask"]
        text = json.dumps({**question, "patience": self._held.patience})
        if self._stage == "call" and self._shared:
            text = f"{text[:-1]}, {self._shared}}}"
        body = text.encode()
        self._incoming.clear()
        self._outgoing = memoryview(HEADER.pack(len(body)) + body)
        self.write()

    def write(self) -> None:
        """Send as much as the worker takes."""
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[self._held.channel.send(self._outgoing[:_CHUNK]) :]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing = memoryview(b"")  # it died; reading says so

    def read(self) -> None:
        """Take in what the worker says; at the end of an answer go on to the next stage."""
        while True:
            try:
                piece = self._held.channel.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            if not piece:
                self.fail(self._how_it_died())
                return
            self._incoming += piece
            if len(self._incoming) < HEADER.size:
                continue
            length = HEADER.unpack_from(self._incoming)[0]
            if length > self.pool.limits.output_bytes:
                self.fail(f"answered with more than {self.pool.limits.output_bytes} bytes")
                return
            if len(self._incoming) >= HEADER.size + length:
                self._reply(bytes(self._incoming[HEADER.size : HEADER.size + length]))
                return

    def hear(self, stream: Any) -> None:
        """Take in output of the plug-in."""
        while not self.done and stream not in self._held.closed:
            try:
                piece = os.read(stream.fileno(), _CHUNK)
            except BlockingIOError:
                return
            if not piece:
                self._held.closed.add(stream)
                return
            self._heard += len(piece)
            if self._heard > self.pool.limits.output_bytes:
                self.fail(f"printed more than {self.pool.limits.output_bytes} bytes")
            elif stream is self._held.stdout:
                self._printed += piece
            elif len(self._chatter) < _CHUNK:
                self._chatter += piece

    def _listen(self) -> None:
        self.hear(self._held.stdout)
        self.hear(self._held.stderr)

    def _reply(self, body: bytes) -> None:
        self._listen()
        if self.done:
            return
        try:
            reply = json.loads(body)
            error, spoiled = reply.get("error"), reply.get("spoiled", False)
        except (ValueError, RecursionError, AttributeError):
            self.fail("answered with something that cannot be read")
            return
        if error is not None:
            self.fail(str(error), usable=not spoiled and self._stage != "load")
        elif self._stage == "load":
            self._held.loaded = True
            if self._question["ask"] == "load":
                self._finish(reply["units"])
            else:
                self._printed.clear()
                self._ask(self._question)
        elif self._stage == "literal" or reply["answer"] is not None:
            self._finish(reply["answer"])
        elif text := self._printed.decode(errors="replace").strip():
            self._ask({"ask": "literal", "text": text, "kind": self._question["kind"]})
        else:
            self.fail(f"gave no answer{self._last_words()}", usable=True)

    def _finish(self, answer: Any) -> None:
        self.answer = answer
        self._close(usable=True)

    def fail(self, why: str, *, usable: bool = False, late: bool = False) -> None:
        """The unit gave no answer; unless `usable`, its worker goes, with all that it started."""
        self.error = why
        self.late = late
        self._close(usable=usable)

    def _how_it_died(self) -> str:
        self._listen()
        return f"ended the process{self._held.last_status()}{self._last_words()}"

    def _last_words(self) -> str:
        lines = self._chatter.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"; its last words on stderr: {last[:200]!r}" if last else ""

    def _close(self, *, usable: bool) -> None:
        self._stage = "done"
        self.milliseconds = (time.monotonic() - self._started) * 1000 if self._started else 0.0
        worker, self.worker = self.worker, None
        if worker is not None:
            self.pool.give_back(worker, usable=usable)
        if self._chatter:
            lines = self._chatter.decode(errors="replace").splitlines()
            for line in lines[:_LOGGED_LINES]:
                LOG.warning("%s (%s) on stderr: %r", self.unit, self.pool.source.path, line[:500])
            if len(lines) > _LOGGED_LINES:
                LOG.warning("%s: %d more lines on stderr", self.unit, len(lines) - _LOGGED_LINES)


def ask(jobs: Iterable[Job], deadline: float) -> None:
    """Put all questions at once; returns when each job has its answer or its error.

    deadline : in time.monotonic(); what has no answer by then has failed. A job waits for a free
    worker of its file without holding another's.
    """
    waiting = list(jobs)
    running: list[Job] = []
    while waiting or running:
        waiting = [job for job in waiting if not _begun(job, running)]
        running = [job for job in running if not job.done]
        now = time.monotonic()
        if now >= deadline:
            for job in waiting:
                job.fail("all workers of its file were busy until the call's time was up", late=True)
            waiting = []
        if running:
            _listen_once(running, deadline, 0.01 if waiting else _GLANCE)
        elif waiting:
            waiting[0].pool.wait(min(0.25, deadline - now))


def _begun(job: Job, running: list[Job]) -> bool:
    try:
        worker = job.pool.take()
    except OSError as error:
        job.fail(f"no worker could be started: {error}")
        return True
    if worker is None:
        return False
    job.begin(worker)
    running.append(job)
    return True


def _listen_once(running: list[Job], deadline: float, at_most: float) -> None:
    """Wait for something to happen to the running jobs, and see to it."""
    seen = selectors.PollSelector()
    for job in running:
        worker = job.worker
        if worker is None:
            continue
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if job.writing else 0)
        seen.register(worker.channel, events, (job, worker.channel))
        for stream in {worker.stdout, worker.stderr} - worker.closed:
            seen.register(stream, selectors.EVENT_READ, (job, stream))
    nearest = min(min(job.deadline for job in running), deadline)
    happened = seen.select(max(0.0, min(at_most, nearest - time.monotonic())))
    seen.close()
    for key, events in happened:
        job, end = key.data
        worker = job.worker
        if job.done or worker is None:
            continue
        if end is not worker.channel:
            job.hear(end)
        else:
            if events & selectors.EVENT_WRITE:
                job.write()
            if events & selectors.EVENT_READ:
                job.read()
    now = time.monotonic()
    for job in running:
        if job.done or job.worker is None:
            continue
        if now >= min(job.deadline, deadline):
            limit = job.pool.limits.timeout
            why = f"gave no answer within {limit:g} s" if now >= job.deadline else "the call's time was up"
            job.fail(why, late=True)
        elif not happened and job.worker.dead():
            # A child that it forked still holds the socket, or it would have said so itself.
            job.read()
            if not job.done:
                job.fail(f"ended the process{job.worker.last_status()}")
