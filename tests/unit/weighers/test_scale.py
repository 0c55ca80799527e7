"""Moving raw weights to the ends of a scale, and mapping them to [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from filtersched.weighers.scale import clamp, to_unit


@pytest.mark.parametrize(
    ("raw", "minval", "maxval", "clamped"),
    [(-1.5, 0, 3, 0), (0.0, 0, 3, 0.0), (2.5, 0, 3, 2.5), (3.0, 0, 3, 3.0), (3.5, 0, 3, 3), (9.0, None, None, 9.0)],
)
def test_weight_is_moved_to_the_nearer_end(raw, minval, maxval, clamped):
    assert clamp(raw, minval, maxval) == clamped
    assert clamp(np.array([raw, 1.0]), minval, maxval).tolist() == [clamped, 1.0]


def test_an_end_alone_is_no_bound_on_the_other_side():
    assert (clamp(-9.0, None, 3), clamp(9.0, 0, None)) == (-9.0, 9.0)


@pytest.mark.parametrize(
    ("raw", "low", "high", "unit"),
    [(2.0, 2.0, 6.0, 0.0), (3.0, 2.0, 6.0, 0.25), (6.0, 2.0, 6.0, 1.0), (5.0, 5.0, 5.0, 0.0)],
)
def test_weight_is_mapped_linearly_between_the_ends(raw, low, high, unit):
    assert to_unit(raw, low, high) == unit
    assert to_unit(np.array([raw, low]), low, high).tolist() == [unit, 0.0]


def test_given_array_is_left_alone():
    raw = np.array([2.0, 4.0])
    scratch = np.empty(2)
    assert to_unit(raw, 2.0, 6.0, out=scratch) is scratch
    assert to_unit(raw, 0.0, 8.0, out=scratch).tolist() == [0.25, 0.5]
    clamp(raw, 3.0, 3.5)
    assert raw.tolist() == [2.0, 4.0]
