"""Where runs are performed: in this process, or in worker processes on the cores of this machine."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from filtersched.planning.runs import Run, perform
from filtersched.planning.worker import command, in_words


class Event(NamedTuple):
    """What a runner tells of a run: its result, why it failed, or how much of it is done."""

    run: Run
    result: dict[str, Any] | None = None
    error: str | None = None
    share: float = 1.0

    @property
    def is_end(self) -> bool:
        """Whether the run is over."""
        return self.result is not None or self.error is not None


class Runner(Protocol):
    """Performs runs; closing the iterator ends those under way."""

    def events(self, runs: Sequence[Run], parts: Mapping[str, bytes]) -> Generator[Event, None, None]:
        """Perform the runs, in any order, and tell of each as it comes."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class SerialRunner:
    """Performs runs one after another in this process."""

    def events(self, runs: Sequence[Run], parts: Mapping[str, bytes]) -> Generator[Event, None, None]:
        for run in runs:
            # The boundary to one run among several: the others go on.
            try:
                result = perform(run, parts)
            except Exception as error:
                yield Event(run, error=in_words(error))
            else:
                yield Event(run, result)


class LocalRunner:
    """Performs runs in worker processes; a worker that dies fails its run, and another one takes its place.

    jobs : how many workers; None is one for each core.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = cores() if jobs is None else jobs

    def events(self, runs: Sequence[Run], parts: Mapping[str, bytes]) -> Generator[Event, None, None]:
        jobs = min(self._jobs, len(runs))
        if jobs <= 1 or not sys.executable:
            yield from SerialRunner().events(runs, parts)
            return
        crew = _Crew(runs, parts, jobs)
        try:
            open_runs = len(runs)
            while open_runs:
                event = crew.told.get()
                open_runs -= event.is_end
                yield event
        finally:
            crew.end()


class _Crew:
    """Worker processes, each with a thread that gives it runs."""

    def __init__(self, runs: Sequence[Run], parts: Mapping[str, bytes], jobs: int) -> None:
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._waiting = deque(runs)
        self._parts = dict(parts)
        self._lock = threading.Lock()
        self._is_over = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _job in range(jobs)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Kill the workers, whatever they are doing, and wait until they are gone."""
        with self._lock:
            self._is_over = True
            self._waiting.clear()
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        process = None
        while (run := self._next()) is not None:
            try:
                process = process or self._started()
                self._perform(process, run)
            except _Over:
                return
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                status = None if process is None else _ended(process)
                process = None
                said = f"the worker process ended with status {status}" if status is not None else str(error)
                self.told.put(Event(run, error=said))
        if process is not None:
            _ended(process)

    def _next(self) -> Run | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_over:
                raise _Over
            # In a group of its own where there are groups: Ctrl-C is for the command, which ends its workers.
            own_group = {"process_group": 0} if os.name == "posix" else {}
            process = subprocess.Popen(
                command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **cast(dict[str, Any], own_group)
            )
            self._processes.append(process)
        _send(process, self._parts)
        return process

    def _perform(self, process: subprocess.Popen[bytes], run: Run) -> None:
        _send(process, run)
        assert process.stdout is not None  # it is a pipe
        while True:
            kind, value = pickle.load(process.stdout)
            if kind == "progress":
                self.told.put(Event(run, share=value))
                continue
            self.told.put(Event(run, value) if kind == "done" else Event(run, error=value))
            return


class _Over(Exception):
    """The crew was ended meanwhile."""


def _send(process: subprocess.Popen[bytes], value: Any) -> None:
    assert process.stdin is not None  # it is a pipe
    pickle.dump(value, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
    process.stdin.flush()


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Close the worker's input, which ends it, and give its status."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    return process.wait()
