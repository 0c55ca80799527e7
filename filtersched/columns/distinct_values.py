"""Attributes of many hosts in small: as numbers in a column, or as codes of their distinct values."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, Column, NotVectorizable, put, without_row
from filtersched.columns.frozen import typed_key

# From so many values on, those that rows rarely share are told apart by identity.
_FEWEST_VALUES = 64
_NO_KEY = object()
_NUMBERS = frozenset((int, float))


class Codes:
    """One attribute as small integers: which of the distinct values each row has.

    codes : (n_rows,) intp into `values`. The code of a value that no row has any more is given to
        the next new value. Where rows rarely share values, equal ones may have several codes.
    seen : results that callers cache for these values, by a key that each caller chooses.
    """

    __slots__ = (
        *("_by_identity", "_by_key", "_changes", "_counts", "_forgotten", "_free", "_keys", "_rarely_share"),
        *("codes", "seen", "values"),
    )

    def __init__(self, given: Sequence[Any]) -> None:
        self.values: list[Any] = []
        self._keys: list[Any] = []
        self._by_key: dict[Any, int] = {}
        self._by_identity: dict[int, int] = {}
        # How many rows have each code, and the codes that no row has; counted at the first change.
        self._counts: list[int] | None = None
        self._free: set[int] = set()
        # (row, its new code, whether the code has a new value), and how many earlier ones were dropped.
        self._changes: list[tuple[int, int, bool]] = []
        self._forgotten = 0
        # Where nearly every row has a value of its own, a new value is not compared with the others.
        self._rarely_share = False
        self.codes: NDArray[np.intp] = self._coded(given)
        self.seen: dict[Any, Any] = {}

    def _coded(self, given: Sequence[Any]) -> NDArray[np.intp]:
        if isinstance(given, np.ndarray):
            # Its items are made when read, and gone again: they have no identity.
            given = given.tolist()
        if len(given) and all(map(operator.is_, given, itertools.repeat(given[0]))):
            return np.full(len(given), self._code_of(given[0]), dtype=np.intp)
        if len(given) and isinstance(given[0], str | None) and set(map(type, given)) <= {str, type(None)}:
            # Text is its own key, and hashed already.
            for value in dict.fromkeys(given):
                self._code_of(value)
            return np.fromiter(map(self._by_key.__getitem__, given), dtype=np.intp, count=len(given))
        identities = list(map(id, given))
        code_of = {name: self._code_of(value) for name, value in dict(zip(identities, given, strict=True)).items()}
        return np.fromiter(map(code_of.__getitem__, identities), dtype=np.intp, count=len(given))

    @property
    def stamp(self) -> int:
        """How many changes there were."""
        return self._forgotten + len(self._changes)

    def changed_since(self, stamp: int) -> tuple[list[int], list[int]] | None:
        """The rows with other codes, and the codes with other values; None if that is too long ago."""
        if stamp < self._forgotten:
            return None
        changes = self._changes[stamp - self._forgotten :]
        counts = self._counts or ()
        return [row for row, _, _ in changes], [code for _, code, is_new in changes if is_new and counts[code]]

    def live(self) -> Sequence[int]:
        """The codes that some row has."""
        if self._counts is None:
            return range(len(self.values))
        return [code for code, count in enumerate(self._counts) if count]

    def _count(self) -> None:
        if self._counts is None:
            self._counts = np.bincount(self.codes, minlength=len(self.values)).tolist()
            self._rarely_share = len(self.values) >= _FEWEST_VALUES and 2 * len(self.values) > len(self.codes)

    def put(self, row: int, value: Any) -> None:
        """Give a row another value."""
        self._count()
        assert self._counts is not None
        code = self._code_of(value)
        old = self.codes.item(row)
        if code == old:
            return
        if code == len(self._counts):
            self._counts.append(0)
        self._free.discard(code)
        known = len(self.codes) + 64
        if len(self._changes) >= 2 * known:
            # More changes than that are read from the codes sooner than from a list.
            del self._changes[:known]
            self._forgotten += known
        self._changes.append((row, code, not self._counts[code]))
        self.codes[row] = code
        self._counts[code] += 1
        self._counts[old] -= 1
        if not self._counts[old]:
            self._free.add(old)

    def append(self, value: Any) -> None:
        """Add a row with this value behind the others, of which there are some."""
        self._count()
        # The new row is alike to the first one, and then given its value: answers follow that change.
        first = self.codes.item(0)
        self._counts[first] += 1  # type: ignore[index]
        self.codes = np.append(self.codes, first)
        for answers in self._answers():
            answers.append()
        row, before = len(self.codes) - 1, self.stamp
        self.put(row, value)
        if self.stamp == before:
            # Alike to the first one as it is now: answers may know that one as it was.
            self._changes.append((row, first, False))

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self._count()
        code = self.codes.item(row)
        self._counts[code] -= 1  # type: ignore[index]
        if not self._counts[code]:  # type: ignore[index]
            self._free.add(code)
        self.codes = np.delete(self.codes, row)
        # The rows that are noted have other numbers now; answers that know of all changes go on.
        self._forgotten += len(self._changes)
        self._changes.clear()
        for answers in self._answers():
            answers.remove(row)

    def _answers(self) -> list[Answers]:
        seen = (one[1] if isinstance(one, tuple) else one for one in self.seen.values())
        return [one for one in seen if isinstance(one, Answers)]

    def _code_of(self, value: Any) -> int:
        """The code of a value, a free or a new one if no row has it."""
        code = self._by_identity.get(id(value))
        if code is not None and self.values[code] is value:
            return code
        key = _NO_KEY if self._rarely_share else typed_key(value)
        code = self._by_key.get(key)
        if code is not None:
            return code
        if self._free:
            code = self._free.pop()
            self._by_key.pop(self._keys[code], None)
            del self._by_identity[id(self.values[code])]
            self.values[code], self._keys[code] = value, key
        else:
            code = len(self.values)
            self.values.append(value)
            self._keys.append(key)
        self._by_identity[id(value)] = code
        if key is not _NO_KEY:
            self._by_key[key] = code
        return code


class Answers:
    """What a function says of each distinct value, and with that of each row."""

    __slots__ = ("_found", "_stamp", "each")

    def __init__(self) -> None:
        # By code; None for codes that no row has.
        self.each: list[Any] = []
        self._stamp = -1
        self._found: Any = None

    def of(self, codes: Codes, function: Callable[[Any], Any]) -> Any:
        """The answers of all rows: a Column, or the one that all have. Raises NotVectorizable."""
        if self._stamp == codes.stamp:
            return self._found
        changed = codes.changed_since(self._stamp)
        self._stamp = -1
        if changed is None:
            self.each = [None] * len(codes.values)
            for code in codes.live():
                self.each[code] = function(codes.values[code])
            self._found = self._of_all(codes)
        else:
            rows, new = changed
            self.each.extend([None] * (len(codes.values) - len(self.each)))
            for code in new:
                self.each[code] = function(codes.values[code])
            if not self._follows(codes, rows):
                self._found = self._of_all(codes)
        self._stamp = codes.stamp
        return self._found

    def append(self) -> None:
        """Add a row with the answer of the first one."""
        found = self._found
        if type(found) is Column:
            missing = None if found.missing is None else np.append(found.missing, found.missing[:1])
            self._found = Column(np.append(found.values, found.values[:1]), missing, found.max_abs_int)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        if type(self._found) is Column:
            self._found = without_row(self._found, row)

    def _follows(self, codes: Codes, rows: list[int]) -> bool:
        """Whether the answers of these rows could be written over the old ones."""
        if type(self._found) is not Column:
            return all(is_same(self.each[codes.codes[row]], self._found) for row in rows)
        if 8 * len(rows) > len(codes.codes):
            return False
        return all(put(self._found, row, self.each[codes.codes[row]]) for row in rows)

    def _of_all(self, codes: Codes) -> Any:
        live = codes.live()
        first = self.each[live[0]]
        if all(is_same(self.each[code], first) for code in live):
            return first
        if len(live) < len(self.each):
            # Answers for values that no row has any more would count for the kind of the column.
            each, self.each = self.each, [None] * len(self.each)
            for code in live:
                self.each[code] = each[code]
        table = as_column(self.each)
        if table is None:
            raise NotVectorizable
        missing = None if table.missing is None else table.missing.take(codes.codes)
        return Column(
            table.values.take(codes.codes),
            missing if missing is not None and missing.any() else None,
            table.max_abs_int,
        )


def is_same(one: Any, other: Any) -> bool:
    """Whether two answers are equal, of one type, and of one sign: 0.0 and -0.0 are not the same."""
    if type(one) is not type(other) or one != other:
        return False
    return not isinstance(one, float) or math.copysign(1.0, one) == math.copysign(1.0, other)


def combined(parts: Sequence[Codes]) -> Codes:
    """The distinct combinations of the values of several attributes, as tuples."""
    together = parts[0].codes
    for part in parts[1:]:
        if len(part.values) > 1:
            together = np.unique(together * len(part.values) + part.codes, return_inverse=True)[1]
    _, first, inverse = np.unique(together, return_index=True, return_inverse=True)
    codes = Codes([tuple(part.values[part.codes[row]] for part in parts) for row in first.tolist()])
    codes.codes = codes.codes.take(inverse)
    return codes


def as_column(values: Sequence[Any] | None) -> Column | None:
    """Values as a column, or None if they are not numbers (or truth values) that it holds exactly."""
    if values is None:
        return None
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        if values.dtype.kind == "b":
            return Column(values)
        array = values.astype(np.float64)
        largest = _largest_input(array)
        return Column(array, max_abs_int=None if values.dtype.kind == "f" else largest) if largest < EXACT else None
    kinds = set(map(type, values))
    missing = None
    if type(None) in kinds:
        kinds.discard(type(None))
        missing = np.fromiter((value is None for value in values), dtype=np.bool_, count=len(values))
        values = [0 if value is None else value for value in values]
    if not len(values):
        # Of no hosts it is not known whether they hold numbers, truth values or text.
        return None
    if kinds == {bool}:
        return Column(np.array(values, dtype=np.bool_), missing)
    if not kinds <= _NUMBERS:
        return None
    try:
        array = np.fromiter(values, dtype=np.float64, count=len(values))
    except OverflowError:
        return None
    if int not in kinds:
        return Column(array, missing)
    largest = _largest_input(array)
    return Column(array, missing, largest) if largest < EXACT else None


def _largest_input(array: NDArray[Any]) -> float:
    """Signs aside; NaN if there is one."""
    return float(np.abs(array).max()) if len(array) else 0.0
