"""The file of placements: a line of JSON for each request, complete or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TextIO

from filtersched.cli.errors import OutputError, UsageError


class Output:
    """Writes records to a file that appears under its name when all of them are written.

    Used as a context; after an error an earlier file of the name is still there as it was. A pipe
    or device is written to directly. Raises OutputError for whatever keeps it from being written,
    and UsageError if it would overwrite one of `inputs`.
    """

    def __init__(self, path: str, *, inputs: Iterable[str | None] = ()) -> None:
        self.path = path
        self._target = os.path.realpath(path)
        self._replaces = True
        self._temporary: str | None = None
        self._stream: TextIO
        for one in inputs:
            if one is not None and _same_file(one, self._target):
                raise UsageError(f"--output {path!r} would overwrite what is read from {one!r}")

    def __enter__(self) -> Self:
        with self._reporting():
            self._replaces = not os.path.exists(self._target) or stat.S_ISREG(os.stat(self._target).st_mode)
            if not self._replaces:
                self._stream = open(self._target, "w", encoding="utf-8")
                return self
            if os.path.exists(self._target) and not os.access(self._target, os.W_OK):
                raise PermissionError(0, "permission denied")
            folder, name = os.path.split(self._target)
            number, self._temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            self._stream = os.fdopen(number, "w", encoding="utf-8")
        return self

    def write(self, record: dict[str, Any]) -> None:
        """One more line."""
        with self._reporting():
            self._stream.write(json.dumps(record) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            with contextlib.suppress(OSError):
                self._stream.close()
            if self._temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._temporary)

    def _finish(self) -> None:
        with self._reporting():
            self._stream.flush()
            if self._temporary is None:
                self._stream.close()
                return
            os.fsync(self._stream.fileno())
            self._stream.close()
            os.chmod(self._temporary, _mode(self._target))
            os.replace(self._temporary, self._target)
            self._temporary = None

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"{self.path} cannot be written: {problem}") from error


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, or those of a new file."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(os.stat(path).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
