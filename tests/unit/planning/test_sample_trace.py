"""sample_trace: synthetic requests."""

from __future__ import annotations

import statistics

import pytest

from filtersched import Flavor, InvalidRequest
from filtersched.planning import sample_trace

SMALL, LARGE = Flavor(name="small", memory_mb=1024), Flavor(name="large", memory_mb=8192)


def test_sample_has_the_rate_and_lives_asked_for():
    found = list(sample_trace([SMALL, LARGE], count=4000, rate=0.5, life=600, seed=3))
    lives = [one.departs_at - one.arrives_at for one in found]
    assert len(found) == 4000
    assert found[-1].arrives_at == pytest.approx(8000, rel=0.1)
    assert statistics.fmean(lives) == pytest.approx(600, rel=0.1)
    assert sum(one.memory_mb == 1024 for one in found) == pytest.approx(2000, rel=0.1)


def test_sample_of_a_seed_is_the_same_everywhere():
    found = list(sample_trace([SMALL], count=2, rate=1, life=10, seed=1))
    assert [(one.request_id, one.arrives_at, one.departs_at) for one in found] == [
        ("sample-1", 0.144291, 14.57398),
        ("sample-2", 0.438755, 6.407876),
    ]


def test_shares_say_how_often_each_flavor_is_asked_for():
    found = sample_trace([SMALL, LARGE], count=50, rate=1, life=1, shares=(0, 1))
    assert {one.flavor.name for one in found} == {"large"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"count": 0}, "count"), ({"rate": -1}, "rate"), ({"life": float("inf")}, "life"), ({"shares": (1,)}, "shares")],
)
def test_amounts_that_make_no_sense_are_named(wrong, field):
    with pytest.raises(InvalidRequest) as error:
        list(sample_trace([SMALL, LARGE], **{"count": 1, "rate": 1, "life": 1, **wrong}))
    assert error.value.field == field
