"""The arguments of the command: settings in every spelling, and the flags that are its own.

A setting may stand before or after the sub-command, with `-` or `_`; so may the command's own flags.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from filtersched.cli.errors import UsageError
from filtersched.cli.parsers import make_parser
from filtersched.errors import nearest, synonyms
from filtersched.loading import list_installed_opts, list_opts
from filtersched.settings import SchedulerConf, make_conf, split_args


class Invocation(NamedTuple):
    """A command line understood: the command's own arguments, and the settings."""

    args: argparse.Namespace
    conf: SchedulerConf


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
    settings, rest = split_args(_with_descending(argv), reserved=own)
    rest = _help_last(_command_first([_dashed(arg) for arg in rest], takes_value, commands), commands)
    rest = _positionals_first(rest, takes_value)
    args, unknown = parser.parse_known_args(rest)
    if unknown:
        stray = next((one for one in unknown if one != "--"), "--")
        raise _unknown(stray, args.command, commands[args.command])
    if getattr(args, "is_verbose", False) and args.quiet:
        raise UsageError("give either -q or -v, not both")
    if getattr(args, "is_verbose", False):
        settings = [*settings, "--verbose"]
    args.settings = settings
    args.argv = list(argv)
    return Invocation(args, make_conf(settings))


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


def _with_descending(argv: Sequence[str]) -> list[str]:
    """The arguments with `--sort -weight` as `--sort=-weight`; a parser takes the value for a flag otherwise."""
    joined: list[str] = []
    for arg in argv:
        if joined and joined[-1] == "--sort" and arg.startswith("-") and not arg.startswith("--"):
            joined[-1] = f"--sort={arg}"
        else:
            joined.append(arg)
    return joined


def _help_last(rest: list[str], commands: dict[str, argparse.ArgumentParser]) -> list[str]:
    """The arguments with `help COMMAND` as `COMMAND --help`."""
    if rest[:1] != ["help"]:
        return rest
    about = [arg for arg in rest[1:] if not arg.startswith("-")]
    if about and about[0] not in commands:
        raise UsageError(f"there is no command {about[0]!r}. {nearest(about[0], commands)} See 'filtersched --help'.")
    return [*about[:1], "--help"]


def _positionals_first(rest: Sequence[str], takes_value: dict[str, bool]) -> list[str]:
    """The arguments with those that are neither flags nor values of flags before all flags.

    argparse takes a list of names from one place only.
    """
    positionals: list[str] = []
    flags: list[str] = []
    at = 0
    while at < len(rest) and rest[at] != "--":
        arg = rest[at]
        is_flag = arg.startswith("-") and arg != "-"
        if is_flag and arg.partition("=")[0] not in takes_value:
            # An error, which must name the flag and not what may be its value.
            return list(rest)
        used = 2 if is_flag and takes_value.get(arg) else 1
        (flags if is_flag else positionals).extend(rest[at : at + used])
        at += used
    if at < len(rest):
        # Everything behind -- is a name, whatever it begins with.
        return [*positionals[:1], *flags, "--", *positionals[1:], *rest[at + 1 :]]
    return [*positionals, *flags]


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
