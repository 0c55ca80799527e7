"""The parsers of the command: every sub-command, its flags, and what its help says."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from filtersched import __version__
from filtersched.cli import help_texts
from filtersched.cli.capacity_flags import add_capacity
from filtersched.cli.compare_flags import add_compare, add_trace
from filtersched.cli.errors import UsageError
from filtersched.cli.listing import add_listing_flags
from filtersched.cli.moves_flags import add_groups_flag, add_moves
from filtersched.cli.package_files import MAN_PAGES, SHELLS
from filtersched.cli.report_flag import add_report_flag
from filtersched.cli.request_flags import add_request_flags
from filtersched.cli.terminal import COLORS
from filtersched.columns.values import whole
from filtersched.errors import shown

_LONGEST_S = 86_400
POOL_ACTIONS = ("init", "import", "list", "show", "export", "upgrade")
# Adds a sub-command of a name, its line in the list, its description, epilog and usage.
_AddCommand = Callable[..., argparse.ArgumentParser]


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


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the command without its settings, and the parsers of its sub-commands by name."""
    parser = _Parser(
        prog="filtersched",
        description="Try requests on an inventory of hosts with Nova's filters and weighers, and see why.",
        epilog=help_texts.SETTINGS_HELP,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"filtersched {__version__}")
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
            epilog=f"{epilog}\n{help_texts.SETTINGS_HELP}".lstrip() if settings else epilog,
            formatter_class=_Help,
            allow_abbrev=False,
        )
        commands[name] = made
        return made

    for add in (_add_schedule, _add_why, _add_plans, _add_lists, _add_inventory, _add_pool, _add_texts):
        add(command)
    return parser, commands


def _add_plans(command: _AddCommand) -> None:
    add_compare(command, (_add_input, _add_filters, _add_output), _positive)
    add_moves(command, (_add_input, _add_filters, _add_reported_output), _count)
    add_capacity(command, (_add_input, _add_filters, _add_profile, _add_reported_output), _count)


def _add_reported_output(parser: argparse.ArgumentParser, *, is_listing: bool = True) -> Any:
    group = _add_output(parser, is_listing=is_listing)
    add_report_flag(group)
    return group


def _add_schedule(command: _AddCommand) -> None:
    schedule = command(
        "schedule",
        "place requests on hosts, and say why",
        help_texts.SCHEDULE,
        help_texts.SCHEDULE_EXAMPLES,
        "(--inventory FILE | --pool URL) (--requests FILE | --flavor KEY=N,...) [flag ...]",
    )
    _add_input(schedule)
    add_trace(schedule)
    add_request_flags(schedule)
    _add_deciding(schedule)
    schedule.add_argument(
        "--allow-partial", action="store_true", help="exit with status 0 even if requests were refused"
    )
    schedule.add_argument(
        "--all", action="store_true", help="show each request in a table, however many there are; also the refused ones"
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
    output = _add_reported_output(schedule)
    output.add_argument(
        "--output",
        metavar="FILE",
        help="write a line of JSON for each request, complete or not at all; - is the standard output",
    )
    output.add_argument(
        "--output-inventory",
        action="store_true",
        help="with --output: each line also has the hosts as they were before the request",
    )


def _add_why(command: _AddCommand) -> None:
    why = command(
        "why",
        "show what filters and weighers say of hosts",
        help_texts.WHY,
        help_texts.WHY_EXAMPLES,
        "HOST... (--inventory FILE | --pool URL) (--flavor KEY=N,... | --requests FILE) [...]",
    )
    why.add_argument(
        "hosts",
        nargs="*",
        metavar="HOST",
        help="a host, a node, or host/node; or a pattern of such names with *, ? and [a-z]",
    )
    why.add_argument("--all", action="store_true", help="all hosts of the inventory, in one table")
    _add_input(why)
    why.add_argument("--requests", metavar="FILE", help="the requests, as of schedule")
    why.add_argument(
        "--request",
        metavar="ID",
        help="the request of that file to ask about, by its request_id or its place (3 or #3); those before it are "
        "placed first",
    )
    why.add_argument("--seed", type=int, metavar="N", help="draw as a run of schedule with this seed does")
    add_request_flags(why)
    _add_deciding(why)
    _add_reported_output(why)


def _add_lists(command: _AddCommand) -> None:
    plugins = command(
        "plugins",
        "list filters, weighers, drivers and resources, or describe some",
        help_texts.PLUGINS,
        help_texts.PLUGINS_EXAMPLES,
        "[NAME ...] [--enabled] [--check] [flag ...] [setting ...]",
    )
    plugins.add_argument("names", nargs="*", metavar="NAME", help="describe these plug-ins, with their options")
    plugins.add_argument("--enabled", action="store_true", help="only those that the settings use")
    plugins.add_argument(
        "--check", action="store_true", help="try whether they keep the rules; without NAME, those of other packages"
    )
    _add_output(plugins)

    check = command(
        "check-config",
        "look for risky settings",
        help_texts.CHECK,
        help_texts.CHECK_STATUS,
        "[--inventory FILE | --pool URL] [flag ...] [setting ...]",
    )
    _add_input(check)
    check.add_argument("--strict", action="store_true", help="exit with status 1 if there are warnings")
    _add_output(check)

    files = command(
        "files",
        "print or copy the sample settings, examples and other files that are installed",
        help_texts.FILES,
        help_texts.FILES_EXAMPLES,
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


def _add_inventory(command: _AddCommand) -> None:
    inventory = command(
        "inventory",
        "write the hosts of a running OpenStack cloud as an inventory",
        help_texts.INVENTORY,
        help_texts.INVENTORY_EXAMPLES,
        "--os-cloud NAME [--output FILE] [flag ...]",
        settings=False,
    )
    inventory.add_argument("--os-cloud", metavar="NAME", help="the cloud, as clouds.yaml names it")
    inventory.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="how long a server may be silent (default: api_timeout of "
        "clouds.yaml, or 60)",
    )
    inventory.add_argument(
        "--allow-partial", action="store_true", help="exit with status 0 even if parts could not be read"
    )
    inventory.add_argument(
        "--output",
        metavar="FILE",
        default="-",
        help="write a line of JSON for each host, complete or not at all; - (the default) is the standard output",
    )
    _add_messages(inventory.add_argument_group("output"))


def _add_pool(command: _AddCommand) -> None:
    pool = command(
        "pool",
        "make and look at a pool that several schedulers share",
        help_texts.POOL,
        help_texts.POOL_EXAMPLES,
        "ACTION URL [NAME ...] [flag ...]",
    )
    pool.add_argument(
        "action", choices=POOL_ACTIONS, metavar="ACTION", help="init, import, list, show, export or upgrade"
    )
    pool.add_argument(
        "url", nargs="?", metavar="URL", help="the database, such as sqlite:///pool.db or postgresql+psycopg://user@host/name"
    )
    pool.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="NAME",
        help="list and show: a host, or a pattern of hosts; show: also an instance",
    )
    _add_inventory_flags(pool)
    pool.add_argument(
        "--output",
        metavar="FILE",
        help="of export: write a line of JSON for each host, complete or not at all; - (the default) is the standard "
        "output",
    )
    _add_output(pool)


def _add_texts(command: _AddCommand) -> None:
    config = command(
        "config",
        "print the sample of a configuration",
        help_texts.CONFIG,
        help_texts.CONFIG_EXAMPLES,
        "sample",
        settings=False,
    )
    config.add_argument("what", choices=("sample",), metavar="WHAT", help="sample: all settings with their defaults")

    completion = command(
        "completion",
        "print the completion script of a shell",
        help_texts.COMPLETION,
        help_texts.COMPLETION_EXAMPLES,
        "{bash,zsh,fish}",
        settings=False,
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")

    man = command("man", "print a man page", help_texts.MAN, help_texts.MAN_EXAMPLES, "[PAGE]", settings=False)
    man.add_argument(
        "page", nargs="?", choices=tuple(MAN_PAGES), default="filtersched", metavar="PAGE", help=" or ".join(MAN_PAGES)
    )

    about = command("help", "show what a command does and its flags", help_texts.HELP, "", "[COMMAND]", settings=False)
    about.add_argument("about", nargs="?", metavar="COMMAND", help="a command of the list above")


def _count(text: str) -> int:
    try:
        if text.isdecimal():
            return whole(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {shown(text)}")


def _positive(text: str) -> int:
    number = _count(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {shown(text)}")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= _LONGEST_S:
        return seconds
    raise argparse.ArgumentTypeError(f"must be seconds, above 0 and at most {_LONGEST_S}, not {shown(text)}")


def _add_input(parser: argparse.ArgumentParser) -> None:
    _add_inventory_flags(parser)
    parser.add_argument(
        "--pool",
        metavar="URL",
        help="the hosts of a pool that several schedulers share, in the place of --inventory; see filtersched pool",
    )


def _add_inventory_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--inventory",
        action="append",
        metavar="FILE",
        help=f"the hosts: {help_texts.INPUT_HELP}; several are one inventory",
    )
    parser.add_argument(
        "--aggregates",
        metavar="FILE",
        help="the aggregates that hosts are in, with zones and metadata: Nova's GET /os-aggregates, or what openstack "
        "aggregate list --long -f json prints",
    )
    parser.add_argument(
        "--servers",
        metavar="FILE",
        help="what runs on the hosts now: openstack server list --all-projects --long -f json; needs --flavors",
    )
    parser.add_argument(
        "--flavors",
        metavar="FILE",
        help="the flavors that servers and traces name: openstack flavor list --long -f json, or CSV with id, vcpus "
        "and memory_mb",
    )


def _add_deciding(parser: argparse.ArgumentParser) -> None:
    _add_filters(parser)
    _add_profile(parser)
    parser.add_argument(
        "--try-moves",
        action="store_true",
        help="for a request that is refused, name the fewest moves of running instances after which it fits",
    )
    add_groups_flag(parser)
    parser.add_argument(
        "--strict", action="store_true", help="make it an error if a request asks for what no plug-in in use reads"
    )


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="let this profile decide, whatever flavors, projects and hints say; default is the main configuration",
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filters", metavar="NAME,...", help="use these filters instead of the configured ones, in this order"
    )
    parser.add_argument(
        "--capacity-filters",
        action="store_true",
        help="also use RamFilter, CoreFilter and DiskFilter, which check what Placement checks for Nova",
    )
    parser.add_argument(
        "--now",
        metavar="TIME",
        help="decide as of this time (UTC), such as 2026-01-31T12:00:00, for inventories that tell when a host's "
        "service was last seen",
    )


def _add_output(parser: argparse.ArgumentParser, *, is_listing: bool = True) -> Any:
    group = parser.add_argument_group("output")
    if is_listing:
        add_listing_flags(group)
    else:
        group.add_argument("--format", choices=("text", "json"), default="text", help="text (the default) or json")
    group.add_argument(
        "--color", choices=COLORS, default="auto", help="auto (the default) colors a terminal, unless NO_COLOR is set"
    )
    _add_messages(group)
    return group


def _add_messages(group: Any) -> None:
    group.add_argument("-q", "--quiet", action="store_true", help="print no report; errors and warnings only")
    group.add_argument("-v", action="store_true", dest="is_verbose", help="the same as --verbose")
    group.add_argument(
        "--debug",
        action="store_true",
        help="log the settings files, classes and times of a run, and show the traceback of an error",
    )
