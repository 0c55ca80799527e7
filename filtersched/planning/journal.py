"""The results of runs in a file, one line each as they come, so that a later command goes on from them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Any, Self, TextIO

from filtersched.errors import FilterschedError
from filtersched.whole_file import WholeFile


class JournalError(FilterschedError):
    """A file of results that cannot be read or written. `path` is the file, `line` where it is wrong."""

    def __init__(self, message: str = "", *, path: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


class Journal:
    """A file of results, JSON Lines; a line is on the disk before the next run's is written.

    resume : keep what is there; else the file begins anew.

    Raises JournalError for a file of something else, and where it cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False) -> None:
        self.path: str = os.fspath(path)
        #: The results that were there, by the key of the run.
        self.finished: dict[str, dict[str, Any]] = self._read() if resume and os.path.exists(self.path) else {}
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            # What could not be written was reported when it was.
            with contextlib.suppress(OSError):
                self._file.close()

    def begin(self) -> None:
        """Open the file, before the first run, so that a mistake in its name costs no run."""
        with self._reporting("written"):
            if self.finished:
                # Written anew, for a line that was cut off in the middle.
                with WholeFile(self.path) as file:
                    file.writelines(json.dumps(one) + "\n" for one in self.finished.values())
            self._file = open(self.path, "a" if self.finished else "w", encoding="utf-8")  # noqa: SIM115 - see __exit__

    def add(self, result: dict[str, Any]) -> None:
        """Write the result of one more run."""
        assert self._file is not None  # begin() was called
        with self._reporting("written"):
            self._file.write(json.dumps(result) + "\n")
            self._file.flush()

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise JournalError(f"{self.path} cannot be {what}: {problem}", path=self.path) from error

    def of(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """The finished results of these runs."""
        return {key: one for key, one in self.finished.items() if key in keys}

    def _read(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        with self._reporting("read"), open(self.path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    # The command was killed while it wrote this one.
                    break
                try:
                    result = json.loads(line)
                    found[result["key"]] = result
                except (ValueError, TypeError, KeyError):
                    raise JournalError(
                        f"{self.path}, line {number}: not the result of a run; --resume goes on from a file that "
                        "--results wrote",
                        path=self.path,
                        line=number,
                    ) from None
        return found
