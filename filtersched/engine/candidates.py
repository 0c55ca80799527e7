"""Candidates: the rows that are still to choose from, in list order."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Candidates:
    """Rows in list order: a mask while list order is row order, else row numbers.

    n_rows : number of rows of the pool.
    mask : (n_rows,) bool; None is all of them.
    order : (count,) row numbers, where the list is in another order than the rows.
    """

    __slots__ = ("count", "mask", "n_rows", "order")

    def __init__(self, n_rows: int, *, mask: Mask | None = None, order: Rows | None = None) -> None:
        self.n_rows: int = n_rows
        self.mask: Mask | None = mask
        self.order: Rows | None = order
        if mask is not None:
            self.count: int = int(np.count_nonzero(mask))
        else:
            self.count = n_rows if order is None else len(order)

    @classmethod
    def of_rows(cls, n_rows: int, rows: Any) -> Self:
        """These rows; kept as a mask if they ascend."""
        order: Rows = np.asarray(rows, dtype=np.intp)
        if len(order) and bool((order[1:] <= order[:-1]).any()):
            return cls(n_rows, order=order)
        mask = np.zeros(n_rows, dtype=np.bool_)
        mask[order] = True
        return cls(n_rows, mask=mask)

    @property
    def places(self) -> int:
        """Length of an array with one value per place: a row while they are a mask, else a list position."""
        return self.n_rows if self.order is None else self.count

    def rows(self) -> Rows:
        """The row numbers, in list order."""
        if self.order is not None:
            return self.order
        return np.arange(self.n_rows, dtype=np.intp) if self.mask is None else np.flatnonzero(self.mask)

    def where(self, passes: Mask | bool) -> Candidates:
        """The candidates that pass; `passes` is (n_rows,), or one answer for all."""
        if passes is True:
            return self
        if passes is False:
            return Candidates(self.n_rows, order=np.zeros(0, dtype=np.intp))
        if self.order is not None:
            left = Candidates(self.n_rows, order=self.order[passes[self.order]])
        else:
            left = Candidates(self.n_rows, mask=passes if self.mask is None else passes & self.mask)
        return self if left.count == self.count else left

    def as_mask(self) -> Mask:
        """(n_rows,) bool, read-only for callers."""
        if self.order is None:
            return np.ones(self.n_rows, dtype=np.bool_) if self.mask is None else self.mask
        mask = np.zeros(self.n_rows, dtype=np.bool_)
        mask[self.order] = True
        return mask
