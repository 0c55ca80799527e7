"""Front: the first of a long column by value, kept from one request to the next."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.in_play import Mask

Floats = NDArray[np.float64]
_SIZE = 32
_Key = tuple[float, int]


class Front:
    """The rows with the best values, best first, equals in order of rows.

    values : (n_rows,); whoever writes to them says so by `changed`.
    sign : 1.0 if the least are the best, -1.0 if the largest are.
    """

    __slots__ = ("_bound", "_keys", "_known", "_sign", "_values")

    def __init__(self, values: Floats, sign: float) -> None:
        self._values = values
        self._sign = sign
        self._fill()

    def _fill(self) -> None:
        rows = best_of(None, -self._sign * self._values, _SIZE)
        values = self._values[rows] * self._sign
        self._keys: list[_Key] = list(zip(values.tolist(), rows.tolist(), strict=True))
        self._known = {key[1]: key for key in self._keys}
        # No row outside has a key below this one.
        self._bound: _Key = self._keys[-1] if len(rows) < len(self._values) else (np.inf, 0)

    def changed(self, row: int) -> None:
        """Note that the row has another value."""
        old = self._known.pop(row, None)
        if old is not None:
            del self._keys[bisect_left(self._keys, old)]
        new = (self._sign * self._values.item(row), row)
        if new < self._bound:
            insort(self._keys, new)
            self._known[row] = new

    def first(self, alive: Mask | None, count: int = 1) -> list[int]:
        """The best rows of those alive, at most `count`; None is all of them.

        Fewer if there are no more in the front; the rows outside are not looked at.
        """
        if len(self._keys) < count and len(self._keys) < len(self._values):
            self._fill()
        if alive is None:
            return [row for _value, row in self._keys[:count]]
        found = []
        for _value, row in self._keys:
            if alive[row]:
                found.append(row)
                if len(found) == count:
                    break
        return found


def best_of(rows: NDArray[np.intp] | None, values: Floats, most: int) -> NDArray[np.intp]:
    """The `most` rows with the largest values, largest first, equals in order; None is all rows."""
    here = values if rows is None else values[rows]
    if most < len(here):
        least = np.partition(here, len(here) - most)[len(here) - most]
        above = np.flatnonzero(here > least)
        level = np.flatnonzero(here == least)[: most - len(above)]
    else:
        above, level = np.arange(len(here), dtype=np.intp), np.zeros(0, dtype=np.intp)
    order = np.concatenate((above[np.argsort(-here[above], kind="stable")], level))
    found: NDArray[np.intp] = order if rows is None else rows[order]
    return found


class Ends:
    """The least and the largest of a column, among the rows that are alive."""

    __slots__ = ("_least", "_most", "_values")

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._least: Front | None = None
        self._most: Front | None = None

    def changed(self, row: int) -> None:
        """Note that the row has another value."""
        if self._least is not None:
            self._least.changed(row)
        if self._most is not None:
            self._most.changed(row)

    def least(self, alive: Mask | None) -> float:
        """The least value of those alive; None is all of them."""
        if self._least is None:
            self._least = Front(self._values, 1.0)
        return self._value(self._least, alive, np.min)

    def most(self, alive: Mask | None) -> float:
        """The largest value, likewise."""
        if self._most is None:
            self._most = Front(self._values, -1.0)
        return self._value(self._most, alive, np.max)

    def _value(self, front: Front, alive: Mask | None, of_all: Any) -> float:
        rows = front.first(alive)
        return self._values.item(rows[0]) if rows else float(of_all(self._values[alive]))


class Uniform:
    """The same for a column of one value."""

    __slots__ = ("_value",)

    def __init__(self, value: float) -> None:
        self._value = value

    def least(self, _alive: Mask | None) -> float:
        """The value."""
        return self._value

    most = least
