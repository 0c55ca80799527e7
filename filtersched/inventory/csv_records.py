"""Records from CSV: a header of attribute names, one row a record.

A dot leads into a mapping: `capabilities.gpus`, `service.availability_zone`, `flavor.memory_mb`,
`flavor.extra_specs.hw:cpu_policy`. An empty cell is not given. A cell is read as JSON where that
is possible (`12`, `true`, `["a", "b"]`) and else as text; the cells of columns that hold names
are text whatever they look like.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from filtersched.errors import InventoryError, nearest
from filtersched.inventory.json_records import DECODER
from filtersched.inventory.source import Record, Source, bad_input

# How many of the dots in a column's name lead into a mapping; all further ones belong to the key.
_DEPTH = {"flavor": 2, "image": 2, "instance_group": 2}
_INNER = ("extra_specs", "properties", "rules")

class Columns(NamedTuple):
    """What a header may say."""

    #: The attributes that a column may set.
    known: Collection[str]
    #: The attribute that must be among them.
    required: str
    #: Columns whose cells are text whatever they look like: "007" stays "007".
    text: Collection[str] = ()
    #: Beginnings of the names of such columns.
    text_under: tuple[str, ...] = ()


def csv_records(
    source: Source, allowed: Columns, named: Callable[[Mapping[str, Any]], str | None] = lambda _columns: None
) -> Iterator[Record | InventoryError]:
    """One record from each row that is not blank, or the error for one with more or fewer cells than the header.

    named : says what a header is if it is that of something else.
    Of a bad header all errors, and no record. Raises InventoryError for what is no CSV.
    """
    rows = csv.reader(source.lines(), strict=True)
    columns: list[str] | None = None
    while True:
        line = source.line + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise bad_input(source.path, line, f"not CSV: {error}") from error
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns = [cell.strip() for cell in row]
            mistakes = list(_mistakes(columns, source.path, line, allowed))
            if mistakes:
                said = named(dict.fromkeys(columns))
                yield from mistakes if said is None else [bad_input(source.path, line, said)]
                return
            continue
        if len(row) != len(columns):
            field = columns[len(row)] if len(row) < len(columns) else None
            which = f"; the first that is missing is {field!r}" if field else ""
            problem = f"{len(row)} cells under a header of {len(columns)}{which}"
            yield bad_input(source.path, line, problem, field=field)
            continue
        yield Record(line, _nested(columns, row, allowed))


def _mistakes(columns: Sequence[str], path: str, line: int, allowed: Columns) -> Iterator[InventoryError]:
    """What is wrong with a header."""
    for at, column in enumerate(columns):
        name = column.partition(".")[0]
        problem = None
        if name not in allowed.known:
            problem = f"there is no attribute {name!r} for a column. {nearest(name, allowed.known)}".rstrip()
        elif column in columns[:at]:
            problem = f"the column {column!r} stands there twice"
        elif name in columns and name != column:
            problem = f"the columns {name!r} and {column!r} set the same"
        if problem is not None:
            yield bad_input(path, line, problem, field=column)
    if not any(column.partition(".")[0] == allowed.required for column in columns):
        yield bad_input(path, line, f"the column {allowed.required!r} is missing", field=allowed.required)


def _nested(columns: Sequence[str], row: Sequence[str], allowed: Columns) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for column, cell in zip(columns, row, strict=True):
        if cell == "":
            continue
        *path, name = _path(column)
        inner = data
        for step in path:
            inner = inner.setdefault(step, {})
        is_text = column in allowed.text or column.startswith(allowed.text_under)
        inner[name] = cell if is_text else _value(cell)
    return data


def _path(column: str) -> list[str]:
    path = column.split(".", _DEPTH.get(column.partition(".")[0], 1))
    if len(path) == 3 and path[1] not in _INNER:
        path[1:] = [".".join(path[1:])]
    return path


def _value(cell: str) -> Any:
    try:
        return DECODER.decode(cell)
    except (ValueError, RecursionError):
        return cell
