"""What a person sees: text in the width and the colors of a terminal, plain in a pipe; and progress."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO, cast

from filtersched.cli.errors import StdoutError
from filtersched.cli.tables import table_lines, text_width, wrapped

_PROGRESS_EVERY_S = 0.1
_USUAL_WIDTH = 80
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32"}
COLORS = ("auto", "always", "never")

# The style of a cell, of its row and column; None is plain.
CellStyle = Callable[[int, int], str | None]


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
    """Standard output, with tables and headings; and progress on the standard error.

    On a terminal, text is wrapped to its width; in a pipe, a row of a table is a line.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        out = sys.stdout if out is None else out
        if out is None:
            raise StdoutError("the result cannot be written: the standard output is closed")
        self.out: TextIO
        self.width: int | None
        self.err: TextIO = sys.stderr if err is None else err
        self._color = "auto"
        self._is_quiet = False
        self._print_to(cast(TextIO, _Checked(out)))

    def configure(self, *, color: str = "auto", quiet: bool = False) -> None:
        """Choose colors (auto, always, never), and whether anything is printed but errors and warnings."""
        self._color, self._is_quiet = color, quiet
        self._print_to(self.out)

    def use_stderr(self) -> None:
        """Print on the standard error, because the standard output is for something else."""
        self._print_to(self.err)

    def _print_to(self, stream: TextIO) -> None:
        self.out = cast(TextIO, _Nowhere()) if self._is_quiet else stream
        self.width = _width(stream)
        self._colors = _has_colors(stream) if self._color == "auto" else self._color == "always"

    def line(self, text: str = "", *, indent: str = "", style: str | None = None) -> None:
        """One line of text; on a terminal wrapped, its further lines indented."""
        said = printable(text)
        lines = [said]
        if self.width is not None and text_width(said) > self.width:
            first, *_further = wrapped(said, self.width)
            rest = said[len(first) :].lstrip(" ")
            lines = [first, *(f"{indent}{line}" for line in wrapped(rest, max(1, self.width - len(indent))) if rest)]
        for line in lines:
            print(self.painted(line, style), file=self.out)

    def heading(self, text: str, *, style: str = "bold") -> None:
        """A line above what belongs together."""
        self.line(text, style=style)

    def painted(self, text: str, style: str | None) -> str:
        """The text in a style, where there are colors."""
        if style is None or not self._colors or not text:
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        numbers: Sequence[str] = (),
        style: CellStyle | None = None,
    ) -> None:
        """A table; `numbers` are the columns that are aligned to the right, `style` colors cells."""

        def paint(row: int, column: int, text: str) -> str:
            return self.painted(text, "bold" if row < 0 else None if style is None else style(row, column))

        cells = [[printable(cell) for cell in row] for row in rows]
        right = [at for at, column in enumerate(columns) if column in numbers]
        headings = [column.upper() for column in columns]
        for line in table_lines(headings, cells, right=right, width=self.width, paint=paint):
            print(line, file=self.out)

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


class _Nowhere:
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def _width(stream: TextIO) -> int | None:
    """The columns of a terminal, as COLUMNS says or the terminal itself; None for anything else."""
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH


def _has_colors(stream: TextIO) -> bool:
    """Whether a stream takes colors: a terminal that can, and whose user did not say no."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
