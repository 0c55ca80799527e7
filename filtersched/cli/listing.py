"""What a command lists, in the format that the command line chooses: one design for every command.

A command says which columns its rows have. The flags `--format`, `--columns` and `--sort` do the rest:
text and wide are tables for people, csv is one for programs, name is one column alone; json and
jsonl are the command's own records.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from filtersched.cli.errors import UsageError
from filtersched.cli.terminal import Terminal, printable
from filtersched.errors import nearest

FORMATS = ("text", "wide", "json", "jsonl", "csv", "name")
FORMAT_VERSION = 1
#: Formats in which a row needs no other row.
STREAMED = ("csv", "name")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a listing.

    name : its name on the command line, its heading in CSV and, in capitals, in a table.
    text : the text of its cell for people; None takes the value as it is.
    is_wide : shown by `--format wide` and csv, but not by text.
    style : the color of its cell, of the row; None is plain.
    """

    name: str
    text: Callable[[Row], str] | None = None
    is_number: bool = False
    is_wide: bool = False
    style: Callable[[Row], str | None] | None = None

    def shown(self, row: Row) -> str:
        """The cell for people."""
        if self.text is not None:
            return self.text(row)
        value = row.get(self.name)
        return "-" if value is None else str(value)


def add_listing_flags(group: Any, formats: Sequence[str] = FORMATS) -> None:
    """Let a group of a parser's flags choose the format."""
    group.add_argument(
        "--format",
        choices=formats,
        default="text",
        help="text (the default) and wide for people; json, jsonl (a record a line), csv and name (names alone) for "
        "programs",
    )
    group.add_argument(
        "--columns", metavar="NAME,...", help="the columns of text, wide and csv, in this order; a wrong name lists all"
    )
    group.add_argument(
        "--sort", metavar="NAME,...", help="sort the rows of text, wide, csv and name by these columns; -NAME descends"
    )


def is_table(args: argparse.Namespace) -> bool:
    """Whether the format is a listing of rows, and not the command's own records."""
    return args.format not in ("json", "jsonl")


def check_listing(args: argparse.Namespace, columns: Sequence[Column]) -> None:
    """Raise UsageError if the command line asks for columns that are not there, or for a format without any."""
    for flag in ("columns", "sort"):
        given = getattr(args, flag)
        if given is None:
            continue
        if not is_table(args) or (flag == "columns" and args.format == "name"):
            raise UsageError(f"--{flag} is for tables; --format {args.format} has none")
        known = [column.name for column in columns]
        if not _names(given):
            raise UsageError(f"--{flag} names none. There are {', '.join(known)}.")
        for name in _names(given):
            plain = name.removeprefix("-") if flag == "sort" else name
            if plain not in known:
                hint = nearest(plain, known)
                hint = hint if hint.startswith("Did") else ""
                listed = f"There are {', '.join(known)}."
                raise UsageError(f"--{flag}: there is no column {plain!r}. {hint} {listed}".replace("  ", " "))


class RowWriter:
    """Writes rows in one of the formats of `STREAMED`, each as it comes."""

    def __init__(
        self, terminal: Terminal, args: argparse.Namespace, columns: Sequence[Column], *, name: str | None = None
    ) -> None:
        self._out = terminal.out
        self._name = (name or columns[0].name) if args.format == "name" else None
        self._columns = [column.name for column in _chosen(args, columns)]
        self._csv = csv.writer(self._out, lineterminator="\n")
        if self._name is None:
            self._csv.writerow(self._columns)

    def write(self, row: Row) -> None:
        """One more row."""
        if self._name is None:
            self._csv.writerow(["" if (value := row.get(name)) is None else _cell(value) for name in self._columns])
        elif row.get(self._name) is not None:
            self._out.write(f"{printable(row[self._name])}\n")


def show_listing(
    terminal: Terminal,
    args: argparse.Namespace,
    columns: Sequence[Column],
    rows: Iterable[Row],
    *,
    name: str | None = None,
) -> None:
    """Show rows in the format of the command line, which is one of a table; see `is_table`.

    name : the column that `--format name` prints; None is the first one.
    """
    check_listing(args, columns)
    listed = _sorted(rows, _names(args.sort)) if args.sort else rows
    if args.format in STREAMED:
        writer = RowWriter(terminal, args, columns, name=name)
        for row in listed:
            writer.write(row)
    else:
        show_table(terminal, _chosen(args, columns), list(listed))


def show_records(
    terminal: Terminal,
    args: argparse.Namespace,
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    records: Sequence[Row] | None = None,
    further: Row | None = None,
) -> None:
    """Show what a command lists in any format.

    name : the key of the list in the JSON document; `further` are the other keys.
    records : the records of JSON, one a row; None are the rows themselves.
    """
    check_listing(args, columns)
    found = rows if records is None else records
    if args.format == "json":
        write_json(terminal.out, {**(further or {}), name: list(found)})
    elif args.format == "jsonl":
        for record in found:
            write_json_line(terminal.out, record)
    else:
        show_listing(terminal, args, columns, rows)


def show_table(terminal: Terminal, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """A table for people."""

    def style(row: int, column: int) -> str | None:
        of = columns[column].style
        return None if of is None else of(rows[row])

    numbers = [column.name for column in columns if column.is_number]
    cells = [[column.shown(row) for column in columns] for row in rows]
    terminal.table([column.name.replace("_", " ") for column in columns], cells, numbers=[
        name.replace("_", " ") for name in numbers
    ], style=style)


def write_json(out: TextIO, data: Mapping[str, Any]) -> None:
    """A JSON document with its version first."""
    out.write(json.dumps({"version": FORMAT_VERSION, **data}, indent=1) + "\n")


def write_json_line(out: TextIO, data: Mapping[str, Any]) -> None:
    """A line of JSON Lines, with its version first."""
    out.write(json.dumps({"version": FORMAT_VERSION, **data}) + "\n")


def _chosen(args: argparse.Namespace, columns: Sequence[Column]) -> list[Column]:
    if args.columns:
        by_name = {column.name: column for column in columns}
        return [by_name[name] for name in _names(args.columns)]
    return [column for column in columns if args.format != "text" or not column.is_wide]


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _sorted(rows: Iterable[Row], names: Sequence[str]) -> list[Row]:
    """The rows by these columns; rows without a value come last, whatever the direction."""
    listed = list(rows)
    for name in reversed(names):
        column, descends = name.removeprefix("-"), name.startswith("-")
        there = [row for row in listed if row.get(column) is not None]
        there.sort(key=lambda row: _order(row[column]), reverse=descends)
        listed = [*there, *(row for row in listed if row.get(column) is None)]
    return listed


def _order(value: Any) -> tuple[bool, Any]:
    is_text = not isinstance(value, int | float)
    return is_text, str(value) if is_text else value


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value
