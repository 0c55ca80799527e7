"""Column: an attribute of many hosts, in the place of one host's number.

A columnar filter or weigher is written with operators only, so the same body works on one host and
on all of them. What would go wrong silently on an array is refused here, with a single row as with
a million.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray


class NotColumnarError(TypeError):
    """A body that calls itself columnar does something that columns cannot."""


class MissingValue(Exception):
    """A value that is needed is None for some host: those are to be asked one by one."""


class Column(NDArrayOperatorsMixin):
    """Values of one attribute, one a host; arithmetic and comparisons give another Column.

    values : (n_hosts,) array; what stands where a value is missing is arbitrary.
    missing : (n_hosts,) bool, where the attribute is None; or None if it nowhere is.
    """

    __slots__ = ("missing", "values")

    def __init__(self, values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> None:
        self.values = values
        self.missing = missing

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Column:
        if method != "__call__" or kwargs:
            raise NotColumnarError(f"numpy.{ufunc.__name__}.{method} cannot be used on a column; use plain operators")
        if ufunc is np.invert:
            raise NotColumnarError("~ means something else on one host; write numpy.logical_not(...)")
        return Column(ufunc(*(_values(value) for value in inputs)))

    def filled(self, default: Any) -> Column:
        """This column with `default`, a number or a column, where the value is missing."""
        if self.missing is None:
            return self
        return Column(np.where(self.missing, _values(default), self.values))

    def _refuse(self, *_args: Any) -> NoReturn:
        raise NotColumnarError(
            "a columnar body may use operators only: & | numpy.logical_not() for and, or, not; numpy.minimum() "
            "and numpy.maximum() for min and max; no if, in, int(), float(), len() or iteration"
        )

    __bool__ = __contains__ = __iter__ = __len__ = __int__ = __float__ = __index__ = _refuse
    __getitem__ = __round__ = __complex__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _values(value: Any) -> Any:
    if not isinstance(value, Column):
        return value
    if value.missing is not None:
        raise MissingValue
    return value.values


class HostColumns(ABC):
    """All hosts in the place of one: what a columnar body is given as its host."""

    __slots__ = ()

    @abstractmethod
    def map_distinct(self, attribute: str, function: Callable[[Any], Any]) -> Column:
        """`function` of the attribute, called once for each distinct value of it; None is missing."""
