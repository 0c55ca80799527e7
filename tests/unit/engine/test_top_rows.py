"""A front names the same rows as a look at all of them does, whatever changes in between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtersched.engine import top_rows
from filtersched.engine.top_rows import ColumnExtremes, RowMask, TopRows, best_of

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, 7.0])


def the_best(values, alive, count, sign):
    rows = [row for row in range(len(values)) if alive is None or alive[row]]
    return sorted(rows, key=lambda row: sign * values[row])[:count]


@st.composite
def masks(draw, length):
    alive = draw(st.none() | st.lists(st.booleans(), min_size=length, max_size=length))
    return None if alive is None else np.array(alive, dtype=np.bool_)


@st.composite
def stories(draw):
    values = draw(st.lists(VALUES, min_size=1, max_size=9))
    steps = st.tuples(st.integers(0, len(values) - 1), VALUES, masks(len(values)), st.integers(1, 3))
    return values, draw(st.lists(steps, max_size=12)), draw(st.sampled_from([1.0, -1.0]))


@pytest.fixture(autouse=True)
def small_fronts(monkeypatch):
    """Fronts so short that a few rows do not fit in."""
    monkeypatch.setattr(top_rows, "_SIZE", 3)


@given(stories())
def test_a_front_names_the_first_of_all_sorted_after_every_change(story):
    given_values, steps, sign = story
    values = np.array(given_values)
    cache, everywhere = TopRows(values, sign), RowMask(None)
    for row, value, alive, count in steps:
        assert cache.end(everywhere) == values[the_best(values, None, 1, sign)[0]]
        assert cache.first(RowMask(alive), count) == the_best(values, alive, count, sign)
        values[row] = value
        cache.changed(row, value)
        assert cache.first(RowMask(None), count) == the_best(values, None, count, sign)
        assert cache.first(RowMask(alive), count) == the_best(values, alive, count, sign)


def test_a_front_that_is_filled_in_vain_is_filled_less_often(monkeypatch):
    filled = []
    fill = TopRows._fill
    monkeypatch.setattr(TopRows, "_fill", lambda self, among: (filled.append(among), fill(self, among)))
    cache = TopRows(np.arange(100, dtype=np.float64), 1.0)
    for turn in range(100):
        alive = np.zeros(100, dtype=np.bool_)
        alive[turn] = True
        assert cache.first(RowMask(alive)) == [turn]
    assert 1 <= len(filled) <= 30


@st.composite
def columns(draw):
    values = draw(st.lists(VALUES, max_size=9))
    return values, draw(masks(len(values)))


@given(columns(), st.integers(1, 9))
def test_the_best_of_many_are_the_first_of_them_all_sorted(case, most):
    values, alive = case
    found = best_of(alive, np.array(values, dtype=np.float64), most).tolist()
    assert found == the_best(values, alive, most, -1.0)


def test_ends_are_the_least_and_the_largest_of_those_alive():
    values = np.array([3.0, 1.0, 2.0])
    ends = ColumnExtremes(values)
    alive = RowMask(np.array([True, False, True]))
    assert (ends.end(RowMask(None), 1.0), ends.end(RowMask(None), -1.0)) == (1.0, 3.0)
    assert (ends.end(alive, 1.0), ends.end(alive, -1.0)) == (2.0, 3.0)
    values[0] = 0.5
    for one in ends.in_use:
        one.changed(0, 0.5)
    assert (ends.end(alive, 1.0), ends.end(alive, -1.0)) == (0.5, 2.0)


@given(st.lists(VALUES, min_size=1, max_size=60), st.data())
def test_all_rows_come_one_after_another_as_they_are_sorted(values, data):
    alive = data.draw(masks(len(values)))
    found = list(top_rows.best_first(alive, np.array(values)))
    assert found == the_best(values, alive, len(values), -1.0)


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5, 2.5, -np.inf, 7.0]), max_size=40))
def test_places_are_put_in_order_as_a_stable_sort_does(values):
    found = top_rows.largest_first(np.array(values, dtype=np.float64)).tolist()
    assert found == sorted(range(len(values)), key=lambda place: -values[place])
