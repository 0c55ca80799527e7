"""Cached totals are used again only for terms that they were computed from."""

import numpy as np
import pytest

from filtersched.engine.cached_totals import CachedTotals, TotalsCache
from filtersched.engine.top_rows import RowMask
from filtersched.engine.weighing import WeigherRunner, WeigherTerm
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.weighers.base import BaseWeigher


class Weigher(BaseWeigher):
    """A weigher whose scale is fixed, so that weights are fractions of eight."""

    minval = 0
    maxval = 8


RUNNER = WeigherRunner(Weigher())
RAW = np.array([2.0, 4.0, 8.0])


def a_term(multiplier, raw=RAW):
    term = WeigherTerm(RUNNER, raw, multiplier)
    term.fit_scale(RowMask(None))
    return term


@pytest.fixture
def rows():
    return HostRows(HostState(f"h{nr}") for nr in range(3))


def test_totals_are_used_again_for_equal_terms(rows):
    cache = TotalsCache()
    assert cache.totals_of([a_term(2.0)], rows) is cache.totals_of([a_term(2.0)], rows)


def test_another_multiplier_has_other_totals(rows):
    cache = TotalsCache()
    assert cache.totals_of([a_term(2.0)], rows).totals.tolist() == [0.5, 1.0, 2.0]
    assert cache.totals_of([a_term(-1.0)], rows).totals.tolist() == [-0.25, -0.5, -1.0]


def test_other_multipliers_of_hosts_have_other_totals(rows):
    cache = TotalsCache()
    assert cache.totals_of([a_term(np.array([1.0, 1.0, 1.0]))], rows).totals.tolist() == [0.25, 0.5, 1.0]
    assert cache.totals_of([a_term(np.array([4.0, 1.0, 0.0]))], rows).totals.tolist() == [1.0, 0.5, 0.0]


def test_one_multiplier_for_all_does_not_stand_for_one_of_each_host(rows):
    cache = TotalsCache()
    cache.totals_of([a_term(1.0)], rows)
    assert cache.totals_of([a_term(np.array([4.0, 1.0, 0.0]))], rows).totals.tolist() == [1.0, 0.5, 0.0]


def test_other_raw_weights_have_other_totals(rows):
    cache = TotalsCache()
    cache.totals_of([a_term(1.0)], rows)
    assert cache.totals_of([a_term(1.0, np.array([8.0, 0.0, 0.0]))], rows).totals.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("end", ["low", "high"])
def test_another_end_of_the_scale_makes_totals_useless(rows, end):
    cached = CachedTotals([a_term(1.0)], rows)
    moved = a_term(1.0)
    setattr(moved, end, 1.0)
    assert not cached.refresh([moved], rows)


def test_one_term_more_makes_totals_useless(rows):
    assert not CachedTotals([a_term(1.0)], rows).refresh([a_term(1.0), a_term(1.0)], rows)


@pytest.mark.parametrize(
    ("multiplier", "totals"), [(2.0, [0.5, 1.5, 2.0]), (np.array([1.0, 4.0, -1.0]), [0.25, 3.0, -1.0])]
)
def test_a_dirty_row_is_weighed_again_with_its_own_multiplier(rows, multiplier, totals):
    raw = RAW.copy()
    cached = CachedTotals([a_term(multiplier, raw)], rows)
    raw[1] = 6.0
    rows.mark_dirty(1)
    assert cached.refresh([a_term(multiplier, raw)], rows)
    assert cached.totals.tolist() == totals


def test_the_best_two_follow_a_dirty_row(rows):
    raw = RAW.copy()
    cached = CachedTotals([a_term(1.0, raw)], rows)
    assert [cached.best(RowMask(None), 2) for _ in range(2)] == [[2, 1], [2, 1]]
    raw[2] = 3.0
    rows.mark_dirty(2)
    assert cached.refresh([a_term(1.0, raw)], rows)
    assert cached.best(RowMask(None), 2) == [1, 2]


def test_totals_of_rows_that_went_are_not_used(rows):
    cached = CachedTotals([a_term(1.0)], rows)
    rows.remove(rows.host(1), 1)
    assert not cached.refresh([a_term(1.0)], rows)


def test_totals_that_are_not_finite_are_not_cached(rows):
    cache = TotalsCache()
    assert cache.totals_of([a_term(float("inf"))], rows) is None
    assert cache.totals_of([a_term(1.0)], rows).totals.tolist() == [0.25, 0.5, 1.0]
