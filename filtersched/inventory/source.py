"""An input file as lines of bounded length, with words for whatever is wrong with it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from filtersched.errors import InventoryError

MAX_LINE_BYTES = 16 * 2**20
MAX_DOCUMENT_BYTES = 256 * 2**20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One host or request as the file has it, and the line it begins on, counted from 1."""

    line: int
    data: dict[str, Any]


def bad_input(path: str, line: int | None, problem: str, *, field: str | None = None) -> InventoryError:
    """The error for something in a file; it says where."""
    at = path if line is None else f"{path}, line {line}"
    return InventoryError(f"{at}: {problem}", path=path, line=line, field=field)


class Source:
    """A file of hosts or requests, open for reading; `-` is the standard input.

    read_bytes, size : how much was read, and how much there is; size is None if it is unknown.
    Raises InventoryError for a file that is missing, unreadable or not a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self.line: int = 0
        self.read_bytes: int = 0
        self.size: int | None = None
        self._stream: IO[bytes]
        self._first: bytes | None = None
        if self.path == "-":
            self.path = "<stdin>"
            if sys.stdin is None:
                raise bad_input(self.path, None, "cannot be read: the standard input is closed")
            self._stream = sys.stdin.buffer
            return
        try:
            self._stream = open(path, "rb")  # noqa: SIM115 - closed by close()
            status = os.fstat(self._stream.fileno())
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise bad_input(self.path, None, f"cannot be read: {problem}") from error
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size

    def close(self) -> None:
        """Close the file, though not the standard input."""
        if self.path != "<stdin>":
            self._stream.close()

    def first(self) -> bytes:
        """The first line that is not blank, not consumed; b"" if there is none.

        Of a line that is too long only its beginning.
        """
        while self._first is None or (self._first and not self._first.strip()):
            if self._first is not None:
                self.line += 1
            line = self._read(self._stream.readline, MAX_LINE_BYTES + 1)
            self._first = line.removeprefix(_BYTE_ORDER_MARK) if self.line == 0 else line
        return self._first

    def lines(self) -> Iterator[str]:
        """The lines, from the first one that is not blank; `line` counts them.

        Raises InventoryError for one that is too long, without having read it, or not UTF-8.
        """
        raw = self.first()
        readline = self._stream.readline
        while raw:
            self.line += 1
            if len(raw) > MAX_LINE_BYTES:
                raise bad_input(
                    self.path, self.line, f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB; one record a line"
                )
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = self._decoded(raw, self.line)
            yield text
            raw = self._read(readline, MAX_LINE_BYTES + 1)

    def text(self) -> str:
        """Everything from the first line that is not blank.

        `line` then is the number of lines before it. Raises InventoryError for too large a file.
        """
        raw = self.first()
        raw += self._read(self._stream.read, MAX_DOCUMENT_BYTES + 1 - len(raw))
        if len(raw) > MAX_DOCUMENT_BYTES:
            raise bad_input(
                self.path,
                None,
                f"a JSON document of more than {MAX_DOCUMENT_BYTES // 2**20} MiB is not read; write JSON Lines, "
                "one record a line",
            )
        return self._decoded(raw, self.line + 1)

    def _read(self, read: Callable[[int], bytes], most: int) -> bytes:
        try:
            raw = read(most)
        except OSError as error:
            raise bad_input(self.path, self.line or None, f"cannot be read: {error.strerror}") from error
        self.read_bytes += len(raw)
        return raw

    def _decoded(self, raw: bytes, first_line: int) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            line = first_line + raw.count(b"\n", 0, error.start)
            raise bad_input(
                self.path, line, f"not text in UTF-8: byte {raw[error.start]:#04x}, {error.reason}"
            ) from error
