"""WholeFile: a file that appears under its name when all of it is on the disk, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from types import TracebackType
from typing import TextIO

# Nobody sees the file before it is finished, so what is written may wait.
_BUFFER_BYTES = 2**18


class WholeFile:
    """Text for a file that appears under its name when it is finished; until then an earlier file stays.

    Used as a context, or by `open`, `finish` and, in any case, `discard`. The new file has the mode of
    the earlier one. Until it is finished it has no name where the system can make such files, so that
    not even SIGKILL leaves one behind; elsewhere it is hidden beside its place.

    path : the file; a symbolic link to it stays.

    Raises OSError for whatever keeps it from being written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._target = os.path.realpath(path)
        self._folder, name = os.path.split(self._target)
        # Known before it is there, so that no interruption leaves it behind.
        self._temporary = os.path.join(self._folder, f".{name}.{secrets.token_hex(6)}")
        self._is_nameless = False
        self._stream: TextIO | None = None

    def __enter__(self) -> TextIO:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.discard()

    def open(self) -> TextIO:
        """The stream to write to."""
        if os.path.exists(self._target):
            if not stat.S_ISREG(os.stat(self._target).st_mode):
                raise OSError(errno.EINVAL, "is no regular file", self._target)
            if not os.access(self._target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self._target)
        nameless = _nameless(self._folder)
        self._is_nameless = nameless is not None
        if nameless is None:
            self._stream = open(self._temporary, "x", _BUFFER_BYTES, encoding="utf-8")  # noqa: SIM115 - closed by discard
        else:
            self._stream = open(nameless, "w", _BUFFER_BYTES, encoding="utf-8")  # noqa: SIM115 - closed by discard
        return self._stream

    def finish(self) -> None:
        """Put the file under its name."""
        stream = self._stream
        assert stream is not None
        stream.flush()
        os.fsync(stream.fileno())
        if os.path.exists(self._target):
            made = stream.fileno() if self._is_nameless else self._temporary
            os.chmod(made, stat.S_IMODE(os.stat(self._target).st_mode))
        if self._is_nameless:
            _give_name(stream.fileno(), self._temporary)
        stream.close()
        os.replace(self._temporary, self._target)
        _sync_folder(self._folder)

    def discard(self) -> None:
        """Remove what is not finished."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)


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


def _sync_folder(folder: str) -> None:
    # A rename is on the disk when its folder is; not every system can open one.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
