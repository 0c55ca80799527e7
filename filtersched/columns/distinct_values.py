"""Attributes of many hosts in small: as numbers in a column, or as codes of their distinct values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, Column, NotVectorizable
from filtersched.columns.frozen import typed_key

# From so many values on, those that rows rarely share are told apart by identity.
_FEWEST_VALUES = 64
# So many results are cached for the values of an attribute.
_MOST_SEEN = 32
_NO_KEY = object()
_NUMBERS = frozenset((int, float))


class Codes:
    """One attribute as small integers: which of the distinct values each row has.

    codes : (n_rows,) intp into `values`. The code of a value that no row has any more is given to
        the next new value. Where rows rarely share values, equal ones may have several codes.
    stamp : how many changes there were.
    seen : results that callers cache for these values, by a key that each caller chooses.
    """

    __slots__ = (
        *("_by_identity", "_by_key", "_counts", "_free", "_keys", "_rarely_share", "codes", "seen", "stamp", "values"),
    )

    def __init__(self, given: Sequence[Any]) -> None:
        self.values: list[Any] = []
        self._keys: list[Any] = []
        self._by_key: dict[Any, int] = {}
        self._by_identity: dict[int, int] = {}
        # How many rows have each code, and the codes that no row has; counted at the first change.
        self._counts: list[int] | None = None
        self._free: set[int] = set()
        self.stamp: int = 0
        # Where nearly every row has a value of its own, a new value is not compared with the others.
        self._rarely_share = False
        self.codes: NDArray[np.intp] = self._coded(given)
        self.seen: dict[Any, Any] = {}

    def _coded(self, given: Sequence[Any]) -> NDArray[np.intp]:
        if isinstance(given, np.ndarray):
            # Its items are made when read, and gone again: they have no identity.
            given = given.tolist()
        if len(given) and isinstance(given[0], str | None) and set(map(type, given)) <= {str, type(None)}:
            # Text is its own key, and hashed already.
            for value in dict.fromkeys(given):
                self._code_of(value)
            return np.fromiter(map(self._by_key.__getitem__, given), dtype=np.intp, count=len(given))
        identities = list(map(id, given))
        code_of = {name: self._code_of(value) for name, value in dict(zip(identities, given, strict=True)).items()}
        return np.fromiter(map(code_of.__getitem__, identities), dtype=np.intp, count=len(given))

    def live(self) -> Sequence[int]:
        """The codes that some row has."""
        if self._counts is None:
            return range(len(self.values))
        return [code for code, count in enumerate(self._counts) if count]

    def _count(self) -> list[int]:
        if self._counts is None:
            self._counts = np.bincount(self.codes, minlength=len(self.values)).tolist()
            self._rarely_share = len(self.values) >= _FEWEST_VALUES and 2 * len(self.values) > len(self.codes)
        return self._counts

    def put(self, row: int, value: Any) -> None:
        """Give a row another value."""
        counts = self._count()
        code = self._code_of(value)
        old = self.codes.item(row)
        if code == old:
            return
        if code == len(counts):
            counts.append(0)
        self._free.discard(code)
        self.stamp += 1
        self.codes[row] = code
        counts[code] += 1
        self._drop(old)

    def append(self, value: Any) -> None:
        """Add a row with this value behind the others, of which there are some."""
        # Alike to the first one until it is given its value.
        first = self.codes.item(0)
        self._count()[first] += 1
        self.codes = np.append(self.codes, first)
        self.stamp += 1
        self.put(len(self.codes) - 1, value)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self._drop(self.codes.item(row))
        self.codes = np.delete(self.codes, row)
        self.stamp += 1

    def _drop(self, code: int) -> None:
        """Note that a row does not have a code any more."""
        counts = self._count()
        counts[code] -= 1
        if not counts[code]:
            self._free.add(code)

    def repeat(self, count: int) -> None:
        """Let each row come so many times."""
        self.codes = self.codes.repeat(count)
        self._counts = None

    def column(self, function: Callable[[Any], Any]) -> Column | OneAnswer:
        """What the function says of each distinct value, and with that of each row. Raises NotVectorizable."""
        live = self.live()
        answers = [function(self.values[code]) for code in live]
        if all(is_same(answer, answers[0]) for answer in answers):
            return OneAnswer(answers[0])
        table = as_column(answers)
        places = np.zeros(len(self.values), dtype=np.intp)
        places[live] = np.arange(len(live), dtype=np.intp)
        at = places.take(self.codes)
        missing = None if table.missing is None else table.missing.take(at)
        return Column(table.values.take(at), missing, table.max_abs_int)

    def keep(self, key: Any, found: Any) -> None:
        """Cache a result; the oldest goes where there are many."""
        self.seen.pop(key, None)
        self.seen[key] = found
        if len(self.seen) > _MOST_SEEN:
            del self.seen[next(iter(self.seen))]

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


class OneAnswer:
    """An answer that all hosts have, in the place of a column."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value

    def put(self, _row: int, value: Any) -> None:
        """Give a row an answer. Raises NotVectorizable for another one."""
        if not is_same(value, self.value):
            raise NotVectorizable

    def append(self, value: Any) -> None:
        """Add a row. Raises what `put` raises."""
        self.put(0, value)

    def remove(self, row: int) -> None:
        """Take a row out: of the others nothing changes."""


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


def as_column(values: Sequence[Any]) -> Column:
    """Values as a column. Raises NotVectorizable unless they are numbers (or truth values) that it holds exactly."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        if values.dtype.kind == "b":
            return Column(values)
        array = values.astype(np.float64)
        largest = _exact(array)
        return Column(array, max_abs_int=None if values.dtype.kind == "f" else largest)
    kinds = set(map(type, values))
    missing = None
    if type(None) in kinds:
        kinds.discard(type(None))
        missing = np.fromiter((value is None for value in values), dtype=np.bool_, count=len(values))
        values = [0 if value is None else value for value in values]
    if kinds == {bool}:
        return Column(np.array(values, dtype=np.bool_), missing)
    # Of no hosts it is not known whether they hold numbers, truth values or text.
    if not len(values) or not kinds <= _NUMBERS:
        raise NotVectorizable
    try:
        array = np.fromiter(values, dtype=np.float64, count=len(values))
    except OverflowError:
        raise NotVectorizable from None
    return Column(array, missing, _exact(array) if int in kinds else None)


def _exact(array: NDArray[np.float64]) -> float:
    """The largest of the numbers, signs aside, all of which are exact. Raises NotVectorizable."""
    largest = float(np.abs(array).max(initial=0.0))
    if not largest < EXACT:
        raise NotVectorizable
    return largest
