"""The file of placements: a line of JSON for each request, complete or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TextIO

from filtersched.cli.errors import OutputError, UsageError
from filtersched.whole_file import WholeFile

_OPEN_FILE = re.compile(r"/(?:dev|proc/(?:self|thread-self))/fd/(?P<number>\d{1,9})")


class _Reporting:
    """Makes an OutputError of what keeps a file from being written; a context that may be entered again."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError | ValueError) and not isinstance(error, BrokenPipeError):
            problem = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"{self._path} cannot be written: {problem}") from error


class Output:
    """Writes records to a file that appears under its name when all of them are written.

    Used as a context; after an error an earlier file of the name is still there as it was. A pipe,
    a device and a file that the caller has open (`-`, /dev/stdout, /dev/fd/3) are written to
    directly. Raises OutputError for whatever keeps it from being written, and UsageError if it would
    overwrite one of `inputs`.
    """

    def __init__(self, path: str, *, inputs: Iterable[str | None] = (), flag: str = "--output") -> None:
        self.path = path
        self._descriptor = 1 if path == "-" else _descriptor(path)
        self._target = f"/dev/fd/{self._descriptor}" if self._descriptor is not None else os.path.realpath(path)
        self._file: WholeFile | None = None
        self._stream: TextIO | None = None
        self._reporting = _Reporting(path)
        for source in inputs:
            if source is not None and _same_file(source, self._target):
                raise UsageError(f"{flag} {path!r} would overwrite what is read from {source!r}")

    @property
    def is_stdout(self) -> bool:
        """Whether the records go to the standard output."""
        return self._descriptor == 1

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Make the file, before there is anything to write."""
        with self._reporting:
            if self._descriptor is not None:
                # The caller's open file, at the caller's place in it: opening it again would begin anew.
                self._stream = open(os.dup(self._descriptor), "w", encoding="utf-8")  # noqa: SIM115 - closed on exit
                return
            if os.path.exists(self._target) and not stat.S_ISREG(os.stat(self._target).st_mode):
                self._stream = open(self._target, "w", encoding="utf-8")  # noqa: SIM115 - closed on exit
                return
            self._file = WholeFile(self._target)
            self._stream = self._file.open()

    def write(self, record: dict[str, Any]) -> None:
        """One more line."""
        self.write_text(json.dumps(record) + "\n")

    def write_text(self, text: str) -> None:
        """Write text as it is."""
        with self._reporting:
            self._open().write(text)

    def _open(self) -> TextIO:
        if self._stream is None:
            self.begin()
        assert self._stream is not None  # begin() raises if it cannot open one
        return self._stream

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish(self._open())
        finally:
            if self._stream is not None:
                with contextlib.suppress(OSError):
                    self._stream.close()
            if self._file is not None:
                self._file.discard()

    def _finish(self, stream: TextIO) -> None:
        with self._reporting:
            if self._file is not None:
                self._file.finish()
            else:
                stream.close()


def _descriptor(path: str) -> int | None:
    """The number of the open file that a path such as /dev/stdout or /dev/fd/3 means; else None."""
    for _link in range(40):
        path = os.path.abspath(path)
        match = _OPEN_FILE.fullmatch(path)
        if match is not None:
            return int(match["number"])
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return None
    return None


def _same_file(path: str, other_path: str) -> bool:
    try:
        return os.path.samefile(path, other_path)
    except OSError:
        return False
