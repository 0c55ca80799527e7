"""The file of placements: a line of JSON for each request, complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TextIO

from filtersched.cli.errors import OutputError, UsageError

_OPEN_FILE = re.compile(r"/(?:dev|proc/(?:self|thread-self))/fd/(?P<number>\d{1,9})")


class Output:
    """Writes records to a file that appears under its name when all of them are written.

    Used as a context; after an error an earlier file of the name is still there as it was. A pipe,
    a device and a file that the caller has open (`-`, /dev/stdout, /dev/fd/3) are written to
    directly. Until the file is complete it has no name where the system can make such files, so that
    not even SIGKILL leaves one behind; elsewhere it is hidden beside its place. Raises OutputError
    for whatever keeps it from being written, and UsageError if it would overwrite one of `inputs`.
    """

    def __init__(self, path: str, *, inputs: Iterable[str | None] = ()) -> None:
        self.path = path
        self._descriptor = 1 if path == "-" else _descriptor(path)
        self._target = f"/dev/fd/{self._descriptor}" if self._descriptor is not None else os.path.realpath(path)
        self._temporary: str | None = None
        self._is_nameless = False
        self._stream: TextIO | None = None
        for source in inputs:
            if source is not None and _same_file(source, self._target):
                raise UsageError(f"--output {path!r} would overwrite what is read from {source!r}")

    @property
    def is_stdout(self) -> bool:
        """Whether the records go to the standard output."""
        return self._descriptor == 1

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Make the file, before there is anything to write."""
        with self._reporting():
            if self._descriptor is not None:
                # The caller's open file, at the caller's place in it: opening it again would begin anew.
                self._stream = open(os.dup(self._descriptor), "w", encoding="utf-8")  # noqa: SIM115 - closed on exit
                return
            exists = os.path.exists(self._target)
            if exists and not stat.S_ISREG(os.stat(self._target).st_mode):
                self._stream = open(self._target, "w", encoding="utf-8")  # noqa: SIM115 - closed on exit
                return
            if exists and not os.access(self._target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            folder, name = os.path.split(self._target)
            # Known before it is there, so that no interruption leaves it behind.
            self._temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}")
            nameless = _nameless(folder)
            self._is_nameless = nameless is not None
            if nameless is None:
                self._stream = open(self._temporary, "x", encoding="utf-8")  # noqa: SIM115 - closed on exit
            else:
                self._stream = open(nameless, "w", encoding="utf-8")  # noqa: SIM115 - closed on exit

    def write(self, record: dict[str, Any]) -> None:
        """One more line."""
        with self._reporting():
            self._open().write(json.dumps(record) + "\n")

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
            if self._temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._temporary)

    def _finish(self, stream: TextIO) -> None:
        with self._reporting():
            stream.flush()
            if self._temporary is None:
                stream.close()
                return
            os.fsync(stream.fileno())
            if os.path.exists(self._target):
                made = stream.fileno() if self._is_nameless else self._temporary
                os.chmod(made, stat.S_IMODE(os.stat(self._target).st_mode))
            if self._is_nameless:
                _give_name(stream.fileno(), self._temporary)
            stream.close()
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


def _nameless(folder: str) -> int | None:
    """A new file in the folder, open for writing, that has no name; None where the system has no such files."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return None
    try:
        descriptor = os.open(folder, flag | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError:
        # The file system has none; what is wrong otherwise is said of the file with a name.
        return None
    if os.path.exists(_opened(descriptor)):
        return descriptor
    # Without /proc it could not be given a name later.
    os.close(descriptor)
    return None


def _give_name(descriptor: int, path: str) -> None:
    """Put a file without a name into its folder."""
    # To write into a folder one need not be allowed to read it.
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        # With a folder given, the system follows the link in /proc to the file.
        os.link(_opened(descriptor), os.path.basename(path), src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        # What forbids it, in a container say, shows only now; what was written must not be lost.
        with open(_opened(descriptor), "rb") as written, open(path, "xb") as copy:
            shutil.copyfileobj(written, copy)
            os.chmod(copy.fileno(), stat.S_IMODE(os.stat(descriptor).st_mode))
            copy.flush()
            os.fsync(copy.fileno())
    finally:
        os.close(folder)


def _opened(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


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
