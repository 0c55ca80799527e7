"""A worker process: takes runs from its standard input, and gives results on its standard output."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import time
from typing import Any, BinaryIO

from filtersched.planning.runs import perform

_PROGRESS_EVERY_S = 0.2


def main() -> None:
    """Perform runs until the input ends; then end at once, so that no worker outlives the command."""
    # What a plug-in prints must not get between the results.
    results = open(os.dup(1), "wb")  # noqa: SIM115 - open until the process ends
    os.dup2(2, 1)
    tasks: queue.Queue[Any] = queue.Queue()
    source = open(os.dup(0), "rb")  # noqa: SIM115 - open until the process ends
    threading.Thread(target=_read, args=(source, tasks), daemon=True).start()
    parts = tasks.get()
    while True:
        run = tasks.get()
        told = time.monotonic()

        def progress(share: float) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told > _PROGRESS_EVERY_S:
                told = now
                _send(results, "progress", share)

        # The boundary to one run among several: whatever it raises is its result.
        try:
            result = perform(run, parts, progress)
        except Exception as error:
            _send(results, "failed", in_words(error))
        else:
            _send(results, "done", result)


def in_words(error: BaseException) -> str:
    """An error in one line, with the notes that name plug-in and request."""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}{notes}"


def _send(stream: BinaryIO, kind: str, value: Any) -> None:
    data = pickle.dumps((kind, value), protocol=pickle.HIGHEST_PROTOCOL)
    try:
        stream.write(data)
        stream.flush()
    except OSError:
        # The command is gone, and nobody reads what a traceback would say.
        os._exit(1)


def _read(source: BinaryIO, tasks: queue.Queue[Any]) -> None:
    while True:
        try:
            tasks.put(pickle.load(source))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(1)


def command() -> list[str]:
    """The command line of a worker that imports what this process does."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from filtersched.planning.worker import main; main()"
    return [sys.executable, "-c", code]
