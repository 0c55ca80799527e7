"""What the report pages of the planning commands show: capacity, and plans of moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filtersched.cli.listing import Column
from filtersched.hosts.host_state import HostState
from filtersched.planning import Capacity, MovePlan
from filtersched.planning.report_sections import (
    Bar,
    Bars,
    Lines,
    Section,
    StackedBars,
    Table,
    heat_map,
)

Facts = list[tuple[str, Any]]


def table_of(title: str, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> Table:
    """The rows of a listing as a table of a page."""
    shown = [column for column in columns if not column.is_wide]

    def cell(column: Column, row: Mapping[str, Any]) -> Any:
        is_plain = column.is_number and column.text is None
        return row.get(column.name) if is_plain else column.shown(row)

    return Table(title, [one.name for one in shown], [[cell(one, row) for one in shown] for row in rows])


def capacity_sections(
    found: Capacity, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], hosts: Iterable[HostState]
) -> list[Section]:
    """How many of each kind fit, where, what ends it, and the hosts now."""
    kinds = (*found.alone, *filter(None, [found.mix]))
    zones = list(dict.fromkeys(zone for one in kinds for zone in one.by_zone))
    by_zone = {zone or "no zone": [float(one.by_zone.get(zone, 0)) for one in kinds] for zone in zones}
    return [
        table_of("What fits", columns, rows),
        StackedBars("Instances that fit, by zone", "instances", [one.name for one in kinds], by_zone),
        *(
            Bars(f"What ends {one.name}", "hosts", [Bar(name, count) for name, count in one.refused_by.items()])
            for one in kinds
            if one.refused_by
        ),
        heat_map(hosts, title="Hosts now"),
    ]


def plan_facts(plan: MovePlan) -> Facts:
    """What a plan comes to."""
    return [
        ("goal", plan.goal),
        ("moves", len(plan.moves)),
        (plan.measure, f"{plan.measure_before:.6g} -> {plan.measure_after:.6g}"),
        ("hosts in use", f"{plan.before.hosts_in_use} -> {plan.after.hosts_in_use} of {plan.after.hosts}"),
        ("imbalance", f"{plan.before.imbalance:.4g} -> {plan.after.imbalance:.4g}"),
        *((f"cannot be moved: {reason}", count) for reason, count in plan.staying_because.items()),
    ]


def plan_sections(plan: MovePlan, columns: Sequence[Column], hosts: Iterable[HostState]) -> list[Section]:
    """The moves, how the measure falls, what is left, and the hosts before."""
    moves = plan.to_dict()["moves"]
    measures = [float(plan.measure_before), *(float(move["measure"]) for move in moves)]
    sections: list[Section] = [table_of("Moves", columns, moves)]
    if moves:
        line = {plan.measure: ([float(at) for at in range(len(measures))], measures)}
        sections.append(Lines("The measure, move by move", "moves", line, is_share=False))
    if plan.left:
        left = [(one.instance_uuid, one.host, one.reason) for one in plan.left]
        sections.append(Table("Left where they are", ("instance", "host", "reason"), left))
    sections.append(
        Table(
            "Use of the hosts",
            ("resource", "mean before", "mean after", "deviation before", "deviation after"),
            [
                (
                    name,
                    plan.before.used_share[name],
                    plan.after.used_share[name],
                    plan.before.deviation[name],
                    plan.after.deviation[name],
                )
                for name in plan.before.used_share
            ],
        )
    )
    sections.append(heat_map(hosts, title="Hosts before the moves"))
    return sections
