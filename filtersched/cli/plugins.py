"""filtersched plugins: what is installed."""

from __future__ import annotations

import argparse
import json
from typing import Any

from filtersched.cli.terminal import Terminal
from filtersched.loading import PluginDescription, describe_plugins
from filtersched.settings import SchedulerConf

_HEADINGS = {"filter": "Filters", "weigher": "Weighers", "driver": "Drivers"}


def run(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; always 0, for a broken plug-in is what the list is to show."""
    plugins = describe_plugins()
    if args.format == "json":
        terminal.out.write(json.dumps({"plugins": [_record(one) for one in plugins]}, indent=1) + "\n")
        return 0
    for kind, heading in _HEADINGS.items():
        terminal.heading(heading)
        for one in plugins:
            if one.kind == kind:
                _show(terminal, one)
        terminal.line()
    return 0


def _show(terminal: Terminal, one: PluginDescription) -> None:
    terminal.line(f"  {one.name}  ({one.distribution or one.target})")
    if one.summary:
        terminal.line(f"      {one.summary}")
    if one.problem:
        terminal.line(f"      cannot be used: {one.problem}")
    for group, opt in one.options:
        name = opt.dest if group in ("DEFAULT", "filter_scheduler") else f"[{group}] {opt.dest}"
        terminal.line(f"      option {name}, default {_default(opt.default)}")
    if one.kind != "driver" and not one.problem:
        terminal.line(f"      {_declared(one)}")


def _default(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "empty"
    return "unset" if value is None else "empty" if value == "" else str(value)


def _declared(one: PluginDescription) -> str:
    """What the class promises, which is what makes it fast."""
    declaration = one.declaration
    if declaration is None:
        return "declares nothing: called for every host"
    reads = declaration.host_reads
    host = "depending on the request" if callable(reads) else ", ".join(reads) or "nothing"
    columns = ", on columns" if declaration.columnar else ""
    return f"reads of the host: {host}; of the request: {', '.join(declaration.spec_reads) or 'nothing'}{columns}"


def _record(one: PluginDescription) -> dict[str, Any]:
    declaration: dict[str, Any] | None = None
    if one.declaration is not None:
        reads = one.declaration.host_reads
        declaration = {
            "host_reads": "depends on the request" if callable(reads) else list(reads),
            "spec_reads": list(one.declaration.spec_reads),
            "columnar": one.declaration.columnar,
        }
    return {
        "name": one.name,
        "kind": one.kind,
        "distribution": one.distribution,
        "target": one.target,
        "summary": one.summary,
        "options": [
            {"group": group, "name": opt.dest, "default": opt.default, "help": opt.help} for group, opt in one.options
        ],
        "declaration": declaration,
        "problem": one.problem or None,
    }
