"""The rows of a pool with what one decision has depleted."""

from __future__ import annotations

from filtersched.engine.overlay import Overlay
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState


def overlay_of(*totals):
    return Overlay(HostRows(HostState(f"h{nr}", vcpus_total=total) for nr, total in enumerate(totals)))


def gaps(column):
    return None if column.missing is None else column.missing.tolist()


def test_gaps_of_the_rows_underneath_are_kept():
    overlay = overlay_of(4, None, 8)
    overlay.deplete(0, HostState("h0", vcpus_total=2))
    column = overlay.column("vcpus_total")
    assert (gaps(column), column.values[[0, 2]].tolist()) == ([False, True, False], [2.0, 8.0])


def test_depleted_host_without_a_value_is_a_gap_here_and_not_underneath():
    overlay = overlay_of(4, 8)
    overlay.deplete(0, HostState("h0", vcpus_total=None))
    assert gaps(overlay.column("vcpus_total")) == [True, False]
    assert gaps(overlay.rows.column("vcpus_total")) is None


def test_depleted_host_closes_its_gap_here_and_not_underneath():
    overlay = overlay_of(None, None)
    overlay.deplete(0, HostState("h0", vcpus_total=4))
    assert gaps(overlay.column("vcpus_total")) == [False, True]
    assert gaps(overlay.rows.column("vcpus_total")) == [True, True]


def signed(total, argument):
    return total if argument is True else -total


def test_equal_arguments_of_other_types_have_answers_of_their_own():
    overlay = overlay_of(4, 8)
    overlay.deplete(0, HostState("h0", vcpus_total=2))
    found = [overlay.of_each("vcpus_total", signed, argument).values.tolist() for argument in (True, 1)]
    assert found == [[2.0, 8.0], [-2.0, -8.0]]
