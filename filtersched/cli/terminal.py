"""What a person sees: rich on a terminal, plain aligned text in a pipe or without rich."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO, cast

from filtersched.cli.errors import StdoutError

_PROGRESS_EVERY_S = 0.1


def printable(text: object) -> str:
    """The text without characters that steer a terminal; names come from files."""
    said = str(text)
    if said.isprintable():
        return said
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in said)


class _Checked:
    """A stream that marks its own failures, so that they are not taken for a plug-in's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _reporting():
            return self._stream.write(text)

    def flush(self) -> None:
        with _reporting():
            self._stream.flush()


@contextlib.contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StdoutError(f"the result cannot be written: {error.strerror or error}") from error


class Terminal:
    """Standard output, with tables and headings; and progress on the standard error."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        out = sys.stdout if out is None else out
        if out is None:
            raise StdoutError("the result cannot be written: the standard output is closed")
        self.out: TextIO = cast(TextIO, _Checked(out))
        self.err: TextIO = sys.stderr if err is None else err
        self._console = _console(self.out)

    def line(self, text: str = "") -> None:
        """One line of text, wrapped by the terminal."""
        if self._console is None:
            print(printable(text), file=self.out)
        else:
            self._console.print(printable(text), markup=False, highlight=False)

    def heading(self, text: str) -> None:
        """A line above what belongs together."""
        if self._console is None:
            print(printable(text), file=self.out)
        else:
            self._console.print(printable(text), markup=False, highlight=False, style="bold")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
        """A table; `numbers` are the columns that are aligned to the right."""
        cells = [[printable(cell) for cell in row] for row in rows]
        if self._console is None:
            _plain_table(self.out, columns, cells, numbers)
        else:
            self._console.print(_rich_table(columns, cells, numbers))

    def note(self, text: str) -> None:
        """One line on the standard error."""
        print(printable(text), file=self.err)

    @contextlib.contextmanager
    def progress(self, what: str, share: Callable[[], float | None]) -> Iterator[Callable[[], None]]:
        """A progress bar on the standard error while it is a terminal and rich is there.

        Gives a function to call after every step; `share` is how much is done, 0 to 1.
        """
        console = _console(self.err)
        if console is None or share() is None:
            yield lambda: None
            return
        from rich import progress

        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        with bar:
            task = bar.add_task(what, total=1.0)
            shown = time.monotonic()

            def step() -> None:
                nonlocal shown
                now = time.monotonic()
                if now - shown > _PROGRESS_EVERY_S:
                    shown = now
                    bar.update(task, completed=share() or 0.0)

            yield step


def _console(stream: TextIO) -> Any:
    """rich's console for a terminal; None for anything else, and where rich is not installed."""
    if not stream.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(file=stream)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, column in enumerate(columns):
        # The last column is prose and may wrap; the others are names and numbers.
        prose = at == len(columns) - 1 and column not in numbers
        table.add_column(column, justify="right" if column in numbers else "left", no_wrap=not prose, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _plain_table(out: TextIO, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> None:
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        cells = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        print("  ".join(cells).rstrip(), file=out)
