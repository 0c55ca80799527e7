"""Small clusters stand for large ones: what the engine keeps is kept short."""

import pytest

from filtersched.engine import prefetch, top_rows


@pytest.fixture(autouse=True, scope="module")
def short_top_rows():
    """Top rows in which few of the few hosts have a place."""
    usual, top_rows._SIZE = top_rows._SIZE, 2
    yield
    top_rows._SIZE = usual


@pytest.fixture(autouse=True, scope="module")
def few_hosts_at_once():
    """The next states of few hosts are evaluated at once too."""
    usual, prefetch._LEAST = prefetch._LEAST, 1
    yield
    prefetch._LEAST = usual
