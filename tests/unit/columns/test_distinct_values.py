"""Codes of distinct values and answers about them follow every change as if they were made anew."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from filtersched.columns.column import Column, NotVectorizable
from filtersched.columns.distinct_values import Codes

# Few values, so that some go and come back; equal ones of different types, and objects equal to others.
VALUES = st.sampled_from(("a", 1, 1.0, True, None, ("x", 1), ("x", 1.0), 7, 8, 9))


def measured(value):
    """Nothing, a truth value or a number, and an exception for one value."""
    if value == 9:
        raise LookupError("nine")
    return {"a": None, 7: True, 8: False}.get(value, 5)


def answer_of(codes, function):
    """The answers of all rows, or that there are none."""
    try:
        found = codes.column(function)
    except (NotVectorizable, LookupError):
        return "none"
    if type(found) is not Column:
        found = Column(np.array([found.value] * len(codes.codes), dtype=object), None)
    missing = np.zeros(len(codes.codes), dtype=np.bool_) if found.missing is None else found.missing
    return [None if gap else value for value, gap in zip(found.values.tolist(), missing.tolist(), strict=True)]


@given(
    st.lists(VALUES, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), VALUES, st.booleans()), max_size=400),
    st.sampled_from((measured, lambda value: 1 if value is None else 2)),
)
@example(values=["a", "a"], changes=[(0, 1, True), (0, 7, True)], function=measured)
def test_codes_and_answers_after_changes_are_those_of_new_ones(values, changes, function):
    codes = Codes(values)
    for row, value, is_asked in changes:
        row %= len(values)
        values[row] = value
        codes.put(row, value)
        if is_asked:
            assert answer_of(codes, function) == answer_of(Codes(values), function)
    found = [codes.values[code] for code in codes.codes.tolist()]
    assert list(map(repr, found)) == list(map(repr, values))


def test_a_value_that_no_row_has_leaves_its_code_to_the_next_new_one():
    codes = Codes(["a", "b"])
    codes.put(0, "c")
    codes.put(1, "d")
    assert codes.values == ["d", "b", "c"]
    assert (codes.codes.tolist(), codes.stamp) == ([2, 0], 2)


def test_answers_of_none_are_gaps_in_the_column_of_answers():
    found = Codes(["a", "b", "a", "c"]).column({"a": 1, "b": None, "c": 2}.get)
    assert (found.missing.tolist(), found.values[[0, 2, 3]].tolist()) == ([False, True, False, False], [1.0, 1.0, 2.0])


def test_a_new_value_where_rows_rarely_share_values_has_a_code_of_its_own_until_it_goes():
    codes = Codes([(nr,) for nr in range(100)])
    codes.put(0, (7,))
    codes.put(1, (7,))
    assert [codes.values[code] for code in codes.codes[[0, 1, 7]].tolist()] == [(7,)] * 3
    assert codes.column(lambda value: value[0]).values[[0, 1, 7]].tolist() == [7.0, 7.0, 7.0]
    codes.put(0, (100,))
    codes.put(1, (101,))
    assert [codes.values[code] for code in codes.codes[[0, 1, 7]].tolist()] == [(100,), (101,), (7,)]
    assert len(codes.values) <= 102
