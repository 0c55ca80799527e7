"""filtersched completion, man and files: print or copy files that are installed with the package."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from filtersched.cli.errors import OutputError, UsageError
from filtersched.cli.listing import Column, check_listing, is_table, show_records, write_json
from filtersched.cli.terminal import Terminal, printable
from filtersched.errors import nearest
from filtersched.settings import SchedulerConf

SHELLS = ("bash", "zsh", "fish")

#: Path of each file in the package, which is its path in the source too, and what it is.
FILES = {
    "etc/filtersched/filtersched.conf.sample": "all settings of the scheduler, with their defaults",
    "etc/ovirt/scheduler/scheduler.conf": "all settings of filtersched-proxy, with their defaults",
    "etc/ovirt/filtersched-proxy.service": "systemd unit for /opt/filtersched-proxy; "
    "'filtersched-proxy unit' prints one for your installation",
    "examples/hosts.jsonl": "an inventory of 32 hosts",
    "examples/requests.jsonl": "requests to place on them",
    "examples/running.jsonl": "6 hosts with the instances that run on them",
    "examples/groups.json": "the server groups of these instances",
    "examples/nova/hypervisors.json": "Nova's GET /os-hypervisors/detail, of a cloud of 5 hosts",
    "examples/nova/aggregates.json": "its openstack aggregate list --long -f json",
    "examples/nova/flavor.json": "its openstack flavor show m1.large -f json",
    "examples/nova/nova.conf": "its configuration",
    "completion/filtersched.bash": "shell completion; 'filtersched completion bash' prints it too",
    "completion/filtersched.zsh": "shell completion",
    "completion/filtersched.fish": "shell completion",
    **{
        f"schema/{name}.schema.json": f"JSON Schema of what '{command}' prints"
        for name, command in (
            ("schedule", "filtersched schedule --format json"),
            ("placement", "filtersched schedule --format jsonl and --output"),
            ("why", "filtersched why --format json"),
            ("plugins", "filtersched plugins --format json"),
            ("check-config", "filtersched check-config --format json"),
            ("files", "filtersched files --format json"),
            ("pool", "filtersched pool list and pool show --format json"),
        )
    },
    "man/filtersched.1": "the man page; 'filtersched man' prints it too",
    "man/filtersched-proxy.8": "the man page of filtersched-proxy; 'filtersched man filtersched-proxy' prints it too",
}
COLUMNS = (Column("file"), Column("about"))
MAN_PAGES = {path.rpartition("/")[2].rpartition(".")[0]: path for path in FILES if path.startswith("man/")}


def run_completion(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Print the completion script of one shell."""
    terminal.out.write(_text(f"completion/filtersched.{args.shell}"))
    return 0


def run_man(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Print a man page, as roff."""
    terminal.out.write(_text(MAN_PAGES[args.page]))
    return 0


def run_config(_args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Print the sample configuration, all settings commented out."""
    terminal.out.write(_text("etc/filtersched/filtersched.conf.sample"))
    return 0


def run_files(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """List the files, print those that are named, or copy them."""
    check_listing(args, COLUMNS)
    paths = list(dict.fromkeys(map(_path, args.names)))
    if args.copy is not None:
        targets = list(map(str, _copied(paths or list(FILES), Path(args.copy))))
        if is_table(args):
            terminal.out.write(_lines(targets))
        else:
            write_json(terminal.out, {"copied": targets})
    elif paths:
        if args.format != "text" or args.columns or args.sort:
            raise UsageError("a file is printed as it is; --format, --columns and --sort are for the list of files")
        for path in paths:
            terminal.out.write(_text(path))
    else:
        show_records(terminal, args, "files", COLUMNS, [
            {"file": path, "about": FILES[path]} for path in FILES
        ])
    return 0


def _lines(texts: Sequence[str]) -> str:
    return "".join(f"{printable(text)}\n" for text in texts)


def _path(name: str) -> str:
    """The path of the file that a user names by its path or by its last part."""
    found = [path for path in FILES if name in (path, path.rpartition("/")[2])]
    if not found:
        raise UsageError(f"no file {name!r} is installed with filtersched. {nearest(name, FILES)}")
    return found[0]


def _copied(paths: Sequence[str], directory: Path) -> list[Path]:
    """Where the files are after they were copied. Raises OutputError, and copies nothing, if one is there already."""
    targets = [directory / path for path in paths]
    there = [str(target) for target in targets if os.path.lexists(target)]
    if there:
        raise OutputError(f"{there[0]} exists already; nothing was copied. Remove it or copy to another directory.")
    for path, target in zip(paths, targets, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8", newline="\n") as file:
                file.write(_text(path))
        except OSError as error:
            raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error
    return targets


def _text(path: str) -> str:
    return _data(path).read_text(encoding="utf-8")


def _data(path: str) -> Traversable:
    return resources.files("filtersched").joinpath("data", *path.split("/"))
