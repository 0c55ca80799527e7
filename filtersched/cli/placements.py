"""Placements and refusals as rows of a listing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from filtersched.cli.listing import Column, Row
from filtersched.cli.report import host_name, why_chosen
from filtersched.planning.outcome import Outcome
from filtersched.results.selection import Selection


def _color(row: Row) -> str:
    return "red" if row["result"] == "refused" else "green"


def _place(row: Row) -> str:
    """Which instance of its request it is, or how many there are of one that was refused."""
    if row["instance"] is None:
        return f"{row['instances']}"
    return f"{row['instance']} of {row['instances']}" if row["instances"] > 1 else "1"


def _number(name: str) -> Column:
    def text(row: Row) -> str:
        return "-" if row[name] is None else f"{row[name]:.3f}"

    return Column(name, text, is_number=True, is_wide=name != "weight")


def _list(name: str) -> Column:
    return Column(name, lambda row: ", ".join(row[name] or ()) or "-", is_wide=True)


COLUMNS = (
    Column("request"),
    Column("instance", _place),
    Column("result", is_wide=True, style=_color),
    Column("host", style=_color),
    Column("node", is_wide=True),
    Column("uuid", is_wide=True),
    _number("weight"),
    Column("runner_up", is_wide=True),
    _number("margin"),
    _list("alternates"),
    Column("seed", is_wide=True),
    Column("profile", lambda row: row["profile"] or "-", is_wide=True),
    Column("why"),
)


def columns(*, with_alternates: bool) -> list[Column]:
    """The columns of placements; with those of alternates in plain text too if the run looks for them."""
    return [replace(one, is_wide=False) if one.name == "alternates" and with_alternates else one for one in COLUMNS]


def rows_of(outcome: Outcome) -> Iterator[Row]:
    """A row for each instance that was placed, or one for a request that was refused."""
    if outcome.refusal is not None:
        yield _refused(outcome)
    for selection in outcome.selections:
        yield _placed(outcome, selection)


def _refused(outcome: Outcome) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(column.name for column in COLUMNS)
    return {
        **nothing,
        "request": outcome.name,
        "instances": outcome.spec.num_instances,
        "result": "refused",
        "profile": outcome.profile,
        "why": why_refused(outcome),
    }


def why_refused(outcome: Outcome) -> str:
    """Which filters refused how many hosts, in few words."""
    said = ", ".join(f"{name} {count:,}" for name, count in outcome.refused.items() if count)
    return f"refused by {said}" if said else f"refused: {outcome.refused_by}"


def _placed(outcome: Outcome, selection: Selection) -> dict[str, Any]:
    explanation = selection.explanation
    return {
        "request": outcome.name,
        "instance": selection.index + 1,
        "instances": len(outcome.selections),
        "result": "placed",
        "host": host_name(selection),
        "node": selection.nodename,
        "uuid": selection.instance_uuid,
        "weight": selection.weight,
        "runner_up": explanation.runner_up,
        "margin": explanation.margin,
        "alternates": [host_name(one) for one in selection.alternates],
        "seed": None if selection.seed is None else str(selection.seed),
        "profile": explanation.profile,
        "why": why_chosen(selection),
    }


def named_by_filter(names: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """(filter that left no host, request) as the requests of each filter."""
    by_filter: dict[str, list[str]] = {}
    for filter_name, request in names:
        by_filter.setdefault(filter_name, []).append(request)
    return by_filter
