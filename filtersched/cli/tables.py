"""Text tables for any width: a table, prose below its row, or a block for each row; nothing is cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence

_GAP = "  "
# Prose gets no narrower column than this; it moves below its row before.
_LEAST_PROSE = 24
_BELOW = "    "

# The text of a cell as it is to appear, of its row (-1 is the heading), its column and its text.
Paint = Callable[[int, int, str], str]


def text_width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_char_width(one) for one in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns, broken at blanks; a word that is longer is broken anywhere."""
    lines: list[str] = []
    line: str | None = None
    for word in text.split(" "):
        joined = word if line is None else f"{line} {word}"
        if text_width(joined) <= width:
            line = joined
            continue
        if line is not None and line.strip():
            lines.append(line)
        *full, line = _pieces(word, width)
        lines += full
    return [*lines, line or ""]


def _pieces(word: str, width: int) -> list[str]:
    pieces, piece, room = [], "", width
    for char in word:
        room -= _char_width(char)
        if room < 0 and piece:
            pieces.append(piece)
            piece, room = "", width - _char_width(char)
        piece += char
    return [*pieces, piece]


def table_lines(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    width: int | None = None,
    paint: Paint = lambda _row, _column, text: text,
) -> Iterator[str]:
    """The lines of a table.

    right : the columns that are aligned to the right; the last column is prose if it is none of them.
    width : None has no end.
    """
    widths = [max(map(text_width, cells)) for cells in zip(headings, *rows, strict=True)]
    layout = _Layout(headings, rows, widths, {*right}, paint)
    if width is None or layout.total() <= width:
        return layout.plain()
    last = len(headings) - 1
    fixed = layout.total() - widths[last] - len(_GAP)
    if last not in layout.right and last:
        if width - fixed - len(_GAP) >= _LEAST_PROSE:
            return layout.beside(width - fixed - len(_GAP))
        if fixed <= width:
            return layout.below(width)
    return layout.blocks(width)


class _Layout:
    """The ways in which the cells of one table can stand."""

    def __init__(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        right: set[int],
        paint: Paint,
    ) -> None:
        self.lines = [headings, *rows]
        self.widths = widths
        self.right = right
        self.paint = paint

    def total(self) -> int:
        return sum(self.widths) + len(_GAP) * (len(self.widths) - 1)

    def plain(self) -> Iterator[str]:
        return (self._joined(row, line) for row, line in enumerate(self.lines, -1))

    def beside(self, room: int) -> Iterator[str]:
        """Prose wraps under itself."""
        last = len(self.widths) - 1
        indent = " " * (self.total() - self.widths[last])
        for row, line in enumerate(self.lines, -1):
            first, *further = wrapped(line[last], room)
            yield self._joined(row, [*line[:last], first])
            yield from (f"{indent}{self.paint(row, last, text)}" for text in further)

    def below(self, width: int) -> Iterator[str]:
        """Prose stands below its row."""
        last = len(self.widths) - 1
        for row, line in enumerate(self.lines, -1):
            yield self._joined(row, line[:last])
            if line[last]:
                texts = wrapped(line[last], max(1, width - len(_BELOW)))
                yield from (f"{_BELOW}{self.paint(row, last, text)}" for text in texts)

    def blocks(self, width: int) -> Iterator[str]:
        """A heading and a value in each line, a blank line between rows."""
        headings, *rows = self.lines
        side = max(map(text_width, headings))
        beside = width - side - len(_GAP) >= _LEAST_PROSE // 2
        for row, line in enumerate(rows):
            if row:
                yield ""
            for column, (heading, cell) in enumerate(zip(headings, line, strict=True)):
                lead = heading + " " * (side - text_width(heading)) + _GAP
                if not beside:
                    yield self.paint(-1, column, heading)
                    lead = _BELOW
                texts = wrapped(cell, max(1, width - len(lead)))
                for at, text in enumerate(texts):
                    start = self.paint(-1, column, lead) if at == 0 and beside else " " * len(lead)
                    yield f"{start}{self.paint(row, column, text)}".rstrip()

    def _joined(self, row: int, cells: Sequence[str]) -> str:
        """One line of cells side by side, without blanks at its end."""
        line = ""
        for column, cell in enumerate(cells):
            pad = " " * (self.widths[column] - text_width(cell))
            shown = self.paint(row, column, cell) if cell else ""
            if column in self.right:
                line += pad + shown
            else:
                line += shown + (pad if any(cells[column + 1 :]) else "")
            if any(cells[column + 1 :]):
                line += _GAP
        return line.rstrip(" ")
