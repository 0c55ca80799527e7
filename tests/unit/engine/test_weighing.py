"""Weights in columns are bit for bit those of the plain handler."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtersched.engine.fallback import UseHandlers
from filtersched.engine.top_rows import RowMask
from filtersched.engine.weighing import Scale, WeigherRunner, WeigherTerm, multipliers_at, raws_at, totals_of
from filtersched.weighers.base import BaseWeigher, plain_float
from filtersched.weighers.handler import normalize

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)


def a_part(raw, multiplier, minval=None, maxval=None, normalized=True):
    kind = type("W", (BaseWeigher,), {"minval": minval, "maxval": maxval, "normalized": normalized})
    return WeigherTerm(WeigherRunner(kind()), np.array(raw, dtype=np.float64), multiplier)


@st.composite
def columns(draw):
    count = draw(st.integers(2, 6))
    values = st.lists(st.one_of(FINITE, st.sampled_from([0.0, 1.0, 1.0, 0.1])), min_size=count, max_size=count)
    multiplier = st.one_of(st.sampled_from([1.0, -1.0, 0.0, 0.3]), FINITE)
    multipliers = st.one_of(multiplier, st.lists(multiplier, min_size=count, max_size=count))
    return count, draw(st.lists(st.tuples(values, multipliers, st.sampled_from([None, 0.0])), max_size=5))


@given(columns())
def test_sums_of_columns_are_those_of_a_plain_loop_bit_for_bit(case):
    count, given_columns = case
    expected = [0.0] * count
    terms = []
    for raw, multipliers, minval in given_columns:
        raw = raw if minval is None else [max(each, minval) for each in raw]
        each_multiplier = multipliers if isinstance(multipliers, list) else [multipliers] * count
        for place, normal in enumerate(normalize(raw, minval, None)):
            expected[place] += each_multiplier[place] * normal
        terms.append(a_part(raw, np.array(multipliers) if isinstance(multipliers, list) else multipliers, minval))
    for term in terms:
        term.fit_scale(RowMask(None))
    found = totals_of(terms, count, None).tolist()
    assert [each.hex() for each in found] == [each.hex() for each in expected]
    scale = Scale(terms)
    again = [scale.weight(raws_at(terms, place), multipliers_at(terms, place)) for place in range(count)]
    assert [each.hex() for each in again] == [each.hex() for each in expected]


def test_ends_are_those_of_hosts_in_play_only():
    term = a_part([5.0, 1.0, 9.0], 1.0)
    term.fit_scale(RowMask(np.array([True, True, False])))
    assert (term.low, term.high) == (1.0, 5.0)
    assert totals_of([term], 3, np.array([True, True, False])).tolist() == [1.0, 0.0, -np.inf]


def test_a_fixed_end_is_the_end_whatever_the_weights():
    term = a_part([2.0, 4.0], 1.0, minval=0, maxval=8)
    term.fit_scale(RowMask(None))
    assert totals_of([term], 2, None).tolist() == [0.25, 0.5]


def test_a_weigher_that_is_not_normalised_adds_its_weights_as_they_are():
    term = a_part([2.0, 4.5], np.array([1.0, -2.0]), normalized=False)
    term.fit_scale(RowMask(None))
    assert totals_of([term], 2, None).tolist() == [2.0, -9.0]
    scale = Scale([term])
    assert (scale.weight([4.5], [-2.0]), scale.shares([4.5], [-2.0])[0].normalized) == (-9.0, 4.5)


def test_a_sum_that_is_not_finite_is_left_to_the_handler_unless_nobody_in_play_has_it():
    terms = [a_part([1e308, 0.0], 10.0, normalized=False)]
    with pytest.raises(UseHandlers):
        totals_of(terms, 2, None)
    assert totals_of(terms, 2, np.array([False, True])).tolist() == [-np.inf, 0.0]


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), None, "1", 10**400, [1]])
def test_what_is_no_weight_is_left_to_the_handler(answer):
    with pytest.raises(UseHandlers):
        WeigherRunner(BaseWeigher()).from_answer(answer)


@pytest.mark.parametrize(("answer", "weight"), [(-1, 0.0), (0, 0.0), (2, 2.0), (3, 3.0), (4, 3.0), (True, 1.0)])
def test_one_answer_is_moved_to_the_ends_of_the_scale(answer, weight):
    kind = type("W", (BaseWeigher,), {"minval": 0, "maxval": 3})
    assert WeigherRunner(kind()).from_answer(answer) == weight


ENDS = st.none() | st.integers(-2, 2)


@given(st.lists(st.one_of(FINITE, st.sampled_from([-0.0, 0, 1, 2.5])), min_size=1, max_size=5), ENDS, ENDS)
def test_answers_are_moved_to_the_ends_of_the_scale_as_the_weigher_does(answers, minval, maxval):
    attributes = {"minval": minval, "maxval": maxval, "_weigh_object": lambda self, host, spec: host}
    weigher = type("W", (BaseWeigher,), attributes)()
    runner = WeigherRunner(weigher)
    expected = [plain_float(weigher._weigh_one(answer, None)).hex() for answer in answers]
    assert [runner.from_answer(answer).hex() for answer in answers] == expected
    assert [weight.hex() for weight in runner.from_answers(np.array(answers, dtype=np.float64)).tolist()] == expected


def test_a_share_has_the_normalised_weight_of_the_handler():
    term = a_part([0.1, 0.3, 0.7], 1.0)
    term.fit_scale(RowMask(None))
    scale = Scale([term])
    normal = [scale.shares([raw], [1.0])[0].normalized for raw in (0.1, 0.3, 0.7)]
    assert normal == normalize([0.1, 0.3, 0.7], None, None)
