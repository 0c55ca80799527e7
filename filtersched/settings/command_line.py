"""Finding options by name, and finding them on a command line.

An option answers to its flat name (`ram_weight_multiplier`), to its group and name
(`filter_scheduler_ram_weight_multiplier`) and, if no other option has it, to its name alone; with
`-` or `_`, as a flag or as a keyword of `make_conf`.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg, types

from filtersched.errors import ConfigurationError, nearest
from filtersched.settings.options import (
    COST_FUNCTION_PREFIXES,
    DEFAULT,
    Spelling,
    cost_weight_option,
    scheduler_options,
    spelled,
)

_OptGroups = Iterable[tuple[str, cfg.Opt]]
# Under --flagfile a program of the first filter scheduler was given its settings.
_FILE_FLAGS = {"config_file": "config_file", "flagfile": "config_file", "config_dir": "config_dir"}
# Asking for these must not import other people's plug-ins to see whether one has such an option.
_NEVER_OPTIONS = {"help", "version"}


def _catalogue(name: str) -> list[tuple[str, cfg.Opt]]:
    """The options that one of our own `oslo.config.opts` entry points lists.

    The entry point leads to code above this layer, which knows the plug-ins.
    """
    found = importlib.metadata.entry_points(group="oslo.config.opts", name=name)
    ours = [entry for entry in found if entry.module.partition(".")[0] == "filtersched"]
    return [(group or DEFAULT, opt) for group, opts in (ours[0].load()() if ours else ()) for opt in opts]


@functools.cache
def _own_plugin_options() -> list[tuple[str, cfg.Opt]]:
    return _catalogue("filtersched")


def _installed_plugin_options() -> list[tuple[str, cfg.Opt]]:
    return _catalogue("filtersched.plugins")


class OptionNames:
    """Answers which option a name means.

    Our own plug-ins are imported only for a name that is not a scheduler-level option, and
    other people's only for one that is not ours either.
    """

    def __init__(self) -> None:
        self._full: dict[str, tuple[Spelling, cfg.Opt]] = {}
        self._bare: dict[str, list[tuple[Spelling, cfg.Opt]]] = {}
        # Function to option, for the cost functions that only their weight is known of.
        self.cost_functions: dict[str, str] = {}
        self._unread: list[Callable[[], _OptGroups]] = [
            scheduler_options,
            _own_plugin_options,
            _installed_plugin_options,
        ]

    def find(self, name: str) -> tuple[Spelling, cfg.Opt] | None:
        """The spelling and the option that `name` means, or None if nothing is called so."""
        name = name.replace("-", "_")
        while True:
            known = self._full.get(name) or self._only(name)
            if known is not None or not self._unread:
                return known or self._cost_weight(name)
            self._read(self._unread.pop(0)())

    def _cost_weight(self, name: str) -> tuple[Spelling, cfg.Opt] | None:
        """The weight of a cost function that is somebody's own; whether it is used is seen later."""
        if not (name.startswith(COST_FUNCTION_PREFIXES) and name.endswith("_weight")):
            return None
        function = name.removesuffix("_weight")
        self.cost_functions[function] = name
        return (DEFAULT, name), cost_weight_option(function)

    def unknown(self, name: str) -> ConfigurationError:
        """The error for a name that nothing answers to."""
        while self._unread:
            self._read(self._unread.pop(0)())
        close = nearest(name.replace("-", "_"), {*self._full, *self._bare})
        return ConfigurationError(f"There is no option {name!r}. {close}".rstrip(), option=name)

    def _only(self, name: str) -> tuple[Spelling, cfg.Opt] | None:
        candidates = self._bare.get(name, [])
        if len(candidates) > 1:
            raise ConfigurationError(
                f"{name!r} may be any of {', '.join(spelled(s) for s, _opt in candidates)}; write its group too: "
                f"{', '.join('_'.join(s) for s, _opt in candidates)}.",
                option=name,
            )
        return candidates[0] if candidates else None

    def _read(self, options: _OptGroups) -> None:
        for group, opt in options:
            entry = ((group, opt.dest), opt)
            if group == DEFAULT:
                self._full.setdefault(opt.dest, entry)
            else:
                self._full.setdefault(f"{group}_{opt.dest}".replace("-", "_"), entry)
                bare = self._bare.setdefault(opt.dest, [])
                if entry[0] not in [spelling for spelling, _opt in bare]:
                    bare.append(entry)


@dataclass(slots=True)
class CommandLine:
    """A command line taken apart."""

    values: list[tuple[Spelling, cfg.Opt, Any]] = field(default_factory=list)
    # (config_file or config_dir, path), in order
    files: list[tuple[str, str]] = field(default_factory=list)
    # the arguments that the two lists above are made of, and all others
    taken: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def split_args(args: Sequence[str], *, reserved: Container[str] = ()) -> tuple[list[str], list[str]]:
    """The arguments that set options or name settings files, and the rest, both in order.

    reserved : names (without dashes, with underscores) of flags that the caller has itself.
    A program gives the first list to `make_conf` and the second to its own parser, so that an
    option may stand before or after a sub-command. Everything after `--` is the rest.
    """
    line = take_apart(args, OptionNames(), reserved=reserved)
    return line.taken, line.rest


def take_apart(args: Sequence[str], names: OptionNames, *, reserved: Container[str] = ()) -> CommandLine:
    """Find the options in `args`; what is not one is left in `rest`."""
    line = CommandLine()
    at = 0
    while at < len(args):
        arg = args[at]
        if arg == "--":
            line.rest += args[at:]
            break
        used = _take(args, at, names, line, reserved) if arg.startswith("--") else 0
        (line.taken if used else line.rest).extend(args[at : at + max(used, 1)])
        at += max(used, 1)
    return line


def _take(
    args: Sequence[str], at: int, names: OptionNames, line: CommandLine, reserved: Container[str]
) -> int:
    """How many arguments from `at` on are one option, which is then in `line`."""
    flag, equals, text = args[at].partition("=")
    name = flag[2:].replace("-", "_")
    if name in reserved or name in _NEVER_OPTIONS:
        return 0
    if name in _FILE_FLAGS:
        text, used = _operand(args, at)
        line.files.append((_FILE_FLAGS[name], text))
        return used
    known = names.find(name)
    if known is None and not equals and name.startswith("no"):
        known = names.find(name[2:].lstrip("_"))
        if known is not None and isinstance(known[1].type, types.Boolean):
            line.values.append((*known, False))
            return 1
        return 0
    if known is None:
        return 0
    if isinstance(known[1].type, types.Boolean) and not equals:
        line.values.append((*known, True))
        return 1
    text, used = _operand(args, at)
    line.values.append((*known, text))
    return used


def _operand(args: Sequence[str], at: int) -> tuple[str, int]:
    """What follows the flag, after `=` or as the next argument, and how many arguments that is."""
    flag, equals, text = args[at].partition("=")
    if equals:
        return text, 1
    if at + 1 == len(args) or args[at + 1].startswith("--"):
        raise ConfigurationError(f"{flag} needs a value: {flag}=VALUE.", option=flag.lstrip("-"))
    return args[at + 1], 2
