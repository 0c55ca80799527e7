"""TopRows: the top k rows of a long column, cached between requests.

Finding the best candidate takes a scan of the whole column. Between two requests few values change and the
candidates are mostly the same hosts, so the top k are kept in order and scanned instead.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.candidates import Mask, Rows

Floats = NDArray[np.float64]
_SIZE = 64
# A refill costs about as much as four full searches; refill only after that many calls.
_COST = 4
# With so many other masks the union of a mask is known.
_MOST_OTHERS = 16
_Key = tuple[float, int]


class RowMask:
    """A mask of rows that stays as it is, and its unions with others.

    mask : (n_rows,) bool; None is all rows.
    """

    __slots__ = ("_unions", "mask")

    def __init__(self, mask: Mask | None) -> None:
        self.mask: Mask | None = mask
        # By identity of another mask: that mask, and the union.
        self._unions: dict[int, tuple[Mask, Mask]] = {}

    def union(self, rows: Mask | None) -> Mask | None:
        """The rows of both masks, the same array for the same `rows`: `rows` itself if it has all of these.

        None is all rows.
        """
        if rows is None or self.mask is None:
            return None
        known = self._unions.get(id(rows))
        if known is None:
            if len(self._unions) >= _MOST_OTHERS:
                self._unions.clear()
            contains = not np.greater(self.mask, rows).any()
            known = self._unions[id(rows)] = (rows, rows if contains else self.mask | rows)
        return known[1]


class TopRows:
    """The top k rows by value, best first, equals in order of rows.

    values : (n_rows,); a writer calls `changed` for each value that it writes.
    sign : 1.0 if the least are the best, -1.0 if the largest are.
    """

    __slots__ = ("_among", "_bound", "_credit", "_is_filled", "_keys", "_known", "_sign", "_values")

    def __init__(self, values: Floats, sign: float) -> None:
        self._values = values
        self._sign = sign
        # The rows that were searched for the top ones (the covered rows); None is all. Several columns share
        # the array, so that one comparison with the live rows does for all.
        self._among: Mask | None = None
        self._is_filled = False
        self._keys: list[_Key] = []
        self._known: dict[int, _Key] = {}
        # Every covered row that is not listed has a key >= this one.
        self._bound: _Key = (np.inf, 0)
        self._credit = _COST

    def changed(self, row: int, value: float) -> None:
        """Record that a row has another value."""
        if not self._is_filled:
            return
        old = self._known.pop(row, None)
        if old is not None:
            del self._keys[bisect_left(self._keys, old)]
        if self._among is None or self._among[row]:
            new = (self._sign * value, row)
            if new < self._bound:
                insort(self._keys, new)
                self._known[row] = new
                if len(self._keys) > 4 * _SIZE:
                    # Fewer make changes cheap to note.
                    self._bound = self._keys.pop()
                    del self._known[self._bound[1]]

    def end(self, alive: RowMask) -> float:
        """The value of the best live row."""
        if self._keys and alive.mask is self._among and (alive.mask is None or alive.mask[self._keys[0][1]]):
            return self._sign * self._keys[0][0]
        return self._values.item(self.first(alive)[0])

    def first(self, alive: RowMask, count: int = 1) -> list[int]:
        """The best live rows, `count` of them or all."""
        if self._credit < 4 * _COST:
            self._credit += 1
        among = alive.union(self._among) if self._is_filled else alive.mask
        covered = self._is_filled and among is self._among
        found = self._found(alive.mask, count) if covered else None
        if found is None and self._credit >= _COST:
            self._credit -= _COST
            self._fill(alive.mask if covered else among)
            found = self._found(alive.mask, count)
        if found is None:
            found = best_of(alive.mask, -self._sign * self._values, count).tolist()
        return found

    def _found(self, mask: Mask | None, count: int) -> list[int] | None:
        """The best live rows, all of them covered; None if too few of them are listed."""
        found: list[int] = []
        for _value, row in self._keys:
            if mask is None or mask[row]:
                found.append(row)
                count -= 1
                if not count:
                    return found
        return found if self._bound[0] == np.inf else None

    def _fill(self, among: Mask | None) -> None:
        rows = best_of(among, -self._sign * self._values, _SIZE)
        self._among = among
        self._is_filled = True
        self._keys = list(zip((self._values[rows] * self._sign).tolist(), rows.tolist(), strict=True))
        self._known = {key[1]: key for key in self._keys}
        self._bound = self._keys[-1] if len(rows) == _SIZE else (np.inf, 0)


def best_of(alive: Mask | None, values: Floats, most: int) -> Rows:
    """The `most` live rows with the largest values, largest first, equals in order of rows; None is all rows."""
    rows = None if alive is None else np.flatnonzero(alive)
    here = values if rows is None else values.take(rows)
    if most < len(here):
        least = here.max()
        if np.count_nonzero(here == least) < most:
            # From this side: numpy takes long if nearly all are equal and the wanted ones are not.
            least = -np.partition(-here, most - 1)[most - 1]
        above = np.flatnonzero(here > least)
        level = np.flatnonzero(here == least)[: most - len(above)]
        order = np.concatenate((above[largest_first(here[above])], level))
    else:
        order = largest_first(here)
    found: Rows = order if rows is None else rows[order]
    return found


def largest_first(values: Floats) -> Rows:
    """The places in order of values, the largest first, equals in order of places."""
    order: Rows = np.argsort(-values, kind="stable")
    return order


def best_first(alive: Mask | None, values: Floats) -> Iterator[int]:
    """The live rows, largest value first, equals in order of rows; little is sorted until much is asked for."""
    left = np.ones(len(values), dtype=np.bool_) if alive is None else alive.copy()
    most = 16
    while left.any():
        some = best_of(left, values, most)
        yield from some.tolist()
        left[some] = False
        most *= 8


class ColumnExtremes:
    """The minimum and maximum of a column over the live rows.

    in_use : the top rows that were asked for; a writer of values calls `changed` of each.
    """

    __slots__ = ("_ends", "_values", "in_use")

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._ends: dict[float, TopRows] = {}
        self.in_use: Collection[TopRows] = self._ends.values()

    def end(self, alive: RowMask, sign: float) -> float:
        """The minimum over the live rows (sign 1.0), or the maximum (-1.0)."""
        if sign not in self._ends:
            self._ends[sign] = TopRows(self._values, sign)
        return self._ends[sign].end(alive)
