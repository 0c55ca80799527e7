"""Records from JSON, one a line or in one document; stricter than the json module by itself.

Refused, with the line: NaN and Infinity and numbers too large to be finite, a key given twice,
values nested too deep, anything but objects as records.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, NoReturn

from filtersched.columns.plain_data import MAX_DIGITS
from filtersched.errors import InventoryError
from filtersched.inventory.source import Record, Source, bad_input

_BLANK = re.compile(r"[ \t\n\r]*")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; a number must be finite")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large; a number must be finite")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits is too large; it may have {MAX_DIGITS}")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"the key {twice!r} is given twice")
    return made


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
)


# Of a number that is too long, every 50th digit.
_STEP = 50
_MAYBE_TOO_LONG = re.compile(f"[0-9]{{{MAX_DIGITS // _STEP}}}")
# A key that ends with a backslash.
_BACKSLASH_AND_END = '\\\\":'


class CountingDecoder:
    """A decoder of lines without anything unusual: it counts keys instead of looking for a second of each."""

    def __init__(self) -> None:
        self._keys = 0
        self._decoder = json.JSONDecoder(object_hook=self._object, parse_constant=_refuse_constant, parse_float=_finite)

    def _object(self, made: dict[str, Any]) -> dict[str, Any]:
        self._keys += len(made)
        return made

    def decode(self, text: str) -> Any:
        """The data, or an exception if the strict decoder is to say what is wrong, if anything is."""
        text = text.rstrip(" \t\r\n")
        keys = text.count('":')
        if "\\" in text:
            # Behind a backslash, a quote is inside of a text.
            keys = -1 if _BACKSLASH_AND_END in text else keys - text.count('\\":')
        if " :" in text or "\t" in text or "\r" in text or "\n" in text or _MAYBE_TOO_LONG.search(text[::_STEP]):
            raise ValueError
        self._keys = 0
        data, end = self._decoder.raw_decode(text)
        # A key that comes twice is one of its object.
        if self._keys != keys or end != len(text):
            raise ValueError
        return data


def _decode(text: str, counted: CountingDecoder) -> Any:
    try:
        return counted.decode(text)
    except (ValueError, RecursionError):
        return DECODER.decode(text)


def line_records(source: Source) -> Iterator[Record | InventoryError]:
    """One record from each line that is not blank, or what is wrong with the line."""
    counted = CountingDecoder()
    for text in source.lines():
        if text.isspace():
            continue
        try:
            data = _decode(text, counted)
        except json.JSONDecodeError as error:
            yield bad_input(source.path, source.line, f"{_said(error)} in column {error.colno}")
        except (ValueError, RecursionError) as error:
            yield bad_input(source.path, source.line, _words(error))
        else:
            yield Record(source.line, data) if type(data) is dict else as_record(data, source.path, source.line)


class Document(NamedTuple):
    """A JSON document of a file: its lists of records by name, and the other keys of an object.

    A list without a name around it has the name "". An object without any of the lists has only
    `others`.
    """

    line: int
    lists: dict[str, list[Record | InventoryError]]
    others: dict[str, Any]


def documents(source: Source, names: Collection[str]) -> Iterator[Document]:
    """The documents of a file, one after another; a list under one of `names` is one of records.

    Raises InventoryError, after the last good one, where the text is no JSON.
    """
    cursor = _Cursor(source.text(), source.path, source.line)
    if cursor.next() == "[":
        yield Document(cursor.line(), {"": list(cursor.records())}, {})
    else:
        while cursor.next() == "{":
            line = cursor.line()
            yield Document(line, *cursor.members(names))
    cursor.end()


class _Cursor:
    """A place in the text of a document, so that each record of a list is known by its line."""

    def __init__(self, text: str, path: str, lines_before: int) -> None:
        self._text = text
        self._path = path
        self._at = 0
        self._line = lines_before + 1
        self._counted = 0

    def next(self) -> str:
        """The next character that is not blank; "" at the end."""
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None  # it matches everywhere
        self._at = blank.end()
        return self._text[self._at : self._at + 1]

    def line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def expect(self, *characters: str) -> str:
        """Step over one of these characters; says which it was."""
        found = self.next()
        if found not in characters or not found:
            wanted = " or ".join(characters)
            what = repr(found) if found else "the end of the file"
            raise bad_input(self._path, self.line(), f"expected {wanted}, found {what}")
        self._at += 1
        return found

    def value(self) -> Any:
        self.next()
        before = self.line()
        try:
            value, self._at = DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise bad_input(self._path, self.line(), f"{_said(error)} in column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise bad_input(self._path, before, _words(error)) from error
        return value

    def records(self) -> Iterator[Record | InventoryError]:
        """The objects of the list that begins here."""
        self.expect("[")
        if self.next() == "]":
            self.expect("]")
            return
        while True:
            self.next()
            line = self.line()
            yield as_record(self.value(), self._path, line)
            if self.expect(",", "]") == "]":
                return

    def members(self, names: Collection[str]) -> tuple[dict[str, list[Record | InventoryError]], dict[str, Any]]:
        """Of the object that begins here: the lists under `names` as records, and all else."""
        found: dict[str, list[Record | InventoryError]] = {}
        others: dict[str, Any] = {}
        self.expect("{")
        if self.next() == "}":
            self.expect("}")
            return found, others
        while True:
            key = self.value()
            if not isinstance(key, str) or key in found or key in others:
                raise bad_input(self._path, self.line(), f"expected a key not given before, found {key!r}")
            self.expect(":")
            if key in names and self.next() == "[":
                found[key] = list(self.records())
            else:
                others[key] = self.value()
            if self.expect(",", "}") == "}":
                return found, others

    def end(self) -> None:
        if self.next():
            raise bad_input(
                self._path, self.line(), "more text after the end of the document; one record a line is called .jsonl"
            )


def as_record(data: Any, path: str, line: int) -> Record | InventoryError:
    """The data as a record, or the error if they are no object."""
    if isinstance(data, dict):
        return Record(line, data)
    return bad_input(path, line, f"a record must be an object {{...}}, not {_short(data)}")


def _said(error: json.JSONDecodeError) -> str:
    return f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"


def _words(error: Exception) -> str:
    return "values are nested too deep" if isinstance(error, RecursionError) else str(error)


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:40]}..."
