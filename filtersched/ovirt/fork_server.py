"""Forks a process for each call of a plug-in file: `python -P -m filtersched.ovirt.fork_server FD`.

Has the interpreter, the imports and the compiled sources ready, so that a call costs a fork and no
start of Python. The daemon asks for workers over the socket FD, in JSON; the setup is on stdin.
Nothing but the standard library is imported here, and in the workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Container
from typing import Any

from filtersched.ovirt import worker

MAX_MESSAGE = 1 << 12
_GRACE = 0.3  # seconds that a worker may take to exit by itself
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None).prctl


class ForkServer:
    """Forks workers, and ends each with everything that it started."""

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        self._control = control
        self._setup = setup
        self._workers: set[int] = set()
        self._ending: dict[int, float] = {}  # worker -> when it is killed
        self._codes: dict[str, Any] = {}

    def prepare(self, *, imports: bool) -> bool:
        """Import what the plug-in file imports, and compile what each call runs afresh.

        False if that did more than to define things: threads and connections would not work in a fork.
        """
        before = set(os.listdir("/proc/self/fd"))
        for name in self._setup["modules"] if imports else ():
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
        for path, text in [*self._setup["fresh"].items(), (self._setup["path"], self._setup["source"])]:
            with contextlib.suppress(Exception):  # a worker that compiles it again says what is wrong
                self._codes[path] = worker.compiled(text, path)
        _import_by(self._codes)
        gc.collect()
        gc.freeze()
        return threading.active_count() == 1 and not set(os.listdir("/proc/self/fd")) - before

    def serve(self) -> None:
        """Do what the daemon says until it hangs up."""
        while True:
            if select.select([self._control], [], [], 0.003 if self._ending else None)[0]:
                message, fds, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, 2)
                if not message:
                    break
                said = json.loads(message)
                if "end" not in said:
                    self._fork(*fds)
                elif said["end"] in self._workers:
                    self._ending[said["end"]] = time.monotonic() + (_GRACE if said["gently"] else 0.0)
            for pid, killed_at in list(self._ending.items()):
                if _exit_of(pid) is not None or time.monotonic() >= killed_at:
                    self._end(pid)
        for pid in self._workers:
            _kill_group(pid)
        _kill_children()

    def _fork(self, channel: int, stderr: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._tell({"forked": -1, "how": f" ({error})"})
        else:
            if pid == 0:
                self._control.close()
                os.setpgid(0, 0)
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                # Processes that outlive their parent come to the worker, so that none hides behind a double fork.
                _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                worker.work(channel, stderr, self._setup, self._codes)
            self._workers.add(pid)
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            self._tell({"forked": pid})
        os.close(channel)
        os.close(stderr)

    def _end(self, pid: int) -> None:
        """Kill what is left of a worker's group, and what left the group; tell how the worker ended."""
        seen = _exit_of(pid)
        _kill_group(pid)
        os.waitpid(pid, 0)
        self._workers.discard(pid)
        if seen is None or seen.si_status or self._ending[pid] <= time.monotonic():
            _kill_children(but=self._workers)
        del self._ending[pid]
        word = "exit status" if seen is not None and seen.si_code == os.CLD_EXITED else "signal"
        self._tell({"ended": pid, "how": "" if seen is None else f" ({word} {seen.si_status})"})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())


def _import_by(codes: dict[str, Any]) -> None:
    """Have modules made of the code that is ready, which is that of the last good version."""
    loader: Any = importlib.machinery.SourceFileLoader
    read = loader.get_code
    loader.get_code = lambda self, name: codes.get(self.path) or read(self, name)


def _exit_of(pid: int) -> os.waitid_result | None:
    """How a child ended, None while it runs; it is not reaped, so that its group keeps its number."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _kill_children(but: Container[int] = ()) -> None:
    """End our children but these: processes that left the group of a worker come to us when it ends."""
    for _generation in range(50):
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent(pid) == os.getpid()]
        strays = [pid for pid in found if pid not in but]
        if not strays:
            return
        for pid in strays:
            _kill_group(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def main() -> None:
    """Be a fork server on the socket whose number is the first argument."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(sys.stdin.buffer.read())
    stdin = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit = setup["memory_mb"] << 20
    # Private memory is bounded; address space more loosely, since threads and libraries reserve much.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (4 * limit, 4 * limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(setup["path"]))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = ForkServer(control, setup)
    if not server.prepare(imports="cold" not in sys.argv):
        # Nothing that was begun can be undone: start again, and leave the imports to each call.
        os.lseek(stdin, 0, os.SEEK_SET)
        os.dup2(stdin, 0)
        os.set_inheritable(control.fileno(), True)
        os.execv(sys.executable, [sys.executable, "-P", "-m", "filtersched.ovirt.fork_server", sys.argv[1], "cold"])
    os.close(stdin)
    control.set_inheritable(False)
    server.serve()
    os._exit(0)


if __name__ == "__main__":
    main()
