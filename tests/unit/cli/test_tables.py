"""Text tables for any width."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtersched.cli.tables import table_lines, text_width, wrapped
from filtersched.cli.terminal import Terminal

HEADINGS = ("REQUEST", "HOST", "WEIGHT", "WHY")
ROWS = [
    ("web", "cmp-az1-01", "2.250", "best of 11; CPU +1.00, RAM +1.00, Disk +0.26; 0.242 ahead of ssd-az1-01"),
    ("db", "cmp2", "10.000", "the only host left"),
]


def lines(width):
    return list(table_lines(HEADINGS, ROWS, right=(2,), width=width))


def test_wide_terminal_and_pipe_get_one_line_a_row():
    assert lines(None) == lines(200) == [
        "REQUEST  HOST        WEIGHT  WHY",
        "web      cmp-az1-01   2.250  best of 11; CPU +1.00, RAM +1.00, Disk +0.26; 0.242 ahead of ssd-az1-01",
        "db       cmp2        10.000  the only host left",
    ]


def test_prose_wraps_under_itself():
    assert lines(60) == [
        "REQUEST  HOST        WEIGHT  WHY",
        "web      cmp-az1-01   2.250  best of 11; CPU +1.00, RAM",
        "                             +1.00, Disk +0.26; 0.242 ahead",
        "                             of ssd-az1-01",
        "db       cmp2        10.000  the only host left",
    ]


def test_prose_moves_below_its_row_where_it_would_be_too_narrow():
    assert lines(40) == [
        "REQUEST  HOST        WEIGHT",
        "    WHY",
        "web      cmp-az1-01   2.250",
        "    best of 11; CPU +1.00, RAM +1.00,",
        "    Disk +0.26; 0.242 ahead of",
        "    ssd-az1-01",
        "db       cmp2        10.000",
        "    the only host left",
    ]


def test_row_is_a_block_where_not_even_the_names_fit():
    assert lines(24) == [
        "REQUEST  web",
        "HOST     cmp-az1-01",
        "WEIGHT   2.250",
        "WHY      best of 11; CPU",
        "         +1.00, RAM",
        "         +1.00, Disk",
        "         +0.26; 0.242",
        "         ahead of",
        "         ssd-az1-01",
        "",
        "REQUEST  db",
        "HOST     cmp2",
        "WEIGHT   10.000",
        "WHY      the only host",
        "         left",
    ]


def test_wide_characters_take_two_columns():
    assert list(table_lines(("A", "B"), [("計算機", "x"), ("a", "y")])) == ["A       B", "計算機  x", "a       y"]


def test_cells_are_painted_without_moving_others():
    painted = list(table_lines(("A", "B"), [("x", "y")], paint=lambda row, column, text: f"<{row}{column}{text}>"))
    assert painted == ["<-10A>  <-11B>", "<00x>  <01y>"]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("  in front", 20, ["  in front"]),
        ("", 5, [""]),
    ],
)
def test_text_is_broken_at_blanks_and_a_long_word_anywhere(text, width, expected):
    assert wrapped(text, width) == expected


class Screen(io.StringIO):
    """A terminal of some columns."""

    def isatty(self):
        return True


def test_line_of_wide_characters_is_wrapped_by_the_columns_it_takes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    screen = Screen()
    Terminal(screen, screen).line("計算機 計算機", indent="  ")
    assert screen.getvalue() == "計算機\n  計算機\n"


CELL = st.text("ab -計é", max_size=12).map(str.strip)
TABLES = st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=4))


@given(TABLES, st.integers(20, 60), st.booleans())
def test_nothing_is_cut_and_nothing_is_too_wide(cells, width, last_is_number):
    rows = [[cell or "x" for cell in row] for row in cells]
    headings = [f"H{at}" for at in range(len(rows[0]))]
    right = (len(headings) - 1,) if last_is_number else ()
    told = list(table_lines(headings, rows, right=right, width=width))
    assert max(map(text_width, told), default=0) <= width
    letters = "".join("".join(told).split())
    for cell in (cell for row in rows for cell in row):
        assert all(letters.count(one) >= cell.count(one) for one in cell if one != " ")
