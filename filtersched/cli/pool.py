"""filtersched pool: make a pool that several schedulers share, fill it, and look at it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import hosts_of, open_shared_pool
from filtersched.cli.listing import Column, check_listing, show_records, write_json
from filtersched.cli.named_hosts import NamedHosts
from filtersched.cli.output import Output
from filtersched.cli.terminal import Terminal, printable
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.settings import SchedulerConf, SchedulerSettings, read_scheduler_settings

COLUMNS = (
    Column("host"),
    Column("node", is_wide=True),
    Column("instances", is_number=True),
    Column("free_ram_mb", is_number=True),
    Column("free_vcpus", is_number=True),
    Column("free_disk_gb", is_number=True),
    Column("generation", is_number=True, is_wide=True),
)
INSTANCE_COLUMNS = (
    Column("instance"),
    Column("host"),
    Column("node", is_wide=True),
    Column("project"),
    Column("ram_mb", is_number=True),
    Column("vcpus", is_number=True),
    Column("disk_gb", is_number=True),
    Column("groups", text=lambda row: " ".join(row["groups"]) or "-"),
    Column("created_at", is_wide=True),
)
# Flags that some actions read only.
_INPUT = ("inventory", "aggregates")
_READS = {"import": _INPUT, "export": ("output",)}
_TAKES_NAMES = ("list", "show")


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0."""
    if args.url is None:
        raise UsageError(f"which pool? Give its URL: filtersched pool {args.action} sqlite:///pool.db")
    for flag in ("inventory", "aggregates", "output"):
        if getattr(args, flag) is not None and flag not in _READS.get(args.action, ()):
            actions = ", ".join(action for action, flags in _READS.items() if flag in flags)
            raise UsageError(f"--{flag} is for filtersched pool {actions}, not {args.action}")
    if args.names and args.action not in _TAKES_NAMES:
        raise UsageError(f"the argument {args.names[0]!r} is not understood after 'pool {args.action} URL'")
    if args.action not in _TAKES_NAMES and (args.format != "text" or args.columns or args.sort):
        raise UsageError(f"--format, --columns and --sort are for filtersched pool {' and '.join(_TAKES_NAMES)}")
    _ACTIONS[args.action](args, read_scheduler_settings(conf), terminal)
    return 0


def _init(args: argparse.Namespace, _settings: SchedulerSettings, terminal: Terminal) -> None:
    from filtersched.shared import SharedPool

    with SharedPool.create(args.url) as pool:
        terminal.line(f"made pool {pool.uuid}, without hosts")


def _import(args: argparse.Namespace, settings: SchedulerSettings, terminal: Terminal) -> None:
    hosts = hosts_of(args, settings)
    if hosts is None:
        raise UsageError("which hosts? Give --inventory FILE, or --connection_type=fake for made-up ones.")
    with open_shared_pool(args.url) as pool:
        # Read whole before the first is added: all hosts come, or none.
        added = list(hosts)
        pool.add_all(added)
        instances = sum(len(host.instances) for host in added)
        terminal.line(f"added {len(added):,} hosts with {instances:,} instances; the pool has {len(pool):,} hosts")


def _upgrade(args: argparse.Namespace, _settings: SchedulerSettings, terminal: Terminal) -> None:
    from filtersched.shared.engines import open_engine
    from filtersched.shared.schema_steps import upgrade_schema

    engine = open_engine(args.url)
    try:
        steps = upgrade_schema(engine)
    finally:
        engine.dispose()
    terminal.line(f"upgraded by {', '.join(steps)}" if steps else "up to date")


def _list(args: argparse.Namespace, _settings: SchedulerSettings, terminal: Terminal) -> None:
    check_listing(args, COLUMNS)
    with open_shared_pool(args.url) as pool:
        rows = [_host_row(host) for host in _named(args.names, pool)]
        show_records(terminal, args, "hosts", COLUMNS, rows, further={"pool": pool.uuid})


def _show(args: argparse.Namespace, _settings: SchedulerSettings, terminal: Terminal) -> None:
    if args.names:
        _show_instances(args, terminal)
        return
    if args.columns or args.sort or args.format not in ("text", "json"):
        raise UsageError("pool show without names is one record: --format text or json, without --columns and --sort")
    from filtersched.shared.summary import summary_of

    found = summary_of(args.url)
    if args.format == "json":
        write_json(terminal.out, found)
        return
    for name, value in found.items():
        terminal.line(f"{name.replace('_', ' '):<14}{printable(value)}")


def _show_instances(args: argparse.Namespace, terminal: Terminal) -> None:
    check_listing(args, INSTANCE_COLUMNS)
    with open_shared_pool(args.url) as pool:
        rows = [row for name in args.names for row in _instance_rows(pool, name)]
        different = {row["instance"]: row for row in rows}
        show_records(
            terminal, args, "instances", INSTANCE_COLUMNS, list(different.values()), further={"pool": pool.uuid}
        )


def _export(args: argparse.Namespace, _settings: SchedulerSettings, terminal: Terminal) -> None:
    with Output("-" if args.output is None else args.output) as output:
        if output.is_stdout:
            terminal.use_stderr()
        with open_shared_pool(args.url) as pool:
            hosts = [host.copy() for host in pool]
        output.begin()
        for host in hosts:
            output.write(host.to_dict())
    terminal.line(f"{output.path}: {len(hosts):,} hosts with {sum(len(one.instances) for one in hosts):,} instances")


def _named(names: Sequence[str], pool: HostPool) -> Sequence[HostState]:
    if not names:
        return list(pool)
    known = NamedHosts(pool)
    found = {id(host): host for name in names for host in known.matching(name)}
    return list(found.values())


def _host_row(host: HostState) -> dict[str, Any]:
    return {
        "host": host.host,
        "node": host.nodename,
        "instances": len(host.instances),
        "free_ram_mb": host.free_ram_mb,
        "free_vcpus": _rest(host.vcpus_total, host.vcpus_used),
        "free_disk_gb": None if host.free_disk_mb is None else host.free_disk_mb // 1024,
        "generation": host._generation,
    }


def _rest(total: Any, used: Any) -> Any:
    return None if total is None else total - (used or 0)


def _instance_rows(pool: HostPool, name: str) -> Iterator[dict[str, Any]]:
    try:
        found = [(pool.host_of(name), name)]
    except KeyError:
        found = [(host, uuid) for host in _named([name], pool) for uuid in host.instances]
    for host, uuid in found:
        instance = host.instances[uuid]
        flavor = instance.flavor
        yield {
            "instance": uuid,
            "host": host.host,
            "node": host.nodename,
            "project": instance.project_id,
            "ram_mb": None if flavor is None else flavor.memory_mb,
            "vcpus": None if flavor is None else flavor.vcpus,
            "disk_gb": None if flavor is None else flavor.root_gb + flavor.ephemeral_gb,
            "groups": list(instance.groups),
            "created_at": None if instance.created_at is None else instance.created_at.isoformat(),
        }


_ACTIONS: dict[str, Callable[[argparse.Namespace, SchedulerSettings, Terminal], None]] = {
    "init": _init,
    "import": _import,
    "list": _list,
    "show": _show,
    "export": _export,
    "upgrade": _upgrade,
}
