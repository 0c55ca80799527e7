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
        for plugin in plugins:
            if plugin.kind == kind:
                _show(terminal, plugin)
        terminal.line()
    return 0


def _show(terminal: Terminal, plugin: PluginDescription) -> None:
    terminal.line(f"  {plugin.name}  ({plugin.distribution or plugin.target})")
    if plugin.summary:
        terminal.line(f"      {plugin.summary}")
    if plugin.problem:
        terminal.line(f"      cannot be used: {plugin.problem}")
    for group, opt in plugin.options:
        name = opt.dest if group in ("DEFAULT", "filter_scheduler") else f"[{group}] {opt.dest}"
        terminal.line(f"      option {name}, default {_default(opt.default)}")
    if plugin.kind != "driver" and not plugin.problem:
        terminal.line(f"      {_declared(plugin)}")


def _default(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "empty"
    return "unset" if value is None else "empty" if value == "" else str(value)


def _declared(plugin: PluginDescription) -> str:
    """What the class promises, which is what makes it fast."""
    declaration = plugin.declaration
    if declaration is None:
        return "declares nothing: called for every host"
    reads = declaration.host_reads
    host = "depending on the request" if callable(reads) else ", ".join(reads) or "nothing"
    columns = ", on columns" if declaration.columnar else ""
    return f"reads of the host: {host}; of the request: {', '.join(declaration.spec_reads) or 'nothing'}{columns}"


def _record(plugin: PluginDescription) -> dict[str, Any]:
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
        "distribution": plugin.distribution,
        "target": plugin.target,
        "summary": plugin.summary,
        "options": [
            {"group": group, "name": opt.dest, "default": opt.default, "help": opt.help}
            for group, opt in plugin.options
        ],
        "declaration": declaration,
        "problem": plugin.problem or None,
    }
