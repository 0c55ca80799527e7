"""Column: an attribute of many hosts, in the place of one host's number.

A columnar filter or weigher is written with operators only, so the same body works on one host and
on all of them. What would go wrong silently on an array is refused here, with a single row as with
a million.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.frozen import FrozenNames
from filtersched.errors import FilterschedError

# Where an operator on one number raises and on an array gives inf or nan.
_DIVISIONS = frozenset((np.divide, np.floor_divide, np.remainder, np.fmod))
_ARITHMETIC = _DIVISIONS | {np.add, np.subtract, np.multiply, np.negative, np.absolute}
# Each result is one of the inputs.
_CHOICES = frozenset((np.minimum, np.maximum, np.fmin, np.fmax))
# Whole numbers from here on are not all exact as float64; hosts that have such are asked one by one.
EXACT = 2.0**53


class NotColumnarError(FilterschedError):
    """A body that calls itself columnar does something that columns cannot.

    No TypeError, which a body written for one host may well catch.
    """


class NotVectorizable(Exception):
    """A signal from a column: here numbers and arrays differ, so hosts are to be asked one by one."""


class Column:
    """Values of one attribute, one a host; arithmetic and comparisons give another Column.

    values : (n_hosts,) array; what stands where a value is missing is arbitrary.
    missing : (n_hosts,) bool, where the attribute is None; or None if it nowhere is.
    max_abs_int : upper bound on abs(v) of the integer values; None if there are none.
    was_filled : `filled` was called, so a default stands for the missing values.
    """

    __slots__ = ("max_abs_int", "missing", "values", "was_filled")

    def __init__(
        self, values: NDArray[Any], missing: NDArray[np.bool_] | None = None, max_abs_int: float | None = None
    ) -> None:
        self.values: NDArray[Any] = values
        self.missing: NDArray[np.bool_] | None = missing
        self.max_abs_int: float | None = max_abs_int
        self.was_filled: bool = False

    def filled(self, default: Any) -> Any:
        """This column with `default`, a number or a column, where the value is missing."""
        self.was_filled = True
        if self.missing is None:
            return self
        if self.missing.all():
            return default
        values = np.where(self.missing, _values(default), self.values)
        return Column(values, max_abs_int=_largest_input((self, default)))

    def is_known(self) -> Any:
        """Whether there is a value: a column, or True where nothing is missing."""
        return True if self.missing is None else Column(np.logical_not(self.missing))

    def put(self, row: int, value: Any) -> None:
        """Give a row another value. Raises NotVectorizable if the column cannot hold it exactly."""
        missing = self.missing
        if value is None:
            if missing is None:
                missing = self.missing = np.zeros(len(self.values), dtype=np.bool_)
            missing[row] = True
            return
        kinds = (bool,) if self.values.dtype.char == "?" else (int, float)
        if type(value) not in kinds or not -EXACT < value < EXACT:
            raise NotVectorizable
        self.values[row] = value
        if type(value) is int:
            self.max_abs_int = max(self.max_abs_int or 0.0, float(abs(value)))
        if missing is not None and missing[row]:
            missing[row] = False
            if not missing.any():
                self.missing = None

    def append(self, value: Any) -> None:
        """Add a row. Raises what `put` raises."""
        self.values = np.append(self.values, self.values[:1])
        if self.missing is not None:
            self.missing = np.append(self.missing, False)
        self.put(len(self.values) - 1, value)

    def remove(self, row: int) -> None:
        """Take a row out; those behind it move up."""
        self.values = np.delete(self.values, row)
        if self.missing is not None:
            self.missing = np.delete(self.missing, row)
            if not self.missing.any():
                self.missing = None

    def repeat(self, count: int) -> None:
        """Let each row come so many times."""
        self.values = self.values.repeat(count)
        self.missing = None if self.missing is None else self.missing.repeat(count)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Column:
        if method != "__call__" or kwargs:
            raise NotColumnarError(f"numpy.{ufunc.__name__}.{method} cannot be used on a column; use plain operators")
        return _power(*inputs) if ufunc is np.power else _apply(ufunc, *inputs)

    def __array_function__(
        self, function: Callable[..., Any], _types: object, arguments: Sequence[Any], options: Mapping[str, Any]
    ) -> Any:
        if function is np.where and len(arguments) == 3 and not options:
            return either(*arguments)
        raise NotColumnarError(
            f"numpy.{function.__name__}() cannot be used on a column; numpy.where(condition, a, b), numpy.minimum(), "
            "numpy.maximum() and plain operators can"
        )

    def __add__(self, other: Any) -> Column:
        return _apply(np.add, self, other)

    def __radd__(self, other: Any) -> Column:
        return _apply(np.add, other, self)

    def __sub__(self, other: Any) -> Column:
        return _apply(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Column:
        return _apply(np.subtract, other, self)

    def __mul__(self, other: Any) -> Column:
        return _apply(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Column:
        return _apply(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Column:
        return _apply(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> Column:
        return _apply(np.divide, other, self)

    def __floordiv__(self, other: Any) -> Column:
        return _apply(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Column:
        return _apply(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Column:
        return _apply(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Column:
        return _apply(np.remainder, other, self)

    def __pow__(self, other: Any) -> Column:
        return _power(self, other)

    def __rpow__(self, other: Any) -> Column:
        return _power(other, self)

    def __neg__(self) -> Column:
        return _apply(np.negative, self)

    def __abs__(self) -> Column:
        return _apply(np.absolute, self)

    def __and__(self, other: Any) -> Column:
        return _apply(np.bitwise_and, self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Column:
        return _apply(np.bitwise_or, self, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Column:
        return _apply(np.bitwise_xor, self, other)

    __rxor__ = __xor__

    def __lt__(self, other: Any) -> Column:
        return _apply(np.less, self, other)

    def __le__(self, other: Any) -> Column:
        return _apply(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Column:
        return _apply(np.greater, self, other)

    def __ge__(self, other: Any) -> Column:
        return _apply(np.greater_equal, self, other)

    def __eq__(self, other: Any) -> Column:  # type: ignore[override]
        return _apply(np.equal, self, other)

    def __ne__(self, other: Any) -> Column:  # type: ignore[override]
        return _apply(np.not_equal, self, other)

    def _refuse(self, *_args: Any) -> NoReturn:
        raise NotColumnarError(
            "a columnar body may use operators only: & | numpy.logical_not() for and, or, not; numpy.minimum() "
            "and numpy.maximum() for min and max; no ~, if, in, int(), float(), str(), len() or iteration"
        )

    __bool__: ClassVar[Callable[..., NoReturn]] = _refuse
    __contains__: ClassVar[Callable[..., NoReturn]] = _refuse
    __iter__: ClassVar[Callable[..., NoReturn]] = _refuse
    __len__: ClassVar[Callable[..., NoReturn]] = _refuse
    __int__: ClassVar[Callable[..., NoReturn]] = _refuse
    __float__: ClassVar[Callable[..., NoReturn]] = _refuse
    __index__: ClassVar[Callable[..., NoReturn]] = _refuse
    __getitem__: ClassVar[Callable[..., NoReturn]] = _refuse
    __round__: ClassVar[Callable[..., NoReturn]] = _refuse
    __complex__: ClassVar[Callable[..., NoReturn]] = _refuse
    __invert__: ClassVar[Callable[..., NoReturn]] = _refuse
    __str__: ClassVar[Callable[..., NoReturn]] = _refuse
    __format__: ClassVar[Callable[..., NoReturn]] = _refuse
    __hash__: ClassVar[None]  # type: ignore[assignment]


def _apply(ufunc: np.ufunc, *inputs: Any) -> Column:
    if ufunc is np.invert:
        raise NotColumnarError("~ means something else on one host; write numpy.logical_not(...)")
    arrays = [_values(value) for value in inputs]
    if ufunc in _ARITHMETIC:
        if not all(map(_is_float, arrays)):
            if all(map(_is_truth, arrays)):
                # True + True is 2 to Python, True to numpy, and either may be what one host gives.
                raise NotVectorizable
            arrays = [_as_numbers(value) for value in arrays]
        if ufunc in _DIVISIONS and not np.all(arrays[1]):
            raise NotVectorizable
        return Column(ufunc(*arrays), max_abs_int=_max_abs_int_of_result(ufunc, list(map(_max_abs_int_of, inputs))))
    return Column(ufunc(*arrays), max_abs_int=_largest_input(inputs) if ufunc in _CHOICES else None)


def _power(base: Any, exponent: Any) -> Column:
    """`base ** exponent` of each host, by Python itself: numpy's may differ in the last bit."""
    numbers = [_as_numbers(_values(value)) for value in (base, exponent)]
    bases, exponents = (array.tolist() for array in np.broadcast_arrays(*numbers))
    try:
        results = list(map(operator.pow, bases, exponents))
    except ArithmeticError:
        raise NotVectorizable from None
    if any(type(result) is complex for result in results):
        raise NotVectorizable
    powers = np.array(results, dtype=np.float64)
    largest = None
    if _max_abs_int_of(base) is not None and _max_abs_int_of(exponent) is not None:
        largest = float(np.abs(powers).max(initial=0.0))
        if largest >= EXACT:
            raise NotVectorizable
    return Column(powers, max_abs_int=largest)


def _max_abs_int_of(value: Any) -> float | None:
    """No whole number in a column or a number is larger than this; None if it holds none."""
    if type(value) is Column:
        return 1.0 if value.values.dtype.char == "?" else value.max_abs_int
    return None if type(value) is float else float(abs(value))


def _largest_input(inputs: Sequence[Any]) -> float | None:
    return max((one for one in map(_max_abs_int_of, inputs) if one is not None), default=None)


def _max_abs_int_of_result(ufunc: np.ufunc, max_abs_ints: Sequence[float | None]) -> float | None:
    """The same for the result of arithmetic: of whole numbers come whole ones. Raises NotVectorizable."""
    one, other = max_abs_ints[0], max_abs_ints[-1]
    if one is None or other is None or ufunc is np.divide:
        return None
    if ufunc in (np.add, np.subtract):
        one += other
    elif ufunc is np.multiply:
        one *= other
    elif ufunc in _DIVISIONS:
        one = max(one, other)
    if one >= EXACT:
        # To Python they stay exact.
        raise NotVectorizable
    return one


def _is_float(value: Any) -> bool:
    return type(value) is float or (type(value) is np.ndarray and value.dtype.char == "d")


def _is_truth(value: Any) -> bool:
    return bool(getattr(value, "dtype", None) == np.bool_) or isinstance(value, bool)


def _as_numbers(value: Any) -> Any:
    """Truth values as 0.0 and 1.0, so that no short or whole numbers come of them that run over."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        return value.astype(np.float64)
    if type(value) is int and not -EXACT < value < EXACT:
        raise NotVectorizable
    return value


def _values(value: Any) -> Any:
    if type(value) is not Column:
        return value
    if value.missing is not None:
        raise NotVectorizable
    return value.values


def counted(rows: Sequence[int], count: int) -> Column:
    """How often each of `count` rows is among `rows`."""
    counts = np.bincount(np.array(rows, dtype=np.intp), minlength=count)
    return Column(counts.astype(np.float64), max_abs_int=float(len(rows)))


class HostColumns:
    """All hosts in the place of one: what a columnar body is given as its host.

    Its attributes are columns. For what no operator can say there are the functions below, which
    take one host as well.
    """

    __slots__ = ()

    def of_each(self, attribute: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of the attribute and the arguments, called once for each distinct value of it."""
        raise NotImplementedError

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up: a Column, or one value that all hosts have."""
        raise NotImplementedError

    def count_instances(self, uuids: Collection[str]) -> Any:
        """How many of these instances are on the host: a Column, or 0 if none is on any."""
        raise NotImplementedError


def most(one: Any, other: Any) -> Any:
    """The higher of two numbers, or of each pair where one is a column."""
    return np.maximum(one, other) if Column in (type(one), type(other)) else max(one, other)


def least(one: Any, other: Any) -> Any:
    """The lower of two numbers, or of each pair where one is a column."""
    if Column in (type(one), type(other)):
        return np.minimum(one, other)
    # Not a number is the lower one, as to numpy.
    return other if other < one or other != other else one


def either(condition: Any, one: Any, other: Any) -> Any:
    """`one` where the condition holds and `other` where not, for one host or a column of them."""
    if type(condition) is not Column:
        return one if condition else other
    return Column(np.where(_values(condition), _values(one), _values(other)), None, _largest_input((one, other)))


def filled(value: Any, default: Any) -> Any:
    """`value`, or `default` where it is None: one host's number or a column of them."""
    if value is None:
        return default
    return value.filled(default) if type(value) is Column else value


def of_each(host: Any, attribute: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(host.attribute, *arguments)`, on one host or on columns.

    On columns it is called once for each distinct value, and for a function of a module (a lambda
    is new at every call) the answers are kept until a host changes. It returns a number, a truth
    value, or None for missing. The arguments are hashable.
    """
    if isinstance(host, HostColumns):
        return host.of_each(attribute, function, *arguments)
    return function(getattr(host, attribute), *arguments)


def opposite(value: Any) -> Any:
    """`not value`, or that of each value of a column."""
    return np.logical_not(value) if type(value) is Column else not value


def is_known(value: Any) -> Any:
    """Whether `value` is not None: one host's, or a column of them."""
    return value.is_known() if type(value) is Column else value is not None


def count_instances(host: Any, uuids: Collection[str]) -> Any:
    """How many of `uuids` are on the host, on one host (reading `instances`) or on columns."""
    if isinstance(host, HostColumns):
        return host.count_instances(uuids)
    return _common(host.instances, uuids)


def _common(instances: Collection[str], uuids: Collection[str]) -> int:
    if isinstance(uuids, FrozenNames):
        uuids = uuids.as_set()
    wanted = uuids if isinstance(uuids, frozenset | set) else frozenset(uuids)
    if len(uuids) <= len(instances):
        return sum(uuid in instances for uuid in wanted)
    return len(wanted.intersection(instances))
