"""Reading a file as records: the same way and the same checks, whatever the records are.

The name tells the format (`.csv`, `.jsonl`, `.ndjson`), otherwise the content does: a JSON list,
JSON objects with a list of records under its name, JSON Lines, or CSV.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from filtersched.columns.plain_data import take_version
from filtersched.errors import FilterschedError, InventoryError, shown
from filtersched.inventory import foreign
from filtersched.inventory.csv_records import Columns, csv_records
from filtersched.inventory.json_records import DECODER, Document, as_record, documents, line_records
from filtersched.inventory.mistakes import Mistakes
from filtersched.inventory.source import Record, Source, bad_input

LOG = logging.getLogger(__name__)

_Read = TypeVar("_Read")
# A record and the name of the list it is in, or what is wrong with it.
_Named = tuple[str, Record | InventoryError]
# What a document may have beside the list that a reader wants; the links are Nova's.
_READ_BY_OTHERS = frozenset(
    ("version", "hosts", "requests", "hypervisors", "hypervisors_links", "aggregates", "server_groups")
)


class _Foreign(InventoryError):
    """The file is something else altogether; one sentence about it is enough."""


class RecordReader(Generic[_Read]):
    """Iterates over a file once. `line` is where the item at hand begins.

    After a mistake the file is read to its end, or to the 20th mistake, and then InventoryError tells
    them all; nothing more is given out.
    """

    #: The names of the lists in a document, the ordinary one first.
    _lists: tuple[str, ...]
    #: Names of one record alone in a document, to the list that it could be in.
    _singles: Mapping[str, str] = {}
    #: The key that every record of the ordinary list has.
    _required: str
    _columns: Columns

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.line: int = 0
        self._unread: set[str] = set()
        # Mistakes of several files are raised by what reads these files.
        self._shares_mistakes = False
        self._mistakes = Mistakes()
        self._source = Source(path)
        self.path: str = self._source.path

    @property
    def share_read(self) -> float | None:
        """How much of the file was read, 0 to 1; None where its size is not known."""
        source = self._source
        return source.read_bytes / source.size if source.size else None

    def close(self) -> None:
        """Close the file; reading it to its end does that too."""
        self._source.close()

    def __iter__(self) -> Iterator[_Read]:
        for line, item in self._lined():
            self.line = line
            yield item

    def _lined(self) -> Iterator[tuple[int, _Read]]:
        """Each item with the line that it begins on. Raises all mistakes at the end."""
        empty = True
        mistakes = self._mistakes
        try:
            for name, record in self._records():
                if isinstance(record, InventoryError):
                    mistakes.add(record)
                else:
                    self.line = line = record.line
                    for item in self._items(name, record):
                        empty = False
                        if not mistakes:
                            yield line, item
                if mistakes and (mistakes.is_full or not self._reads_on()):
                    break
        except InventoryError as error:
            mistakes.add(error)
        finally:
            self._source.close()
        if empty and not mistakes:
            mistakes.add(bad_input(self.path, None, f"holds no {self._lists[0]}"))
        if not self._shares_mistakes:
            self._end()

    def _end(self) -> None:
        """Raise what was found wrong, if anything."""
        if self._mistakes:
            raise self._mistakes.error()

    def _reads_on(self) -> bool:
        """Whether the file is read on after a mistake, to find the others."""
        return True

    def _records(self) -> Iterator[_Named]:
        source = self._source
        kind = _kind(self.path, source.first(), (*self._lists, *self._singles))
        if kind == "csv":
            for record in csv_records(source, self._columns, lambda header: foreign.named(header, self._lists[0])):
                yield self._lists[0], record
        elif kind == "lines":
            for record in line_records(source):
                if type(record) is Record and self._required in record.data:
                    yield self._lists[0], record
                else:
                    yield from self._opened(record)
        else:
            for document in documents(source, self._lists):
                yield from self._of_document(document)

    def _of_document(self, document: Document) -> Iterator[_Named]:
        lists, others = document.lists, document.others
        if "" in lists:
            for record in lists[""]:
                yield from self._opened(record)
            return
        wrong = [name for name in self._lists if name in others]
        if wrong:
            raise bad_input(self.path, None, f"{wrong[0]!r} must be a list", field=wrong[0])
        if not lists and self._is_record(others):
            yield from self._opened(Record(document.line, others))
            return
        self._check_version(others)
        if len(lists) != 1:
            raise self._no_document(lists, others)
        (name, records), *_ = lists.items()
        self._beside(name, others)
        for record in records:
            yield name, record

    def _opened(self, record: Record | InventoryError) -> Iterator[_Named]:
        """The record, or those that are in it: a line or a part of a list may be a document of its own."""
        if isinstance(record, Record):
            for name in self._lists:
                found = record.data.get(name)
                # A host has a list of aggregates too, and is no document.
                if type(found) is list and self._required not in record.data and "host" not in record.data:
                    others = {key: value for key, value in record.data.items() if key != name}
                    self._check_version(others)
                    self._beside(name, others)
                    for one in found:
                        yield name, as_record(one, self.path, record.line)
                    return
            for single, name in self._singles.items():
                if type(record.data.get(single)) is dict:
                    yield name, Record(record.line, record.data[single])
                    return
        yield self._lists[0], record

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        """Whether the object is a record by itself, or has one under its name."""
        return self._required in data or any(type(data.get(single)) is dict for single in self._singles)

    def _check_version(self, others: Mapping[str, Any]) -> None:
        take_version(dict(others), lambda said, _version: bad_input(self.path, None, said, field="version"))

    def _no_document(self, lists: Collection[str], others: Mapping[str, Any]) -> InventoryError:
        listed = " or ".join(repr(name) for name in self._lists)
        wanted = f"the document must be a list, or an object with {listed}"
        said = foreign.named(others, self._lists[0]) if not lists else None
        if said is not None:
            return bad_input(self.path, None, said)
        has = "both" if lists else ", ".join(repr(name) for name in [*others][:5]) or "nothing"
        return bad_input(self.path, None, f"{wanted}; it has {has}")

    def _beside(self, name: str, others: Mapping[str, Any]) -> None:
        """Look at what stands in a document beside its list `name`."""
        self._report_unread([key for key in others if key not in _READ_BY_OTHERS])

    def _report_unread(self, keys: Iterable[str]) -> None:
        """Warn of keys that are not read, once of each."""
        new = [key for key in keys if key not in self._unread]
        if new:
            self._unread.update(new)
            LOG.warning("%s, line %d: not read: %s", self.path, self.line or 1, ", ".join(map(shown, new)))

    def _items(self, name: str, record: Record) -> Iterable[_Read]:
        raise NotImplementedError

    def _made(self, data: dict[str, Any], make: Callable[[dict[str, Any]], _Read | None]) -> Sequence[_Read]:
        """What `make` makes of the data, if anything; its errors become mistakes of this line.

        A field that is wrong is left out, and what is wrong with the others is found.
        """
        left: dict[str, Any] | None = data
        while left is not None:
            try:
                made = make(left)
            except InventoryError:
                raise
            except FilterschedError as error:
                field = getattr(error, "attribute", None) or getattr(error, "field", None)
                problem = str(error)
            except RecursionError:
                field, problem = None, "values are nested too deep"
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                field = error.args[1] if len(error.args) == 2 and isinstance(error.args[1], str) else None
                problem = str(error.args[0]) if error.args else str(error)
            else:
                return () if made is None else (made,)
            said = self._named(data)
            if said is not None:
                raise _Foreign(f"{self.path}, line {self.line}: {said}", path=self.path, line=self.line)
            self._mistakes.add(self._bad(problem, field))
            left = None if field is None or self._mistakes.is_full else self._without(left, field)
        return ()

    def _named(self, data: Mapping[str, Any]) -> str | None:
        """What the data are, if they are of another kind than what is read; else None."""
        return foreign.named(data, self._lists[0]) if self._required not in data else None

    def _without(self, data: dict[str, Any], field: str) -> dict[str, Any] | None:
        """The data without a field, such as `free_ram_mb` or `flavor.swap`; None if it has no such field to spare."""
        name, dot, part = field.partition(".")
        if dot and isinstance(data.get(name), dict) and part in data[name]:
            return {**data, name: {key: value for key, value in data[name].items() if key != part}}
        if dot or name not in data or name == self._required:
            return None
        return {key: value for key, value in data.items() if key != name}

    def _bad(self, problem: str, field: str | None) -> InventoryError:
        return bad_input(self.path, self.line, problem, field=field)


def _kind(path: str, first: bytes, names: Collection[str]) -> str:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv":
        return "csv"
    start = first.lstrip()[:1]
    if suffix in (".jsonl", ".ndjson"):
        return "lines"
    if start == b"[":
        return "document"
    if start != b"{":
        return "csv" if start and suffix != ".json" else "lines"
    try:
        whole = DECODER.decode(first.decode())
    except json.JSONDecodeError as error:
        # A line that ends in the middle of an object begins a document; a bad record does not.
        return "document" if error.pos >= len(first.rstrip()) or suffix == ".json" else "lines"
    except (ValueError, RecursionError):
        return "lines"
    return "document" if any(name in whole for name in names) else "lines"


def first_of(data: Mapping[str, Any], names: Iterable[str]) -> Any:
    """What stands under the first of the names that is there."""
    return next((data[name] for name in names if data.get(name) is not None), None)
