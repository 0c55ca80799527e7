"""Draws: the places that come first, and how often each host is the first of them."""

import random
from collections import Counter

import pytest

from filtersched.engine.draw import BestDraw, ProportionalDraw, bring_forward


def never():
    raise AssertionError("nothing is to be drawn")


def ordered(draw, weights, seed=0):
    """The places of all hosts, in their new order."""
    places = list(range(len(weights)))
    chance = random.Random(seed)
    bring_forward(places, draw(weights, lambda: chance))
    return places


def counts(draw, weights, tries=6000):
    """How often each place is chosen, with the seeds 0, 1, 2, ..."""
    chosen = Counter(ordered(draw, weights, seed)[0] for seed in range(tries))
    return [chosen[place] for place in range(len(weights))]


@pytest.mark.parametrize("draw", [BestDraw(), BestDraw(shuffle=True), BestDraw(subset_size=1)])
def test_best_host_is_chosen_without_a_draw(draw):
    assert draw([3.0, 2.0, 2.0], never) == []


@pytest.mark.parametrize("draw", [BestDraw(shuffle=True, subset_size=5), ProportionalDraw()])
@pytest.mark.parametrize("weights", [[], [7.0]])
def test_there_is_no_draw_without_a_choice(draw, weights):
    assert draw(weights, never) == []


def test_hosts_equal_to_the_best_are_shuffled_and_the_rest_stays():
    orders = {tuple(ordered(BestDraw(shuffle=True), [2.0, 2.0, 2.0, 1.0], seed)) for seed in range(200)}
    assert orders == {(*first, 3) for first in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))}


def test_one_of_the_first_hosts_is_drawn_and_the_others_keep_their_order():
    orders = {tuple(ordered(BestDraw(subset_size=3), [4.0, 3.0, 2.0, 1.0], seed)) for seed in range(100)}
    assert orders == {(0, 1, 2, 3), (1, 0, 2, 3), (2, 0, 1, 3)}


def test_a_host_behind_the_shuffled_ones_may_be_drawn():
    orders = {tuple(ordered(BestDraw(shuffle=True, subset_size=3), [2.0, 2.0, 1.0], seed)) for seed in range(200)}
    assert orders == {(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)}


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ([3.0, 2.0, 1.0], (3, 2, 1)),
        ([0.3, 0.2, 0.1], (3, 2, 1)),
        ([1.0, 0.0, -1.0], (2, 1, 0)),
        ([-1.0, -2.0, -4.0], (3, 2, 0)),
        ([5.0, 5.0, 5.0], (1, 1, 1)),
        ([0.0, 0.0, 0.0], (1, 1, 1)),
        ([-2.0, -2.0], (1, 1)),
        ([9.0, 1.0, 0.0, 0.0], (9, 1, 0, 0)),
        ([1.7e308, 1.7e308, 0.0], (1, 1, 0)),
        ([1.7e308, 0.0, -1.7e308], (2, 1, 0)),
        ([5e-324, 0.0], (1, 0)),
        ([0.0, -5e-324], (1, 1)),
    ],
)
def test_hosts_are_drawn_in_proportion_to_their_weights(weights, shares):
    tries = 6000
    expected = [tries * share / sum(shares) for share in shares]
    found = counts(ProportionalDraw(), weights, tries)
    assert all((one == 0) == (other == 0) for one, other in zip(found, expected, strict=True))
    # Chi-square: with three degrees of freedom or fewer, 16.27 is passed once in a thousand tests.
    assert sum((one - other) ** 2 / other for one, other in zip(found, expected, strict=True) if other) < 16.27


def test_the_last_point_of_the_line_belongs_to_the_last_host_that_has_a_part():
    class End(random.Random):
        def random(self):
            return 1.0

    assert ProportionalDraw()([2.0, 1.0, 0.0], End) == [1]


def test_the_first_point_of_the_line_belongs_to_the_first_host_that_has_a_part():
    class Start(random.Random):
        def random(self):
            return 0.0

    assert ProportionalDraw()([0.0, 1.0, 2.0], Start) == [1]
