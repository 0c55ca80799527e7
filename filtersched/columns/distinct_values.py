"""Attributes of many hosts in small: as numbers in a column, or as codes of their distinct values."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, Column, NotVectorizable
from filtersched.columns.frozen import typed_key

_NUMBERS = frozenset((int, float))


class Codes:
    """One attribute as small integers: which of the distinct values each row has.

    codes : (n_rows,) intp into `values`, which may hold values that no row has any more.
    stamp : counts up when the code of a row changes.
    """

    __slots__ = ("by_identity", "by_key", "codes", "seen", "stamp", "values")

    def __init__(self, given: Sequence[Any]) -> None:
        self.values: list[Any] = []
        self.by_key: dict[Any, int] = {}
        self.by_identity: dict[int, int] = {}
        self.codes: NDArray[np.intp] = self._coded(given)
        self.stamp: int = 0
        # What others remember of these values, each under a key of its own.
        self.seen: dict[Any, Any] = {}

    def _coded(self, given: Sequence[Any]) -> NDArray[np.intp]:
        if isinstance(given, np.ndarray):
            # Its items are made when read, and gone again: they have no identity.
            given = given.tolist()
        if len(given) and all(map(operator.is_, given, itertools.repeat(given[0]))):
            return np.full(len(given), self.code_of(given[0]), dtype=np.intp)
        if len(given) and isinstance(given[0], str | None) and set(map(type, given)) <= {str, type(None)}:
            # Text is its own key, and hashed already.
            for value in dict.fromkeys(given):
                self.code_of(value)
            return np.fromiter(map(self.by_key.__getitem__, given), dtype=np.intp, count=len(given))
        identities = list(map(id, given))
        for value in dict(zip(identities, given, strict=True)).values():
            self.code_of(value)
        return np.fromiter(map(self.by_identity.__getitem__, identities), dtype=np.intp, count=len(given))

    def put(self, row: int, value: Any) -> None:
        """Give a row another value."""
        code = self.code_of(value)
        if code != self.codes[row]:
            self.codes[row] = code
            self.stamp += 1

    def code_of(self, value: Any) -> int:
        """The code of a value, a new one if no row had it; `values` keeps every identity alive."""
        code = self.by_identity.get(id(value))
        if code is not None and self.values[code] is value:
            return code
        key = typed_key(value)
        code = self.by_key.get(key)
        if code is None:
            code = self.by_key[key] = len(self.values)
            self.values.append(value)
        if self.values[code] is value or id(value) not in self.by_identity:
            self.by_identity[id(value)] = code
        return code


class Answers:
    """What a function says of each distinct value, and with that of each row."""

    __slots__ = ("_found", "_stamp", "each")

    def __init__(self) -> None:
        self.each: list[Any] = []
        self._stamp = -1
        self._found: Any = None

    def of(self, codes: Codes, function: Callable[[Any], Any]) -> Any:
        """The answers of all rows: a Column, or the one that all have. Raises NotVectorizable."""
        if self._stamp == codes.stamp:
            return self._found
        each = self.each
        each.extend(function(value) for value in codes.values[len(each) :])
        first = each[0]
        if all(is_same(answer, first) for answer in each):
            self._found = first
        else:
            table = as_column(each)
            if table is None:
                raise NotVectorizable
            missing = None if table.missing is None else table.missing.take(codes.codes)
            self._found = Column(
                table.values.take(codes.codes),
                missing if missing is not None and missing.any() else None,
                table.max_abs_int,
            )
        self._stamp = codes.stamp
        return self._found


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
