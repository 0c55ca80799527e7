"""Forks the processes in which plug-in files run: `python -P -m filtersched.ovirt.fork_server FD`.

It has the interpreter and the installed modules ready, so that a call costs a fork and no start of
Python. Over the socket FD come lists of modules to import, and the descriptors of new workers.
Nothing but the standard library is imported here, and in the workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Container

from filtersched.ovirt import worker

MAX_MESSAGE = 1 << 16
BEGUN = b"begun"
_MOST_DESCRIPTORS = 1 << 30
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None).prctl


class ForkServer:
    """Forks workers, and ends each with everything that it started.

    A worker ends when it exits, or when the daemon closes the other end of its line.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lines: dict[int, tuple[int, socket.socket]] = {}  # worker -> its pidfd, its line to the daemon
        self._events = selectors.DefaultSelector()
        self._events.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Do what the daemon says until it hangs up."""
        while True:
            for key, _event in self._events.select():
                if key.data in self._lines:
                    self._end(key.data)
                elif key.fileobj is self._control:
                    message, fds, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, 4)
                    if not message:
                        kill_children()
                        return
                    if fds:
                        self._fork(*fds)
                    else:
                        _import(json.loads(message))

    def _fork(self, line: int, *channel_stdout_stderr: int) -> None:
        to_daemon, parent = socket.socket(fileno=line), os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            to_daemon.send(str(error).encode())
            to_daemon.close()
        else:
            if pid == 0:
                for low, high in itertools.pairwise([2, *sorted(channel_stdout_stderr), _MOST_DESCRIPTORS]):
                    os.closerange(low + 1, high)  # what belongs to us and to other workers
                os.setpgid(0, 0)
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)  # it died before the signal was asked for
                adopt_orphans()
                worker.work(*channel_stdout_stderr)
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            with contextlib.suppress(OSError):
                to_daemon.send(BEGUN)
            self._lines[pid] = os.pidfd_open(pid), to_daemon
            for event in self._lines[pid]:
                self._events.register(event, selectors.EVENT_READ, pid)
        for fd in channel_stdout_stderr:
            os.close(fd)

    def _end(self, pid: int) -> None:
        """Kill what is left of a worker's group, and what left the group; tell how the worker ended."""
        # It is not reaped yet, so that its group keeps its number.
        seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        _kill_group(pid)
        os.waitpid(pid, 0)
        pidfd, line = self._lines.pop(pid)
        if seen is None or seen.si_status != worker.ENDED_WELL:
            kill_children(but=self._lines)
        if seen is not None:
            word = "exit status" if seen.si_code == os.CLD_EXITED else "signal"
            with contextlib.suppress(OSError):
                line.send(f" ({word} {seen.si_status})".encode())
        for event in (pidfd, line):
            self._events.unregister(event)
        os.close(pidfd)
        line.close()


def adopt_orphans() -> None:
    """Become the parent of descendants that outlive theirs, so that none hides behind a double fork."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def kill_children(but: Container[int] = ()) -> None:
    """End our children but these, and theirs that come to us then."""
    for _generation in range(50):
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as stream:
                strays = [pid for pid in map(int, stream.read().split()) if pid not in but]
        except OSError:
            return  # no descriptor left, or a kernel that does not tell (CONFIG_PROC_CHILDREN)
        if not strays:
            return
        for pid in strays:
            _kill_group(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def main() -> None:
    """Be the fork server on the socket whose number is the first argument."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    adopt_orphans()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    _import([])
    ForkServer(control).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
