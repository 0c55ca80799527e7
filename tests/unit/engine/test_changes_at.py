"""Answers that depend on the time are kept until one may change, and not longer."""

import functools
from datetime import datetime, timedelta

import pytest

from filtersched import BaseHostFilter, FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, make_conf
from filtersched.columns.values import moment

NOON = datetime(2026, 1, 31, 12)
ASKED = []


class ClosingFilter(BaseHostFilter):
    """Refuses hosts after as many seconds since noon as they have IO operations."""

    host_reads = ("num_io_ops",)
    spec_reads = ("now",)
    columnar = True

    def host_passes(self, host_state, spec):
        ASKED.append(spec.now)
        return moment(spec.now) <= self._last(host_state)

    def changes_at(self, host_state):
        return [self._last(host_state)]

    def _last(self, host_state):
        return moment(NOON) + host_state.num_io_ops * 1_000_000


class HastyFilter(ClosingFilter):
    """Closes a second earlier, and does not say so."""

    host_reads = ("num_io_ops",)
    spec_reads = ("now",)
    columnar = True

    def host_passes(self, host_state, spec):
        ASKED.append(spec.now)
        return moment(spec.now) <= self._last(host_state) - 1_000_000


@pytest.fixture
def asked():
    ASKED.clear()
    return ASKED


@functools.cache
def scheduler_of(kind):
    conf = make_conf(
        scheduler_available_filters=[f"{__name__}.{kind.__name__}"],
        scheduler_default_filters=[kind.__name__],
        scheduler_weight_classes=[],
    )
    return FilterScheduler(conf)


def chosen(pool, seconds, kind=ClosingFilter):
    try:
        spec = RequestSpec(now=NOON + timedelta(seconds=seconds))
        return scheduler_of(kind).select_destinations(spec, pool)[0].host
    except NoValidHost:
        return None


def a_pool(*seconds):
    return HostPool(HostState(f"h{nr}", num_io_ops=each) for nr, each in enumerate(seconds))


def test_the_filter_is_asked_again_when_time_reaches_the_next_moment(asked):
    pool = a_pool(5, 20)
    assert [chosen(pool, at) for at in (0, 1, 4.9, 5, 5.1, 19, 21)] == ["h0", "h0", "h0", "h0", "h1", "h1", None]
    assert [(each - NOON).total_seconds() for each in asked] == [0, 5, 5.1, 21]


def test_the_filter_is_asked_again_when_time_goes_back(asked):
    pool = a_pool(5, 20)
    assert [chosen(pool, at) for at in (6, 5, 0)] == ["h1", "h0", "h0"]


def test_a_changed_host_brings_its_own_moments(asked):
    pool = a_pool(50, 60)
    assert chosen(pool, 0) == "h0"
    pool["h0"].num_io_ops = 10
    assert [chosen(pool, at) for at in (1, 9, 11, 55)] == ["h0", "h0", "h1", "h1"]


def test_a_method_that_is_redefined_without_its_moments_is_always_asked(asked):
    pool = a_pool(5, 20)
    assert [chosen(pool, at, HastyFilter) for at in (0, 4, 4.5)] == ["h0", "h0", "h1"]
    assert len(asked) == 3
