"""Writes the pages of docs/reference/ about the command: its flags, the files it reads, what it prints.

python docs/generate_command_reference.py          writes the pages
python docs/generate_command_reference.py DIR      writes them somewhere else
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from filtersched.cli.check_config import COLUMNS as FINDING_COLUMNS
from filtersched.cli.package_files import COLUMNS as FILE_COLUMNS
from filtersched.cli.parsers import make_parser
from filtersched.cli.placements import COLUMNS as PLACEMENT_COLUMNS
from filtersched.cli.plugins import COLUMNS as PLUGIN_COLUMNS
from filtersched.cli.pool import COLUMNS as POOL_COLUMNS
from filtersched.cli.pool import INSTANCE_COLUMNS
from filtersched.cli.request_flags import SIZES
from filtersched.cli.verdict_tables import COLUMNS as VERDICT_COLUMNS
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor, Image, InstanceGroup

HERE = Path(__file__).resolve().parent / "reference"
GENERATED = "<!-- Written by docs/generate_command_reference.py; change the parsers, classes and schemas instead. -->\n"
SCHEMAS = ("schedule", "placement", "why", "plugins", "check-config", "files", "pool")
# Parts of a request that are set for programs, or by the scheduler itself.
NOT_IN_FILES = ("_", "further", "context", "config_options", "instance_uuid", "now")


def main(target: Path = HERE) -> None:
    """Write every page into the directory."""
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """File name to text."""
    return {
        "flags.md": _joined("Flags of the command", FLAGS_INTRO, _flags()),
        "files.md": _joined("Files that the command reads", FILES_INTRO, _files()),
        "output.md": _joined("What the command prints", OUTPUT_INTRO, _output()),
    }


FLAGS_INTRO = """\
Every [setting](settings.md) is a flag too. Flags may stand before or after the sub-command, with `-` or `_` in their
names. A flag that takes one value is an error if it is given twice."""
FILES_INTRO = """\
Hosts (`--inventory`), requests (`--requests`) and aggregates (`--aggregates`) are read from JSON Lines, JSON or CSV.
The name of the file tells the format (`.jsonl`, `.ndjson`, `.csv`), otherwise its content does. A JSON document is a
list, or an object with `hosts`, `hypervisors`, `requests` or `aggregates`; documents may follow one another. `-` is the
standard input.

All mistakes of a file are told at once, a line each with path, line and field, up to 20. Sizes are in MiB (`_mb`) and
GiB (`_gb`)."""
OUTPUT_INTRO = """\
`--format text` and `wide` are for people, and their layout may change. The others are for programs. Every JSON
document, and every line of `jsonl`, has a `version`: it goes up when a key changes its meaning or goes away. Later
releases may add keys. The package contains a JSON Schema of each, which names every key of its release; the project's
tests hold the command to them:"""


def _flags() -> Iterator[str]:
    parser, commands = make_parser()
    yield "## For every command\n"
    yield from _flag_table(parser, skip=())
    for name, command in commands.items():
        yield f"## {name}\n"
        yield f"{' '.join((command.description or '').split())}\n"
        yield from _flag_table(command, skip=("-h",))


def _flag_table(parser: argparse.ArgumentParser, *, skip: tuple[str, ...]) -> Iterator[str]:
    shown = [one for one in parser._actions if not set(one.option_strings) & set(skip)]
    shown = [one for one in shown if not isinstance(one, argparse._SubParsersAction)]
    if not shown:
        return
    yield "| flag | |\n|---|---|"
    for action in shown:
        value = "" if action.nargs == 0 else f" {action.metavar or '|'.join(map(str, action.choices or ()))}"
        names = ", ".join(action.option_strings) or ""
        yield f"| `{_cell((names + value).strip())}` | {_cell(action.help or '')} |"
    yield ""


def _files() -> Iterator[str]:
    yield "## Hosts\n"
    yield "The keys of a host are its [attributes](hosts.md); only `host` is required. Also read as hosts are:\n"
    yield "* Nova's `GET /os-hypervisors/detail`, with a microversion of at most 2.87: whole, in pages, one hypervisor"
    yield "  a line, or the answer about a single one. A page whose next page is missing is an error."
    yield "* what `openstack hypervisor show NAME -f json` prints, one after another for several.\n"
    yield "The column headings of CSV are the same names; a dot leads into a mapping: `service.availability_zone`,"
    yield "`capabilities.gpus`. An empty cell is not given.\n"
    yield "## Requests\n"
    yield from _keys(RequestSpec, "")
    yield "A flavor as Nova's API or `openstack flavor show NAME -f json` gives it is a request of one instance.\n"
    yield "In CSV a dot leads into the parts: `flavor.memory_mb`, `flavor.extra_specs.hw:cpu_policy`,"
    yield "`scheduler_hints.different_host`.\n"
    for cls, name in ((Flavor, "flavor"), (Image, "image"), (InstanceGroup, "instance_group")):
        yield f"### {name}\n"
        yield from _keys(cls, f"{name}.")
    yield "The keys of `--flavor` lead to the same fields:\n"
    yield "| `--flavor` | field |\n|---|---|"
    for field in dict.fromkeys(SIZES.values()):
        yield f"| {', '.join(f'`{word}`' for word, meant in SIZES.items() if meant == field)} | `{field}` |"
    yield "\n## Aggregates\n"
    yield "Nova's `GET /os-aggregates`, whole or one by one, or what `openstack aggregate list --long -f json` or"
    yield "`openstack aggregate show NAME -f json` print: `name`, `hosts`, `metadata` (or `properties`),"
    yield "`availability_zone`, `id`. An aggregate is added to the hosts that it names, and stands for one of the same"
    yield "name that a host has.\n"


def _keys(cls: type, prefix: str) -> Iterator[str]:
    yield "| key | |\n|---|---|"
    for name, about in _documented(cls):
        if name not in NOT_IN_FILES:
            yield f"| `{prefix}{name}` | {_cell(about)} |"
    yield ""


def _documented(cls: type) -> Iterator[tuple[str, str]]:
    """The attributes of a class, and what the comments above them say."""
    found = re.findall(r"((?:^ +#: .*\n)+)^ +(\w+):", inspect.getsource(cls), re.MULTILINE)
    for comment, name in found:
        yield name, " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())


def _output() -> Iterator[str]:
    for name in SCHEMAS:
        yield f"* `filtersched files {name}.schema.json`: {_schema(name)['title']}"
    yield "\n## Columns\n"
    yield "`--columns` and `--sort` take these; the headings of CSV are the same names. Those in *italics* are shown by"
    yield "`wide` and `csv` only.\n"
    listings = {
        "schedule": PLACEMENT_COLUMNS,
        "why": VERDICT_COLUMNS,
        "plugins": PLUGIN_COLUMNS,
        "check-config": FINDING_COLUMNS,
        "files": FILE_COLUMNS,
        "pool list": POOL_COLUMNS,
        "pool show": INSTANCE_COLUMNS,
    }
    for command, columns in listings.items():
        said = ", ".join(f"*`{one.name}`*" if one.is_wide else f"`{one.name}`" for one in columns)
        yield f"* `{command}`: {said}"
    yield ""
    for name in SCHEMAS:
        schema = _schema(name)
        yield f"## {name}\n\n{schema['title']}.\n"
        if name == "schedule":
            yield "Each element of `placements` is a [placement](#placement).\n"
        yield "| key | type | |\n|---|---|---|"
        for part in schema.get("oneOf", [schema]) if "properties" not in schema else [schema]:
            yield from _schema_rows(part, "", deep=name != "schedule")
        yield ""


def _schema_rows(schema: Mapping[str, Any], path: str, *, deep: bool) -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        here = f"{path}{name}"
        optional = "" if name in schema.get("required", ()) else " Not always there."
        yield f"| `{here}` | {_type(part)} | {_cell(part.get('description', ''))}{optional} |"
        if not deep and name == "placements":
            continue
        yield from _schema_rows(part, f"{here}.", deep=True)
        yield from _schema_rows(part.get("items", {}), f"{here}[].", deep=True)


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _schema(name: str) -> dict[str, Any]:
    path = resources.files("filtersched").joinpath("data", "schema", f"{name}.schema.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("%%", "%").replace("*", "\\*")


def _joined(title: str, intro: str, lines: Iterator[str]) -> str:
    return f"{GENERATED}\n# {title}\n\n{intro}\n\n" + "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
