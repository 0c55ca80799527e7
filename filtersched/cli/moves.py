"""filtersched drain, rebalance, audit and waves: plans of moves, as a table or as data."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import snapshot_of, time_of
from filtersched.cli.listing import Column, check_listing, show_records, write_json
from filtersched.cli.named_hosts import NamedHosts
from filtersched.cli.plan_pages import plan_facts, plan_sections, table_of
from filtersched.cli.report_page import ReportPage, with_page
from filtersched.cli.terminal import Terminal
from filtersched.cli.unread_fields import filters_in_use
from filtersched.hosts.host_pool import HostPool
from filtersched.inventory import read_groups
from filtersched.planning import MovePlan, WavePlan, audit, plan_moves, plan_waves
from filtersched.planning.move_plan import EMPTY, EVEN, RULES
from filtersched.planning.report_sections import Section, Table, heat_map
from filtersched.requests.request_values import InstanceGroup
from filtersched.schedulers import FilterScheduler, scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings

_MOST_LEFT = 20


def _signed(row: Any) -> str:
    return f"{row['gain']:+.4g}"


def _measure(row: Any) -> str:
    return f"{row['measure']:.4g}"


COLUMNS = (
    Column("number", is_number=True),
    Column("instance_uuid"),
    Column("source"),
    Column("target"),
    Column("gain", _signed, is_number=True),
    Column("measure", _measure, is_number=True),
    Column("source_node", is_wide=True),
    Column("target_node", is_wide=True),
)
AUDIT_COLUMNS = (
    Column("instance_uuid"),
    Column("host"),
    Column("nodename", is_wide=True),
    Column("filters", lambda row: ", ".join(row["filters"]), is_wide=True),
    Column("reason"),
)

WAVE_COLUMNS = (
    Column("wave", is_number=True),
    Column("round", is_number=True),
    Column("instance_uuid"),
    Column("source"),
    Column("target"),
    Column("source_node", is_wide=True),
    Column("target_node", is_wide=True),
)


@with_page
def run_drain(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, page: ReportPage | None) -> int:
    """Plan to empty hosts; 0 if nothing is left on them, else 1."""
    if not args.hosts:
        raise UsageError("which hosts? Name a HOST, or a pattern such as 'cmp-az1-*'.")
    plan = _planned(args, conf, page, hosts=args.hosts)
    _show(args, terminal, plan)
    return 0 if plan.reached else 1


@with_page
def run_rebalance(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, page: ReportPage | None) -> int:
    """Plan for one of the goals of a rebalance; 0, or 1 if something stays broken."""
    if args.min_gain and args.goal != EVEN:
        raise UsageError(f"--min-gain is for --goal even, not for --goal {args.goal}")
    if args.keep_free and args.goal != EMPTY:
        raise UsageError(f"--keep-free is for --goal empty, not for --goal {args.goal}")
    plan = _planned(args, conf, page, goal=args.goal, min_gain=args.min_gain, keep_free=args.keep_free)
    _show(args, terminal, plan)
    return 1 if args.goal == RULES and not plan.reached else 0


@with_page
def run_audit(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, page: ReportPage | None) -> int:
    """Show what filters and group rules say of instances on their own hosts; 0 if nothing, else 1."""
    check_listing(args, AUDIT_COLUMNS)
    scheduler = scheduler_for_moves(conf)
    pool = pool_at(args, conf)
    found = audit(scheduler, pool, groups=groups_of(args), filters=filters_in_use(args, scheduler))
    rows = [
        {
            "instance_uuid": one.instance_uuid,
            "host": one.host,
            "nodename": one.nodename,
            "filters": [verdict.filter for verdict in one.refused_by],
            "reason": one.reason,
        }
        for one in found.broken
    ]
    if page is not None:
        facts = [("instances asked about", found.asked), ("not asked about", found.not_asked)]
        sections: list[Section] = [table_of("Refused their own hosts", AUDIT_COLUMNS, rows), heat_map(pool)]
        page.write(facts, sections, conf=conf, scheduler=scheduler)
    record = found.to_dict()
    broken = record.pop("broken")
    record.pop("version")
    if rows or args.format != "text":
        show_records(terminal, args, "broken", AUDIT_COLUMNS, rows, records=broken, further=record)
    if args.format == "text":
        if rows:
            terminal.line()
        terminal.line(f"{len(rows):,} of {found.asked:,} instances are refused their own hosts.")
        if found.not_asked:
            terminal.line(f"{found.not_asked:,} more were not asked about: forced, or of an unknown flavor.")
    return 1 if rows else 0


@with_page
def run_waves(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, page: ReportPage | None) -> int:
    """Plan to empty the hosts of an aggregate in waves; 0 if every host is emptied, else 1."""
    if args.aggregate is None:
        raise UsageError("which hosts? Name an aggregate: --aggregate NAME.")
    check_listing(args, WAVE_COLUMNS)
    scheduler = scheduler_for_moves(conf)
    pool = pool_at(args, conf)
    plan = plan_waves(
        scheduler,
        pool,
        aggregate=args.aggregate,
        at_once=args.at_once,
        max_unavailable=args.max_unavailable,
        groups=groups_of(args),
        filters=filters_in_use(args, scheduler),
    )
    rows = [
        {"wave": number, "round": turn, **asdict(move)}
        for number, wave in enumerate(plan.waves, 1)
        for turn, moves in enumerate(wave.rounds, 1)
        for move in moves
    ]
    if page is not None:
        waves = [(number, ", ".join(wave.hosts)) for number, wave in enumerate(plan.waves, 1)]
        sections: list[Section] = [
            Table("Waves", ("wave", "hosts"), waves),
            table_of("Moves", WAVE_COLUMNS, rows),
            Table("Cannot be emptied", ("host", "reason"), list(plan.left)),
            heat_map(pool, title="Hosts before the moves"),
        ]
        page.write([("aggregate", args.aggregate), ("moves", len(rows))], sections, conf=conf, scheduler=scheduler)
    if args.format == "json":
        write_json(terminal.out, {key: value for key, value in plan.to_dict().items() if key != "version"})
        return 1 if plan.left else 0
    if rows or args.format != "text":
        show_records(terminal, args, "moves", WAVE_COLUMNS, rows)
    if args.format == "text":
        _show_waves(terminal, plan)
    return 1 if plan.left else 0


def _show_waves(terminal: Terminal, plan: WavePlan) -> None:
    if plan.moves:
        terminal.line()
    for number, wave in enumerate(plan.waves, 1):
        count = sum(map(len, wave.rounds))
        terminal.line(f"Wave {number}: {', '.join(wave.hosts)} ({count:,} move{'' if count == 1 else 's'})")
    if plan.left:
        terminal.line()
        terminal.heading("Cannot be emptied")
        for host, reason in plan.left:
            terminal.line(f"{host}: {reason}", indent="  ")


def _planned(
    args: argparse.Namespace, conf: SchedulerConf, page: ReportPage | None, *, hosts: Sequence[str] = (), **how: Any
) -> MovePlan:
    check_listing(args, COLUMNS)
    scheduler = scheduler_for_moves(conf)
    pool = pool_at(args, conf)
    if hosts:
        named = NamedHosts(pool)
        how["drain"] = [f"{one.host}/{one.nodename}" for name in hosts for one in named.matching(name)]
    plan = plan_moves(
        scheduler,
        pool,
        moves=args.moves,
        groups=groups_of(args),
        filters=filters_in_use(args, scheduler),
        **how,
    )
    if page is not None:
        page.write(plan_facts(plan), plan_sections(plan, COLUMNS, pool), conf=conf, scheduler=scheduler)
    return plan


def scheduler_for_moves(conf: SchedulerConf) -> FilterScheduler:
    """The configured scheduler. Raises UsageError for one without filters."""
    scheduler = scheduler_from(conf)
    if not isinstance(scheduler, FilterScheduler):
        raise UsageError(f"{type(scheduler).__name__} uses no filters; plans of moves are for schedulers that do")
    return scheduler


def pool_at(args: argparse.Namespace, conf: SchedulerConf) -> HostPool:
    """The pool of the inventory, at the time that the command line gives."""
    pool = snapshot_of(args, read_scheduler_settings(conf))
    now = time_of(args)
    if now is not None:
        pool.clock = functools.partial(_same, now)
    return pool


def _same(now: datetime) -> datetime:
    return now


def groups_of(args: argparse.Namespace) -> list[InstanceGroup]:
    """The server groups that the command line gives."""
    return [] if args.groups is None else read_groups(args.groups)


def _show(args: argparse.Namespace, terminal: Terminal, plan: MovePlan) -> None:
    record = plan.to_dict()
    moves = record.pop("moves")
    record.pop("version")
    if args.format != "text":
        show_records(terminal, args, "moves", COLUMNS, moves, further=record)
        return
    if moves:
        show_records(terminal, args, "moves", COLUMNS, moves)
        terminal.line()
    show_outcome(terminal, plan)


def show_outcome(terminal: Terminal, plan: MovePlan) -> None:
    """What a plan comes to, in sentences."""
    terminal.line(f"{plan}.")
    before, after = plan.before, plan.after
    terminal.line(
        f"Hosts in use: {before.hosts_in_use} -> {after.hosts_in_use} of {after.hosts}. "
        f"Imbalance: {before.imbalance:.4g} -> {after.imbalance:.4g}."
    )
    if plan.switch_off:
        terminal.line(f"Switch off: {', '.join(plan.switch_off)}.")
    for reason, count in plan.staying_because.items():
        terminal.line(f"{count:,} instance{'' if count == 1 else 's'} cannot be moved: {reason}.")
    if plan.left:
        terminal.line()
        terminal.heading("Broken still" if plan.goal == RULES else "Left where they are")
        for one in plan.left[:_MOST_LEFT]:
            terminal.line(f"{one.instance_uuid} on {one.host}: {one.reason}", indent="  ")
        if len(plan.left) > _MOST_LEFT:
            terminal.line(f"and {len(plan.left) - _MOST_LEFT:,} more", indent="  ")
