"""The engine decides as the plain handlers do: everything that can be seen of a decision is equal.

Stories are made from a number by a random generator; of a failing one the smallest part that fails
is shown, ready to be kept in known_stories. FILTERSCHED_ENGINE_STORIES=50000 tries that many in
each test instead of those of every day.
"""

from __future__ import annotations

import contextlib
import os
import pprint
import random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from filtersched.engine import Engine
from tests.differential import expressions, known_stories
from tests.differential.smallest import smallest
from tests.differential.strategies import (
    EXPRESSION_STORIES,
    LIVE_STORIES,
    LONG_STORIES,
    MOVE_STORIES,
    POOL_STORIES,
    SPREAD_STORIES,
    STORIES,
    long_story,
)
from tests.differential.world import World

COUNT = int(os.environ.get("FILTERSCHED_ENGINE_STORIES", "0"))
# Who asks for more has the time for it.
pytestmark = [pytest.mark.timeout(0)] if COUNT else []


def stories(every_day):
    """So many at once: a number is no better for being smaller, so nothing is shrunk."""
    return settings(max_examples=COUNT or every_day, phases=(Phase.explicit, Phase.generate))


def first_difference(story):
    """The first request of a story that the engine decides in another way: (plain, fast), or None."""
    # As in a program of somebody else's, where a warning is no error.
    with np.errstate(all="ignore"):
        return next(((plain, fast) for plain, fast in World(story).run(story["events"]) if plain != fast), None)


def check(story):
    """Fail with the smallest part of the story in which the engine decides in another way."""
    if first_difference(story) is None:
        return
    small = smallest(story, differs)
    plain, fast = first_difference(small)
    pytest.fail(f"{pprint.pformat(small, width=110)}\nplain: {plain}\nfast:  {fast}", pytrace=False)


def differs(story):
    try:
        return first_difference(story) is not None
    except Exception:  # what is no story any more
        return False


@contextlib.contextmanager
def trimming_from(count):
    """Within this context lists of so many hosts count as very large ones."""
    usual, Engine.trim_from = Engine.trim_from, count
    try:
        yield
    finally:
        Engine.trim_from = usual


@pytest.mark.parametrize("name", known_stories.STORIES)
def test_what_was_decided_in_another_way_once_is_decided_alike(name):
    assert first_difference(known_stories.STORIES[name]) is None


@stories(1500)
@given(STORIES)
def test_random_stories_are_decided_alike(story):
    check(story)


@stories(300)
@given(LIVE_STORIES)
def test_the_same_requests_on_hosts_that_report_are_decided_alike(story):
    check(story)


@stories(300)
@given(MOVE_STORIES)
def test_instances_are_moved_alike(story):
    check(story)


@stories(300)
@given(POOL_STORIES)
def test_requests_on_hosts_that_come_go_report_and_are_tried_are_decided_alike(story):
    check(story)


@stories(300)
@given(LONG_STORIES)
def test_many_instances_are_placed_alike(story):
    check(story)


@stories(500)
@given(SPREAD_STORIES)
def test_instances_are_spread_alike(story):
    check(story)


@stories(400)
@given(EXPRESSION_STORIES)
def test_written_expressions_are_decided_alike(story):
    check(story)


@stories(100)
@given(SPREAD_STORIES)
def test_instances_are_spread_alike_on_lists_that_are_trimmed(story):
    with trimming_from(3):
        check(story)


@stories(300)
@given(LONG_STORIES)
def test_many_instances_are_placed_alike_on_lists_that_are_trimmed(story):
    with trimming_from(3):
        check(story)


def test_the_next_best_may_be_a_host_that_is_not_in_the_front():
    with trimming_from(3):
        assert first_difference(long_story(random.Random(8327))) is None


HOSTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "free_ram_mb": st.sampled_from((0, 1, 512, 4096, -7, 0.1, 2**53 - 1, 2**53 + 1)),
            "ram_allocation_ratio": st.sampled_from((None, 0, 1, 1.5)),
            "num_instances": st.sampled_from((0, 1, 3)),
            "num_io_ops": st.sampled_from((0, 2, 2**53)),
            "vcpus_used": st.sampled_from((0, 4, 0.5)),
        },
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=COUNT or 600)
@given(HOSTS, expressions.EXPRESSIONS, expressions.EXPRESSIONS)
def test_any_body_of_operators_gives_the_same_on_columns_as_on_hosts(hosts, verdict, weight):
    hosts = [{"host": f"h{nr}", "nodename": f"n{nr}", **one} for nr, one in enumerate(hosts)]
    request = {"expression": verdict, "weight": weight, "num_instances": 2, "memory_mb": 1}
    story = {
        "conf": {"weighers": ["AnyExpressionWeigher"]},
        "hosts": hosts,
        "events": [("ask", request, ["AnyExpressionFilter"])],
    }
    assert first_difference(story) is None
