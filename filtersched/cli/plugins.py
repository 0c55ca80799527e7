"""filtersched plugins: what is installed, what is in use, and what one of them does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg, types

from filtersched.cli.errors import UsageError
from filtersched.cli.listing import Column, Row, is_table, show_listing, show_records
from filtersched.cli.terminal import Terminal
from filtersched.errors import FilterschedError, nearest
from filtersched.loading import PluginDescription, describe_plugins, load_host_class
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings

COLUMNS = (
    Column("name", lambda row: row["name"] + _class_note(row)),
    Column("kind"),
    Column("in_use", lambda row: _yes(row["in_use"]), style=lambda row: "green" if row["in_use"] else None),
    Column("from", is_wide=True),
    Column("target", is_wide=True),
    Column("options", lambda row: ", ".join(row["options"]) or "-", is_wide=True),
    Column("host_reads", is_wide=True),
    Column("request_reads", is_wide=True),
    Column("about", style=lambda row: "red" if row["problem"] else None),
)
CHECK_COLUMNS = (*COLUMNS[:2], Column("problems", is_number=True), COLUMNS[3], COLUMNS[-1])
# (kind, target) of each plug-in in use, and the plug-in.
_InUse = Mapping[tuple[str, str], Any]
# Kinds of options, for people.
_TYPES = {
    types.Boolean: "true or false",
    types.Integer: "whole number",
    types.Float: "number",
    types.List: "list",
    types.Dict: "mapping",
}


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 1 if --check found a mistake, else 0: a broken plug-in is what the list is to show."""
    in_use = _in_use(conf, terminal, needed=args.enabled)
    installed = describe_plugins(read_scheduler_settings(conf) if in_use else None)
    plugins = installed
    if args.names:
        plugins = [one for name in dict.fromkeys(args.names) for one in _named(name, plugins)]
    if args.enabled:
        plugins = [one for one in plugins if _is_used(one, in_use)]
    if args.check:
        return _check(args, conf, terminal, plugins, installed, in_use)
    if args.names and args.format == "text" and not args.columns and not args.sort:
        for at, plugin in enumerate(plugins):
            if at:
                terminal.line()
            _show(terminal, plugin, in_use.get((plugin.kind, plugin.target)))
        return 0
    rows = [_row(one, in_use) for one in plugins]
    if is_table(args):
        show_listing(terminal, args, COLUMNS, rows)
    else:
        show_records(terminal, args, "plugins", COLUMNS, rows, records=[_record(one, in_use) for one in plugins])
    return 0


def _check(
    args: argparse.Namespace,
    conf: SchedulerConf,
    terminal: Terminal,
    plugins: Sequence[PluginDescription],
    installed: Sequence[PluginDescription],
    in_use: _InUse,
) -> int:
    """Try the plug-ins that are named, or all that are not the library's own."""
    # It takes the checks of filtersched.testing, which no other command needs.
    from filtersched.cli.plugin_checks import checked

    if not args.names:
        plugins = [one for one in plugins if not one.target.startswith("filtersched.")]
    found = list(checked(plugins, installed, load_host_class(read_scheduler_settings(conf)), conf))
    rows = [_checked_row(one, in_use) for one in found]
    if not is_table(args):
        records = [
            {**_record(one.plugin, in_use), "checked": {"problems": list(one.problems), "notes": list(one.notes)}}
            for one in found
        ]
        show_records(terminal, args, "plugins", CHECK_COLUMNS, rows, records=records)
    elif args.format == "text" and not args.columns and not args.sort:
        for one in found:
            count = len(one.problems)
            state = f"{count} problem{'' if count == 1 else 's'}" if count else "keeps the rules"
            terminal.line(f"{one.plugin.name}: {state}", style="red" if one.problems else "green")
            for said in (*one.problems, *one.notes):
                terminal.line(f"  {said}", indent="    ")
        if not found:
            terminal.line("No plug-ins of other distributions are installed.")
    else:
        show_listing(terminal, args, CHECK_COLUMNS, rows)
    return 1 if any(one.problems for one in found) else 0


def _checked_row(found: Any, in_use: _InUse) -> Row:
    return {
        **_row(found.plugin, in_use),
        "problems": len(found.problems),
        "about": "; ".join((*found.problems, *found.notes)) or "keeps the rules",
    }


def _in_use(conf: SchedulerConf, terminal: Terminal, *, needed: bool) -> _InUse:
    """What the settings use; nothing, and a note, if they cannot be used and it is not `needed`."""
    try:
        scheduler = scheduler_from(conf)
    except FilterschedError as error:
        if needed:
            raise
        terminal.note(f"filtersched: what is in use is not known: {error}")
        return {}
    used = {("driver", _target(scheduler)): scheduler}
    profiles: Any = getattr(scheduler, "profiles", {})
    inside = [profiles[name] for name in profiles if not profiles.definition(name).is_shipped]
    # The plug-ins of the main configuration are shown with its options.
    for each in (*inside, scheduler):
        used |= {("filter", _target(one)): one for one in getattr(each, "filters", ())}
        used |= {("weigher", _target(one)): one for one in getattr(each, "weighers", ())}
    return used | {("resource", _target(one)): one for one in getattr(scheduler, "resources", ())}


def _target(plugin: Any) -> str:
    return f"{type(plugin).__module__}:{type(plugin).__qualname__}"


def _is_used(plugin: PluginDescription, in_use: _InUse) -> bool:
    return (plugin.kind, plugin.target) in in_use


def _named(name: str, plugins: Sequence[PluginDescription]) -> list[PluginDescription]:
    found = [one for one in plugins if one.name == name]
    if not found:
        hint = nearest(name, {one.name for one in plugins})
        said = f"no plug-in {name!r} is installed. {hint}".rstrip()
        raise UsageError(f"{said} 'filtersched plugins' lists all.")
    return found


def _row(plugin: PluginDescription, in_use: _InUse) -> Row:
    host, request = _reads(plugin)
    return {
        "name": plugin.name,
        "kind": plugin.kind,
        "in_use": _is_used(plugin, in_use),
        "from": plugin.distribution or plugin.target,
        "target": plugin.target,
        "options": [_option_name(group, opt) for group, opt in plugin.options],
        "host_reads": host,
        "request_reads": request,
        "problem": plugin.problem,
        "about": _about(plugin),
    }


def _about(plugin: PluginDescription) -> str:
    if plugin.problem:
        return f"cannot be used: {plugin.problem}"
    return f"{plugin.summary} (on stand-ins for Nova)".lstrip() if plugin.stand_ins else plugin.summary


def _reads(plugin: PluginDescription) -> tuple[str | None, str | None]:
    """What the class declares to read, of the host and of the request; None if it declares nothing."""
    declaration = plugin.declaration
    if declaration is None:
        return None, None
    reads = declaration.host_reads
    host = "depending on the request" if callable(reads) else ", ".join(reads) or "nothing"
    return host, ", ".join(declaration.spec_reads) or "nothing"


def _show(terminal: Terminal, plugin: PluginDescription, used: Any) -> None:
    """One plug-in with its options; `used` is the plug-in in use, or None."""
    terminal.heading(f"{plugin.name}, a {plugin.kind} of {plugin.distribution or plugin.target}")
    if plugin.summary:
        terminal.line(f"  {plugin.summary}", indent="  ")
    if plugin.problem:
        terminal.line(f"  Cannot be used: {plugin.problem}", indent="  ", style="red")
        return
    terminal.line(f"  In use with these settings: {_yes(used is not None)}")
    terminal.line(f"  Class: {plugin.target}")
    if plugin.stand_ins:
        terminal.line(f"  Runs on stand-ins for {', '.join(plugin.stand_ins)}", indent="    ")
    if plugin.kind != "driver":
        terminal.line(f"  {_declared(plugin)}", indent="    ")
    for group, opt in plugin.options:
        terminal.line(f"  {_option_name(group, opt)}: {', '.join(_option_facts(opt, used))}", indent="      ")
        if opt.help:
            terminal.line(f"      {' '.join(opt.help.split())}", indent="      ")


def _declared(plugin: PluginDescription) -> str:
    host, request = _reads(plugin)
    if plugin.declaration is None:
        return "Declares nothing: it is called for every host, and may read anything"
    columns = ", on columns" if plugin.declaration.columnar else ""
    return f"Reads of the host: {host}; of the request: {request}{columns}"


def _class_note(row: Row) -> str:
    """The name of the class, which results and explanations show, if it is another one."""
    name = row["target"].rpartition(":")[2]
    return "" if name == row["name"] else f" (class {name})"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _option_name(group: str, opt: cfg.Opt) -> str:
    return str(opt.dest) if group in ("DEFAULT", "filter_scheduler") else f"[{group}] {opt.dest}"


def _option_facts(opt: cfg.Opt, used: Any) -> Iterator[str]:
    yield _type_of(opt)
    yield f"default {_said(opt.default)}"
    if hasattr(used, "option") and used.option(opt.dest) != opt.default:
        yield f"here {_said(used.option(opt.dest))}"


def _type_of(opt: cfg.Opt) -> str:
    kind = next((word for cls, word in _TYPES.items() if isinstance(opt.type, cls)), "text")
    low, high = (getattr(opt.type, bound, None) for bound in ("min", "max"))
    choices = getattr(opt.type, "choices", None)
    if choices:
        return f"one of {', '.join(map(repr, choices))}"
    if low is not None and high is not None:
        return f"{kind} from {low:g} to {high:g}"
    if low is not None:
        return f"{kind}, {low:g} or more"
    return kind if high is None else f"{kind}, {high:g} or less"


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "empty"
    return "unset" if value is None else "empty" if value == "" else str(value)


def _record(plugin: PluginDescription, in_use: _InUse) -> dict[str, Any]:
    declaration: dict[str, Any] | None = None
    if plugin.declaration is not None:
        reads = plugin.declaration.host_reads
        declaration = {
            "host_reads": "depends on the request" if callable(reads) else list(reads),
            "spec_reads": list(plugin.declaration.spec_reads),
            "columnar": plugin.declaration.columnar,
        }
    return {
        "name": plugin.name,
        "kind": plugin.kind,
        "in_use": _is_used(plugin, in_use),
        "distribution": plugin.distribution,
        "target": plugin.target,
        "summary": plugin.summary,
        "options": [
            {
                "group": group,
                "name": opt.dest,
                "type": _type_of(opt),
                "min": getattr(opt.type, "min", None),
                "max": getattr(opt.type, "max", None),
                "choices": list(getattr(opt.type, "choices", None) or ()) or None,
                "default": opt.default,
                "help": opt.help,
            }
            for group, opt in plugin.options
        ],
        "declaration": declaration,
        "stand_ins": list(plugin.stand_ins),
        "problem": plugin.problem or None,
    }
