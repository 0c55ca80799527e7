"""Column: operators give what they give on one host, everything else is refused."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from filtersched.columns.column import (
    Column,
    NotColumnarError,
    NotVectorizable,
    count_instances,
    filled,
    of_each,
)
from filtersched.columns.distinct_values import as_column
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import is_named

VALUES = [-3.0, 0.0, 1.0, 2.5]
ROWS = [[], [1.5], VALUES]


def column(values=VALUES, missing=None) -> Column:
    return Column(np.array(values, dtype=np.float64), None if missing is None else np.array(missing))


ARITHMETIC = [operator.add, operator.sub, operator.mul]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("rows", ROWS, ids=len)
@pytest.mark.parametrize("apply", ARITHMETIC + COMPARISONS)
@pytest.mark.parametrize("other", [0, 1, 2.5, -1.5])
def test_operator_with_a_number_on_either_side_is_the_one_on_each_host(rows, apply, other):
    assert apply(column(rows), other).values.tolist() == [apply(value, other) for value in rows]
    assert apply(other, column(rows)).values.tolist() == [apply(other, value) for value in rows]


@pytest.mark.parametrize("apply", ARITHMETIC + COMPARISONS)
def test_operator_with_another_column_goes_row_by_row(apply):
    mine, other = column(VALUES), column(VALUES[::-1])
    assert apply(mine, other).values.tolist() == [apply(a, b) for a, b in zip(VALUES, VALUES[::-1], strict=True)]


@pytest.mark.parametrize("apply", [operator.truediv, operator.floordiv, operator.mod])
def test_division_is_the_one_on_each_host(apply):
    assert apply(column(), 2).values.tolist() == [apply(value, 2) for value in VALUES]
    assert apply(7, column([1, 2, -3])).values.tolist() == [apply(7, value) for value in (1.0, 2.0, -3.0)]


@pytest.mark.parametrize("apply", [operator.truediv, operator.floordiv, operator.mod])
def test_division_by_zero_sends_the_question_to_each_host(apply):
    with pytest.raises(NotVectorizable):
        apply(1, column([1, 0]))
    with pytest.raises(NotVectorizable):
        apply(column(), 0)


@pytest.mark.parametrize("apply", [operator.neg, abs])
def test_sign_is_the_one_of_each_host(apply):
    assert apply(column()).values.tolist() == [apply(value) for value in VALUES]


@pytest.mark.parametrize("apply", [operator.and_, operator.or_, operator.xor])
def test_truth_values_are_joined_by_operators(apply):
    mine, other = column() >= 0, column() > 1
    expected = [apply(value >= 0, value > 1) for value in VALUES]
    assert apply(mine, other).values.tolist() == expected
    assert apply(mine, True).values.tolist() == [apply(value >= 0, True) for value in VALUES]
    assert apply(True, mine).values.tolist() == [apply(value >= 0, True) for value in VALUES]


def test_functions_of_numpy_work_where_operators_are_missing():
    assert np.minimum(column(), 1).values.tolist() == [-3.0, 0.0, 1.0, 1.0]
    assert np.maximum(0, column()).values.tolist() == [0.0, 0.0, 1.0, 2.5]
    assert np.logical_not(column() > 0).values.tolist() == [True, True, False, False]


def if_(value):
    return 1 if value else 0


@pytest.mark.parametrize("rows", ROWS, ids=len)
@pytest.mark.parametrize(
    "body",
    [
        bool,
        if_,
        operator.not_,
        lambda c: c and True,
        lambda c: c or True,
        lambda c: 1 in c,
        lambda c: c in (1, 2),
        lambda c: min(c, 1),
        lambda c: max(1, c),
        int,
        float,
        complex,
        round,
        len,
        list,
        hash,
        operator.index,
        operator.invert,
        np.invert,
        np.add.reduce,
        lambda c: c[0],
        lambda c: 0 < c < 1,
        lambda c: np.add(c, 1, out=np.zeros(1)),
    ],
)
def test_what_would_go_wrong_silently_is_refused_whatever_the_number_of_rows(rows, body):
    with pytest.raises(TypeError if body is hash else NotColumnarError):
        body(column(rows))


def test_refusal_says_what_to_write_instead():
    with pytest.raises(NotColumnarError, match=r"& \| numpy"):
        bool(column())
    with pytest.raises(NotColumnarError, match="logical_not"):
        operator.invert(column())


def test_missing_value_sends_the_question_to_each_host():
    with pytest.raises(NotVectorizable):
        column(missing=[False, True, False, False]) + 1


def test_missing_values_are_filled_by_a_number_or_by_another_column():
    gaps = column(missing=[False, True, False, True])
    assert gaps.filled(9.0).values.tolist() == [-3.0, 9.0, 1.0, 9.0]
    assert gaps.filled(column([5, 6, 7, 8])).values.tolist() == [-3.0, 6.0, 1.0, 8.0]
    assert (gaps.filled(9.0) + 1).values.tolist() == [-2.0, 10.0, 2.0, 10.0]


def test_column_without_gaps_is_filled_by_nothing():
    max_abs_int = column()
    assert max_abs_int.filled(9) is max_abs_int


def test_filling_takes_one_hosts_value_too():
    assert (filled(None, 5), filled(0, 5), filled(3, 5)) == (5, 0, 3)


def test_functions_for_columns_take_one_host_too():
    host = HostState("cmp1", instances=["i1", "i2"], capabilities={"gpus": 2})
    assert of_each(host, "capabilities", lambda found: found["gpus"]) == 2
    assert (is_named(host, ["cmp1"]), is_named(host, {"cmp2"})) == (True, False)
    assert [count_instances(host, uuids) for uuids in ([], ["i1"], {"i1", "i2", "i3"})] == [0, 1, 2]


def whole_column(*values):
    return as_column(list(values))


@pytest.mark.parametrize(
    "grow",
    [
        lambda column: column + 2,
        lambda column: 2 - column * -1,
        lambda column: column * 2,
        lambda column: -column - column,
        lambda column: (column // 2) * 3,
        lambda column: np.maximum(column, 7) + 2,
        lambda column: (column + True) + True,
    ],
)
def test_whole_numbers_that_may_grow_beyond_what_is_exact_are_left_to_the_hosts(grow):
    with pytest.raises(NotVectorizable):
        grow(whole_column(1, 2**53 - 2))
    assert isinstance(grow(whole_column(1, 2.0**53 - 2.5) * 1.0), Column)
    assert isinstance(grow(whole_column(1, 5)), Column)


def test_a_quotient_is_a_float_and_may_be_multiplied():
    assert ((whole_column(2**52, 4) / 2) * 8).values.tolist() == [2.0**54, 16.0]


def test_a_number_that_is_put_into_a_column_counts():
    column = whole_column(1, 2)
    column.put(0, 2**52)
    with pytest.raises(NotVectorizable):
        column + column
    floats = whole_column(1.5, 2.5)
    floats.put(0, 2**52)
    with pytest.raises(NotVectorizable):
        floats + floats


def test_what_stands_for_missing_values_counts():
    column = whole_column(1, None)
    assert not column.was_filled
    filled = column.filled(2**52)
    assert column.was_filled
    with pytest.raises(NotVectorizable):
        filled * 2


def test_a_column_with_gaps_follows_what_is_put():
    column = whole_column(1, None, None)
    column.put(1, 5)
    column.put(0, None)
    assert column.missing.tolist() == [True, False, True]
    assert column.filled(9).values.tolist() == [9.0, 5.0, 9.0]


def test_a_column_whose_last_gap_is_filled_has_none():
    column = whole_column(1, None)
    column.put(1, 2)
    assert column.missing is None
    assert (column + 1).values.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -2.5])
def test_power_is_the_one_on_each_host(exponent):
    bases = [0.1, 1.0, 2.5, 7.3, 1e10]
    assert (column(bases) ** exponent).values.tolist() == [base**exponent for base in bases]
    assert np.power(column(bases), exponent).values.tolist() == [base**exponent for base in bases]


def test_power_of_a_number_by_a_column_is_the_one_on_each_host():
    assert (1.1 ** column([1.0, 2.0, 3.5])).values.tolist() == [1.1**1.0, 1.1**2.0, 1.1**3.5]
    assert (column([2.0, 3.0]) ** column([3.0, 0.5])).values.tolist() == [2.0**3.0, 3.0**0.5]


@pytest.mark.parametrize(
    ("bases", "exponent"),
    [([0.0, 1.0], -1), ([-8.0], 0.5), ([1e200], 2.0)],
    ids=["division by zero", "complex", "overflow"],
)
def test_power_that_numbers_have_otherwise_sends_the_question_to_each_host(bases, exponent):
    with pytest.raises(NotVectorizable):
        column(bases) ** exponent


def test_power_of_whole_numbers_that_is_not_exact_sends_the_question_to_each_host():
    whole = Column(np.array([3.0, 40.0]), max_abs_int=40.0)
    assert (whole**3).values.tolist() == [27.0, 64000.0]
    with pytest.raises(NotVectorizable):
        whole**10


def test_where_chooses_for_each_host():
    given = column([1.0, 5.0])
    assert np.where(given > 2, given, 0.0).values.tolist() == [0.0, 5.0]
    assert np.where(given > 2, 1, -1).values.tolist() == [-1, 1]


@pytest.mark.parametrize("function", [np.sum, np.mean, np.median, np.sort, np.cumsum])
def test_function_over_all_hosts_is_refused_by_name(function):
    with pytest.raises(NotColumnarError, match=rf"numpy\.{function.__name__}\(\) cannot be used on a column"):
        function(column())


@pytest.mark.parametrize(
    "apply", [abs, lambda c: c // 2, lambda c: c % 3, lambda c: np.minimum(c, 1), lambda c: np.maximum(c, 1)]
)
def test_usual_functions_of_numbers_work(apply):
    assert apply(column()).values.tolist() == [apply(value) for value in VALUES]
