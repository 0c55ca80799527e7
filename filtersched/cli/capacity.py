"""filtersched capacity: how many instances still fit, what ends it, and what is stranded."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.listing import Column, Row, check_listing, show_records
from filtersched.cli.moves import groups_of, pool_at
from filtersched.cli.plan_pages import capacity_sections
from filtersched.cli.report_page import ReportPage, with_page
from filtersched.cli.request_flags import flavor_of
from filtersched.cli.terminal import Terminal
from filtersched.cli.unread_fields import filters_in_use, profile_of
from filtersched.errors import shown
from filtersched.hosts.host_state import HostState
from filtersched.inventory import read_inventory
from filtersched.loading import load_host_class
from filtersched.planning import Capacity, KindCapacity, capacity
from filtersched.planning.capacity import MOST
from filtersched.requests.request_values import Flavor
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, SchedulerSettings, read_scheduler_settings

_UNITS = {"ram_mb": "MiB RAM", "vcpus": "vCPUs", "disk_mb": "MiB disk"}


def _amounts(amounts: Any) -> str:
    said = (f"{amount:,.0f} {_UNITS[name]}" for name, amount in amounts.items() if amount >= 1)
    return ", ".join(said) or "-"


def _zones(row: Row) -> str:
    return ", ".join(f"{zone or 'no zone'} {count:,}" for zone, count in row["by_zone"].items())


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"


def _ended(row: Row) -> str:
    return "at least: no filter ends it" if row["is_open"] else row["ended_by"] or "-"


def _survives(row: Row) -> str:
    found = row["survival"]
    if found is None:
        return "-"
    worst = f" ({found['worst']})" if found["worst"] is not None else ""
    return f"{found['count']:,}{'' if found['is_exact'] else ' or more'}{worst}"


COLUMNS = (
    Column("name"),
    Column("count", lambda row: f"{row['count']:,}", is_number=True),
    Column("survives", _survives),
    Column("to_buy", is_number=True),
    Column("ended_by", _ended),
    Column("resource"),
    Column("by_zone", _zones),
    Column("stranded", lambda row: _amounts(row["stranded"])),
    Column("nearest", is_wide=True),
    Column("by_flavor", lambda row: _counts(row["by_flavor"]), is_wide=True),
    Column("refused_by", lambda row: _counts(row["refused_by"]), is_wide=True),
)


@with_page
def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, page: ReportPage | None) -> int:
    """Run the command; 0, or 1 if more instances are asked for than fit."""
    check_listing(args, COLUMNS)
    if not args.flavor:
        raise UsageError("how many of what? Give --flavor ram=4096,vcpus=2, once for each kind.")
    if args.domain is not None and args.survive is None:
        raise UsageError("--domain says what fails with --survive 1; give that too")
    until = _until(args.until)
    if args.buy is not None and until is None:
        raise UsageError("--buy needs a demand: --until N")
    settings = read_scheduler_settings(conf)
    scheduler = scheduler_from(conf)
    pool = pool_at(args, conf)
    found = capacity(
        scheduler,
        pool,
        [Flavor(**flavor_of(text)) for text in args.flavor],
        mix=None if args.mix is None else _shares(args.mix),
        until=until,
        survive=None if args.survive is None else args.domain or "host",
        buy=None if args.buy is None else _hardware(args.buy, settings),
        groups=groups_of(args),
        filters=filters_in_use(args, scheduler),
        **profile_of(args, scheduler),
    )
    if page is not None:
        rows = [_row(one) for one in (*found.alone, *filter(None, [found.mix]))]
        sections = capacity_sections(found, _told(found), rows, pool)
        page.write([("hosts", found.hosts)], sections, conf=conf, scheduler=scheduler)
    _show(args, terminal, found)
    asked = (*found.alone, *filter(None, [found.mix]))
    return 1 if until is not None and any(one.count < until for one in asked) else 0


def _until(text: str) -> int | None:
    if text == "full":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise UsageError(f"--until must be full, or a whole number from 1 to {MOST}, not {shown(text)}")
    return int(text)


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--mix must be numbers such as 3,1, not {shown(text)}") from None


def _hardware(path: str, settings: SchedulerSettings) -> HostState:
    hosts: list[HostState] = list(
        read_inventory(
            [path],
            reserved_ram_mb=settings.reserved_host_memory_mb,
            reserved_disk_mb=settings.reserved_host_disk_mb,
            host_class=load_host_class(settings),
        )
    )
    if len(hosts) != 1:
        raise UsageError(f"--buy: {path} has {len(hosts)} hosts; give a file of one")
    return hosts[0]


def _row(one: KindCapacity) -> dict[str, Any]:
    return {**one.to_dict(), "survives": None if one.survival is None else one.survival.count}


def _show(args: argparse.Namespace, terminal: Terminal, found: Capacity) -> None:
    kinds: Sequence[KindCapacity] = (*found.alone, *filter(None, [found.mix]))
    rows = [_row(one) for one in kinds]
    chosen = COLUMNS if args.columns or args.format not in ("text", "wide") else _told(found)
    further = {"hosts": found.hosts, "mix": None if found.mix is None else found.mix.to_dict()}
    records = [one.to_dict() for one in (found.alone if args.format == "json" else kinds)]
    show_records(terminal, args, "alone", chosen, rows, records=records, further=further)
    if args.format == "text":
        not_moved = max((one.survival.not_moved for one in kinds if one.survival is not None), default=0)
        if not_moved:
            terminal.line()
            terminal.line(
                f"{not_moved:,} instances on the hosts were not asked to move: forced, of an unknown flavor, or in a "
                "group that --groups lacks."
            )


def _told(found: Capacity) -> list[Column]:
    """The columns of a table that say something."""
    kinds = (*found.alone, *filter(None, [found.mix]))
    hidden = set()
    if all(one.survival is None for one in kinds):
        hidden.add("survives")
    if all(one.to_buy is None for one in kinds):
        hidden.add("to_buy")
    if all(len(one.by_zone) < 2 for one in kinds):
        hidden.add("by_zone")
    return [column for column in COLUMNS if column.name not in hidden]
