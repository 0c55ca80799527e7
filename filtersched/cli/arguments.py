"""The arguments of the command: settings in every spelling, and the flags that are its own.

A setting may stand before or after the sub-command, with `-` or `_`; so may the command's own flags.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from filtersched import __version__
from filtersched.cli.errors import UsageError
from filtersched.cli.package_files import MAN_PAGES, SHELLS
from filtersched.cli.request_flags import add_request_flags
from filtersched.columns.values import whole
from filtersched.errors import nearest, shown, synonyms
from filtersched.loading import list_installed_opts, list_opts
from filtersched.settings import SchedulerConf, make_conf, split_args

SETTINGS_HELP = """\
Every setting is also a flag, before or after the command, with - or _:
  --config-file FILE             settings, such as nova.conf or an old flag file; may be repeated
  --scheduler-default-filters RamFilter,CoreFilter,DiskFilter
  --ram-weight-multiplier -1.0   prefer less free memory; the CPU and disk weighers still spread
  --ram-allocation-ratio 1.0     no oversubscription of memory
  --connection_type=fake         a generated inventory of 36 hosts
  --host-class my.MetalHost      the class of the hosts in the inventory
  --verbose                      each stage, and why each host was chosen, on stderr
'filtersched files filtersched.conf.sample' prints every option, 'filtersched plugins' those of plug-ins.
"""

_SCHEDULE = """\
Place requests on the hosts of an inventory, and say why.

Requests are placed in order of arrival (arrives_at), and later ones see what earlier ones took.
Instances leave at departs_at, before a request that arrives at the same time. A request is placed
as a whole or not at all. Few requests are shown one by one, many as a summary. Nothing is deployed.
"""
_SCHEDULE_EXAMPLES = """\
Examples:
  filtersched schedule --inventory examples/hosts.jsonl --flavor ram=4096,vcpus=2,disk=20 --count 3
  filtersched schedule --inventory hosts.csv --requests requests.jsonl --output placements.jsonl
  filtersched schedule --connection_type=fake --flavor ram=900000 --verbose

Exit status: 0 every request was placed, 1 a request was refused (0 with --allow-partial), 2 an error.
"""
_WHY = """\
Show the verdict of every filter on one host: what the request needs and what the host has.
"""
_WHY_EXAMPLES = """\
Example:
  filtersched why cmp-az1-01 --inventory examples/hosts.jsonl --flavor ram=65536,vcpus=8

Exit status: 0 every filter passes it, 1 it is refused, 2 an error.
"""
_PLUGINS = """\
List the installed filters, weighers and drivers: where each comes from, what it does, its options
with their defaults, and what it declares to read.
"""
_CHECK = """\
Look for settings that are valid but risky: filters that conflict over the same extra specs, a
weigher that outweighs all others, filters that never refuse or never pass, and values that Nova
ignores. With an inventory, also show how much each weigher decides on it.
"""
_CHECK_STATUS = """\
Exit status: 0 checked, with or without warnings; 1 there are warnings and --strict was given;
2 the settings or the inventory cannot be used.
"""
_COMPLETION = """\
Print the completion script of a shell: sub-commands, their flags, and all settings.
"""
_COMPLETION_EXAMPLES = """\
Install it for your user:
  filtersched completion bash > ~/.local/share/bash-completion/completions/filtersched
  filtersched completion zsh > ~/.zfunc/_filtersched     with fpath+=~/.zfunc before compinit in ~/.zshrc
  filtersched completion fish > ~/.config/fish/completions/filtersched.fish
"""
_MAN = """\
Print a man page in roff: that of filtersched, or that of filtersched-proxy.
"""
_MAN_EXAMPLES = """\
Read it, or install it for your user:
  filtersched man | man -l -
  filtersched man > ~/.local/share/man/man1/filtersched.1
  filtersched man filtersched-proxy > ~/.local/share/man/man8/filtersched-proxy.8
"""
_FILES = """\
List the files that are installed with the package: sample settings, an example inventory with
requests, a systemd unit, shell completions and man pages. With names, print these files.
"""
_FILES_EXAMPLES = """\
Examples:
  filtersched files filtersched.conf.sample > filtersched.conf
  filtersched files --copy .        then: filtersched schedule --inventory examples/hosts.jsonl --flavor ram=4096

Exit status: 0 done, 2 an error.
"""

_INPUT_HELP = (
    "JSON Lines, JSON, CSV, Nova's GET /os-hypervisors/detail, or what openstack hypervisor show -f json prints; - is "
    "the standard input"
)


class Invocation(NamedTuple):
    """A command line understood: the command's own arguments, and the settings."""

    args: argparse.Namespace
    conf: SchedulerConf


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class _Once(argparse._StoreAction):
    """A flag with one value: given twice, it is an error and not the last value."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        given = namespace.__dict__.setdefault("given", set())
        if option is not None and self.dest in given:
            raise argparse.ArgumentError(self, "is given twice")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("action", None, _Once)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See '{self.prog} --help'.")


def parse(argv: Sequence[str]) -> Invocation:
    """Understand a command line. Raises UsageError or ConfigurationError; SystemExit after --help."""
    parser, commands = make_parser()
    takes_value = {
        flag: action.nargs != 0
        for one in (parser, *commands.values())
        for action in one._actions
        for flag in action.option_strings
    }
    own = {flag.lstrip("-").replace("-", "_") for flag in takes_value if flag.startswith("--")}
    settings, rest = split_args(argv, reserved=own)
    rest = _command_first([_dashed(arg) for arg in rest], takes_value, commands)
    args, unknown = parser.parse_known_args(rest)
    if unknown:
        stray = next((one for one in unknown if one != "--"), "--")
        raise _unknown(stray, args.command, commands[args.command])
    return Invocation(args, make_conf(settings))


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the command without its settings, and the parsers of its sub-commands by name."""
    parser = _Parser(
        prog="filtersched",
        description="Try requests on an inventory of hosts with Nova's filters and weighers, and see why.",
        epilog=SETTINGS_HELP,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"filtersched {__version__}")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    commands: dict[str, argparse.ArgumentParser] = {}

    def command(
        name: str, short: str, description: str, epilog: str, usage: str, *, settings: bool = True
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = subparsers.add_parser(
            name,
            usage=f"filtersched {name} {usage}",
            help=short,
            description=description,
            epilog=f"{epilog}\n{SETTINGS_HELP}".lstrip() if settings else epilog,
            formatter_class=_Help,
            allow_abbrev=False,
        )
        commands[name] = made
        return made

    schedule = command(
        "schedule",
        "place requests on hosts, and say why",
        _SCHEDULE,
        _SCHEDULE_EXAMPLES,
        "--inventory FILE (--requests FILE | --flavor KEY=N,... [flag ...]) [setting ...]",
    )
    _add_input(schedule)
    schedule.add_argument(
        "--requests", metavar="FILE", help="the requests: JSON Lines, JSON or CSV; - is the standard input"
    )
    add_request_flags(schedule)
    _add_deciding(schedule)
    schedule.add_argument(
        "--allow-partial", action="store_true", help="exit with status 0 even if requests were refused"
    )
    schedule.add_argument("--alternates", action="store_true", help="also name hosts to try if the chosen one fails")
    schedule.add_argument(
        "--near-misses",
        type=_count,
        default=20,
        metavar="N",
        help="name the hosts that came nearest for the first N refused requests (default 20; 0 names none); "
        "each takes asking every filter about every host",
    )
    schedule.add_argument(
        "--seed", type=int, metavar="N", help="make random draws and generated uuids the same in every run"
    )
    output = _add_output(schedule)
    output.add_argument(
        "--output",
        metavar="FILE",
        help="write a line of JSON for each request, complete or not at all; - is the standard output",
    )

    why = command(
        "why",
        "show the verdict of every filter on one host",
        _WHY,
        _WHY_EXAMPLES,
        "HOST --inventory FILE --flavor KEY=N,... [flag ...] [setting ...]",
    )
    why.add_argument("host", metavar="HOST", help="the name of the host or node")
    _add_input(why)
    add_request_flags(why)
    _add_deciding(why)
    _add_output(why)

    _add_output(command("plugins", "list filters, weighers and drivers", _PLUGINS, "", "[flag ...]"))

    check = command(
        "check-config",
        "look for risky settings",
        _CHECK,
        _CHECK_STATUS,
        "[--inventory FILE] [flag ...] [setting ...]",
    )
    _add_input(check)
    check.add_argument("--strict", action="store_true", help="exit with status 1 if there are warnings")
    _add_output(check)

    completion = command(
        "completion",
        "print the completion script of a shell",
        _COMPLETION,
        _COMPLETION_EXAMPLES,
        "{bash,zsh,fish}",
        settings=False,
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    man = command("man", "print a man page", _MAN, _MAN_EXAMPLES, "[PAGE]", settings=False)
    man.add_argument(
        "page", nargs="?", choices=tuple(MAN_PAGES), default="filtersched", metavar="PAGE", help=" or ".join(MAN_PAGES)
    )

    files = command(
        "files",
        "print or copy the sample settings, examples and other files that are installed",
        _FILES,
        _FILES_EXAMPLES,
        "[NAME ...] [--copy DIRECTORY]",
        settings=False,
    )
    files.add_argument("names", nargs="*", metavar="NAME", help="a file of the list, by its path or by its last part")
    files.add_argument(
        "--copy",
        metavar="DIRECTORY",
        help="copy the files, all or those named, under their paths; an existing file is an error",
    )
    _add_output(files)
    return parser, commands


def _count(text: str) -> int:
    try:
        if text.isdecimal():
            return whole(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {shown(text)}")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--inventory", action="append", metavar="FILE", help=f"the hosts: {_INPUT_HELP}; several are one inventory"
    )
    parser.add_argument(
        "--aggregates",
        metavar="FILE",
        help="the aggregates that hosts are in, with zones and metadata: Nova's GET /os-aggregates, or what openstack "
        "aggregate list --long -f json prints",
    )


def _add_deciding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filters", metavar="NAME,...", help="use these filters instead of the configured ones, in this order"
    )
    parser.add_argument(
        "--capacity-filters",
        action="store_true",
        help="also use RamFilter, CoreFilter and DiskFilter, which check what Placement checks for Nova",
    )
    parser.add_argument(
        "--strict", action="store_true", help="make it an error if a request asks for what no plug-in in use reads"
    )
    parser.add_argument(
        "--now",
        metavar="TIME",
        help="decide as of this time (UTC), such as 2026-01-31T12:00:00, for inventories that tell when a host's "
        "service was last seen",
    )


def _add_output(parser: argparse.ArgumentParser) -> Any:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people (the default) or for programs"
    )
    group.add_argument("--debug", action="store_true", help="log everything, and show the traceback of an error")
    return group


def _dashed(arg: str) -> str:
    """A flag with dashes in its name, however it was written."""
    if not arg.startswith("--"):
        return arg
    flag, equals, value = arg.partition("=")
    return flag.replace("_", "-") + equals + value


def _command_first(
    rest: Sequence[str], takes_value: dict[str, bool], commands: dict[str, argparse.ArgumentParser]
) -> list[str]:
    """The arguments with the command before all flags but those that need none."""
    at = 0
    while at < len(rest):
        arg = rest[at]
        if arg == "--":
            break
        if not arg.startswith("-"):
            if arg not in commands:
                raise UsageError(f"there is no command {arg!r}. {nearest(arg, commands)} See 'filtersched --help'.")
            return [arg, *rest[:at], *rest[at + 1 :]]
        if arg not in takes_value and "=" not in arg:
            break
        at += 2 if takes_value.get(arg) else 1
    if rest and rest[0] in ("-h", "--help", "--version"):
        return list(rest)
    if at < len(rest) and rest[at] != "--":
        raise _unknown(rest[at], None, *commands.values())
    raise UsageError(f"which command? {', '.join(commands)}. See 'filtersched --help'.")


def _unknown(arg: str, command: str | None, *parsers: argparse.ArgumentParser) -> UsageError:
    """The error for an argument that nothing takes."""
    after = f" after {command!r}" if command else ""
    if not arg.startswith("-"):
        return UsageError(f"the argument {arg!r} is not understood{after}. See 'filtersched --help'.")
    flag = arg.partition("=")[0]
    own = {flag for parser in parsers for flag in _flags(parser)}
    options = [(group, opt.dest) for group, opts in (*list_opts(), *list_installed_opts()) for opt in opts]
    known = {*own, *(name.replace("_", "-") for _group, name in options)}
    close = _called_here(flag, own) or difflib.get_close_matches(
        _dashed(flag).lstrip("-"), sorted(known), n=2, cutoff=0.7
    )
    hint = f"Did you mean {' or '.join(f'--{name}' for name in close)}? " if close else ""
    return UsageError(f"there is no flag {flag}{after}. {hint}See 'filtersched --help'.")


def _called_here(flag: str, own: Collection[str]) -> list[str]:
    """The flags that mean what files and Nova call so: availability-zone for --zone, flavor ram=N for --memory-mb."""
    name = flag.lstrip("-")
    words = {name.replace("_", "-"), *(word.replace("_", "-") for word in synonyms(name))}
    sizes = [f"flavor {word}=N" for word in ("ram", "vcpus", "disk", "ephemeral", "swap") if word in words]
    return sorted(words & {*own}) or (sizes if "flavor" in own else [])


def _flags(parser: argparse.ArgumentParser) -> Iterable[str]:
    return (flag[2:] for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
