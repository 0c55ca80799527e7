"""Writes docs/reference/ from the filters, the weighers, the attributes of hosts, and the options.

python docs/generate_reference.py          writes the pages
python docs/generate_reference.py DIR      writes them somewhere else
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from oslo_config import cfg, types

from filtersched.hosts.host_attribute import HostAttribute
from filtersched.hosts.host_state import HostState
from filtersched.loading import STANDARD_WEIGHERS, PluginDescription, describe_plugins
from filtersched.settings.options import NO_EFFECT, SETTINGS, spelled

HERE = Path(__file__).resolve().parent / "reference"
GENERATED = "<!-- Written by docs/generate_reference.py; change the docstrings and options instead. -->\n"
TYPES = {types.Integer: "integer", types.Float: "number", types.Boolean: "true or false", types.List: "list"}


def main(target: Path = HERE) -> None:
    """Write every page into the directory."""
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """File name to text."""
    ours = [one for one in describe_plugins() if one.target.startswith("filtersched.")]
    broken = [one for one in ours if one.problem]
    if broken:
        raise SystemExit("\n".join(one.problem for one in broken))
    filters, aliases = _without_aliases(one for one in ours if one.kind == "filter")
    weighers, _none = _without_aliases(one for one in ours if one.kind == "weigher")
    return {
        "index.md": _index(filters, weighers),
        "filters.md": _page("Filters", FILTERS_INTRO, (_filter(one, aliases) for one in filters)),
        "weighers.md": _page("Weighers", WEIGHERS_INTRO, (_weigher(one) for one in weighers)),
        "hosts.md": _page("Host attributes", HOSTS_INTRO, _host_attributes()),
        "settings.md": _page("Settings", SETTINGS_INTRO, _settings()),
    }


FILTERS_INTRO = """\
A filter passes or refuses one host for a request. The filters in `scheduler_default_filters` run in the order of that
list. "Reads" lists the attributes of host and request that the answer depends on, besides the options."""
WEIGHERS_INTRO = """\
A weigher gives each host that passed the filters a raw weight. Raw weights are mapped to 0 … 1 between the ends of the
scale, multiplied, and added up; the highest sum wins. Aggregate metadata with the name of a multiplier option overrides
it for the hosts of the aggregate. `all_weighers` means the weighers of this page in this order, except those that it
says must be named."""
HOSTS_INTRO = """\
Each attribute is a keyword of {py:class}`~filtersched.HostState`, a key of a host's record in a JSON inventory, and a
column of a CSV inventory. A class of your own declares [further ones](../own_hosts.md)."""
SETTINGS_INTRO = """\
These options belong to the scheduler itself. Those of [filters](filters.md) and [weighers](weighers.md) are on their
pages. Options of the group `filter_scheduler` may also be written flat, in `[DEFAULT]`."""


def _index(filters: list[PluginDescription], weighers: list[PluginDescription]) -> str:
    lines = [GENERATED, "# Reference\n", "```{toctree}", ":hidden:", ""]
    lines += ["filters", "weighers", "hosts", "settings", "flags", "files", "output", "```\n"]
    for title, page, found in (("Filters", "filters.md", filters), ("Weighers", "weighers.md", weighers)):
        lines += [f"## {title}\n", "| | |", "|---|---|"]
        lines += [f"| [{one.name}]({page}#{one.name.lower()}) | {_cell(one.summary)} |" for one in found]
        lines.append("")
    lines += ["## Hosts\n", "[Attributes of hosts](hosts.md): types, units and defaults.\n"]
    lines += ["## Settings\n", "[Settings of the scheduler](settings.md)."]
    lines.append("`filtersched config sample` prints a sample file with all options.\n")
    lines.append("## The command\n")
    lines.append("Its [flags](flags.md), [the files that it reads](files.md), and [what it prints](output.md).\n")
    return "\n".join(lines)


def _page(title: str, intro: str, parts: Iterable[str]) -> str:
    return "\n".join([GENERATED, f"# {title}\n", f"{intro}\n", *parts])


def _without_aliases(
    plugins: Iterable[PluginDescription],
) -> tuple[list[PluginDescription], dict[str, list[str]]]:
    """One description per class, and the other names by class path. Weighers come in weighing order."""
    found: dict[str, PluginDescription] = {}
    aliases: dict[str, list[str]] = {}
    for plugin in plugins:
        if plugin.target.partition(":")[2] == plugin.name:
            found[plugin.target] = plugin
        else:
            aliases.setdefault(plugin.target, []).append(plugin.name)
    order = {name: place for place, name in enumerate(STANDARD_WEIGHERS)}
    return sorted(found.values(), key=lambda one: (order.get(one.name, len(order)), one.name)), aliases


def _class(plugin: PluginDescription) -> Any:
    module, _colon, name = plugin.target.partition(":")
    return getattr(importlib.import_module(module), name)


def _filter(plugin: PluginDescription, aliases: dict[str, list[str]]) -> str:
    found = _class(plugin)
    facts = []
    if plugin.target in aliases:
        facts.append(f"Also called {', '.join(f'`{name}`' for name in aliases[plugin.target])}.")
    if found.run_filter_once_per_request:
        facts.append("Runs for the first instance of a request only.")
    if found.RUN_ON_REBUILD:
        facts.append("Also runs on a rebuild.")
    return "\n".join([*_described(plugin), *_paragraph(facts), *_options(plugin.options), _reads(plugin)])


def _weigher(plugin: PluginDescription) -> str:
    found = _class(plugin)
    facts = []
    if plugin.name not in STANDARD_WEIGHERS:
        facts.append("`all_weighers` does not include it: name it in `scheduler_weight_classes`.")
    if not found.normalized:
        facts.append("Its raw weight is added unmodified.")
    ends = [str(end) for end in (found.minval, found.maxval)]
    if ends != ["None", "None"]:
        facts.append(
            f"The scale begins at {ends[0]}." if ends[1] == "None" else f"The scale goes from {ends[0]} to {ends[1]}."
        )
    if found.multiplier_option:
        facts.append(f"Multiplied by `{found.multiplier_option}`.")
    return "\n".join([*_described(plugin), *_paragraph(facts), *_options(plugin.options), _reads(plugin)])


def _described(plugin: PluginDescription) -> list[str]:
    text = inspect.getdoc(_class(plugin)) or ""
    return [f"## {plugin.name}\n", text.replace("``", "`") + "\n"]


def _paragraph(facts: list[str]) -> list[str]:
    return [" ".join(facts) + "\n"] if facts else []


def _reads(plugin: PluginDescription) -> str:
    promise = plugin.declaration
    if promise is None:
        return "Declares nothing, so it is called for every host each time.\n"
    host = "depends on the request" if callable(promise.host_reads) else _names(promise.host_reads)
    columns = "; called once for all hosts" if promise.columnar else ""
    return f"Reads of the host: {host}; of the request: {_names(promise.spec_reads)}{columns}.\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"


def _options(options: Iterable[tuple[str, cfg.Opt]]) -> list[str]:
    rows = [_option_row([(group, opt.dest)], opt) for group, opt in options]
    return ["| option | | |", "|---|---|---|", *rows, ""] if rows else []


def _host_attributes() -> Iterator[str]:
    yield "| attribute | values | default | |"
    yield "|---|---|---|---|"
    for attribute in HostState.attributes.values():
        values = attribute.kind.words + (", or None" if attribute.is_optional else "")
        unit = f"; {attribute.unit}" if attribute.unit else ""
        yield f"| `{attribute.name}` | {values}{unit} | {_host_default(attribute)} | {_cell(attribute.doc)} |"
    yield ""


def _host_default(attribute: HostAttribute) -> str:
    if attribute.is_required:
        return "required"
    if attribute.default is None and not attribute.is_optional:
        return "see there"
    if isinstance(attribute.default, Collection) and not attribute.default:
        return "empty"
    return f"`{attribute.default}`"


def _settings() -> Iterator[str]:
    yield "| option | | |"
    yield "|---|---|---|"
    for setting in SETTINGS:
        opt = setting.opts[0][1]
        yield _option_row(setting.spellings, opt, (opt.help or "").partition(" Also written ")[0])
    yield "\n## Accepted without effect\n"
    yield "An existing file may set these options; nothing reads them.\n"
    yield "| option | |"
    yield "|---|---|"
    for group, opt in NO_EFFECT:
        why = (opt.help or "").removeprefix("Accepted without effect: ")
        yield f"| `{spelled((group, opt.dest))}` | {_cell(why)} |"
    yield ""


def _option_row(spellings: list[tuple[str, str]], opt: cfg.Opt, text: str | None = None) -> str:
    names = "<br>".join(f"`{spelled(spelling)}`" for spelling in spellings)
    kind = next((word for cls, word in TYPES.items() if isinstance(opt.type, cls)), "text")
    if opt.multi:
        kind += ", may be repeated"
    least, most = getattr(opt.type, "min", None), getattr(opt.type, "max", None)
    bounds = "".join(f", {word} {end:g}" for word, end in (("at least", least), ("at most", most)) if end is not None)
    return f"| {names} | {kind}{bounds}; {_default(opt)} | {_cell(text if text is not None else opt.help or '')} |"


def _default(opt: cfg.Opt) -> str:
    if opt.default is None:
        return "unset"
    default = ", ".join(map(str, opt.default)) if isinstance(opt.default, list) else str(opt.default)
    return f"default `{default}`" if default else "empty"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", r"\|").split())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
