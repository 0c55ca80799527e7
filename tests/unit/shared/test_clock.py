"""The clock of the database, known from its answers."""

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")

from filtersched.shared.clock import DatabaseClock


class Monotonic:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def monotonic():
    return Monotonic()


def test_time_is_that_of_the_database_whatever_this_machine_says(monotonic):
    clock = DatabaseClock(monotonic)
    clock.learn(5000.0, 99.0)
    assert clock.seconds() == 5000.5
    monotonic.now += 60
    assert clock.seconds() == 5060.5


def test_quick_answers_count_and_slow_ones_change_nothing(monotonic):
    clock = DatabaseClock(monotonic)
    clock.learn(5000.0, 100.0)
    monotonic.now = 110.0
    clock.learn(5001.0, 100.0)
    assert clock.seconds() == pytest.approx(5010.0, abs=0.001)


def test_clock_that_was_set_is_followed(monotonic):
    clock = DatabaseClock(monotonic)
    clock.learn(5000.0, 100.0)
    clock.learn(8600.0, 100.0)
    assert clock.seconds() == 8600.0
