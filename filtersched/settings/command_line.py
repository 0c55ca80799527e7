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

from oslo_config import cfg, types

from filtersched.errors import ConfigurationError, nearest
from filtersched.settings.files import Sections, section_of
from filtersched.settings.options import (
    COST_FUNCTION_PREFIXES,
    DEFAULT,
    Spelling,
    cost_weight_option,
    scheduler_options,
    spelled,
)

# A program of the first filter scheduler read its settings from a --flagfile.
_FILE_FLAGS = {"config_file": "config_file", "flagfile": "config_file", "config_dir": "config_dir"}
# To ask for these must not import other people's plug-ins to see whether one has such an option.
_NEVER_OPTIONS = {"help", "version"}


def _listed(name: str) -> list[tuple[str, cfg.Opt]]:
    """The options that our own `oslo.config.opts` entry point of this name lists.

    The entry point leads to the loader, which stands above this room and knows the plug-ins.
    """
    try:
        ours = importlib.metadata.distribution("filtersched").entry_points
    except importlib.metadata.PackageNotFoundError:
        return []
    entries = ours.select(group="oslo.config.opts", name=name)
    return [(group or DEFAULT, opt) for entry in entries for group, opts in entry.load()() for opt in opts]


@functools.cache
def _own_plugin_options() -> list[tuple[str, cfg.Opt]]:
    return _listed("filtersched")


class OptionNames:
    """Answers which option a name means.

    Our own plug-ins are imported only for a name that is not a scheduler-level option, and
    other people's only for one that is not ours either.
    """

    def __init__(self) -> None:
        # Flat names and names with their group in front; names alone.
        self._full: dict[str, tuple[Spelling, cfg.Opt]] = {}
        self._bare: dict[str, dict[Spelling, cfg.Opt]] = {}
        self._unread: list[Callable[[], Iterable[tuple[str, cfg.Opt]]]] = [
            scheduler_options,
            _own_plugin_options,
            lambda: _listed("filtersched.plugins"),
        ]
        # Given options that weigh a cost function which no setting has named yet.
        self.cost_weights: list[str] = []

    def find(self, name: str) -> tuple[Spelling, cfg.Opt] | None:
        """The spelling and the option that `name` means, or None if nothing is called so."""
        name = name.replace("-", "_")
        while (known := self._full.get(name) or self._only(name)) is None and self._unread:
            self._read_more()
        if known is None and name.startswith(COST_FUNCTION_PREFIXES) and name.endswith("_weight"):
            self.cost_weights.append(name)
            return (DEFAULT, name), cost_weight_option(name.removesuffix("_weight"))
        return known

    def unknown(self, name: str) -> ConfigurationError:
        """The error for a name that nothing answers to."""
        while self._unread:
            self._read_more()
        close = nearest(name.replace("-", "_"), {*self._full, *self._bare})
        return ConfigurationError(f"There is no option {name!r}. {close}".rstrip(), option=name)

    def _only(self, name: str) -> tuple[Spelling, cfg.Opt] | None:
        candidates = list(self._bare.get(name, {}).items())
        if len(candidates) > 1:
            raise ConfigurationError(
                f"{name!r} may be any of {', '.join(spelled(s) for s, _opt in candidates)}; write its group too: "
                f"{', '.join('_'.join(s) for s, _opt in candidates)}.",
                option=name,
            )
        return candidates[0] if candidates else None

    def _read_more(self) -> None:
        for group, opt in self._unread.pop(0)():
            spelling = (group, opt.dest)
            full = opt.dest if group == DEFAULT else f"{group}_{opt.dest}".replace("-", "_")
            self._full.setdefault(full, (spelling, opt))
            if group != DEFAULT:
                self._bare.setdefault(opt.dest, {}).setdefault(spelling, opt)


@dataclass(slots=True)
class CommandLine:
    """A command line taken apart."""

    # What it sets, in the form of a settings file, and the options that those names mean.
    given: Sections = field(default_factory=dict)
    options: dict[Spelling, cfg.Opt] = field(default_factory=dict)
    # (config_file or config_dir, path), in order
    files: list[tuple[str, str]] = field(default_factory=list)
    # The arguments that set something or name a file, and all others.
    taken: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def set(self, spelling: Spelling, opt: cfg.Opt, text: str) -> None:
        """Set an option once more."""
        self.options[spelling] = opt
        self.given.setdefault(section_of(spelling[0]), {}).setdefault(spelling[1], []).append(text)


def split_args(args: Sequence[str], *, reserved: Container[str] = ()) -> tuple[list[str], list[str]]:
    """The arguments that set options or name settings files, and the rest, both in order.

    reserved : names (without dashes, with underscores) of flags that the caller has itself.
    A program gives the first list to `make_conf` and the second to its own parser, so that an
    option may stand before or after a sub-command. Everything after `--` is the rest.
    """
    line = take_apart(args, OptionNames(), reserved=reserved)
    return line.taken, line.rest


def without_files(args: Sequence[str]) -> list[str]:
    """Arguments that `split_args` gave, without those that name settings files."""
    kept: list[str] = []
    at = 0
    while at < len(args):
        flag, equals, _text = args[at].partition("=")
        if flag[2:].replace("-", "_") in _FILE_FLAGS:
            at += 1 if equals else 2
            continue
        kept.append(args[at])
        at += 1
    return kept


def take_apart(args: Sequence[str], names: OptionNames, *, reserved: Container[str] = ()) -> CommandLine:
    """Find the options in `args`; what is not one is left in `rest`."""
    line = CommandLine()
    at = 0
    while at < len(args):
        if args[at] == "--":
            line.rest += args[at:]
            break
        used = _take(args, at, names, line, reserved) if args[at].startswith("--") else 0
        (line.taken if used else line.rest).extend(args[at : at + max(used, 1)])
        at += max(used, 1)
    return line


def _take(args: Sequence[str], at: int, names: OptionNames, line: CommandLine, reserved: Container[str]) -> int:
    """How many arguments from `at` on are one option, which is then in `line`."""
    flag, equals, text = args[at].partition("=")
    name = flag[2:].replace("-", "_")
    if name in reserved or name in _NEVER_OPTIONS:
        return 0
    known = None if name in _FILE_FLAGS else names.find(name)
    if known is None and name not in _FILE_FLAGS:
        negated = names.find(name[2:].lstrip("_")) if name.startswith("no") and not equals else None
        if negated is None or not isinstance(negated[1].type, types.Boolean):
            return 0
        line.set(*negated, "false")
        return 1
    used = 1
    if not equals:
        if known is not None and isinstance(known[1].type, types.Boolean):
            text = "true"
        elif at + 1 == len(args) or args[at + 1].startswith("--"):
            raise ConfigurationError(f"{flag} needs a value: {flag}=VALUE.", option=flag.lstrip("-"))
        else:
            text, used = args[at + 1], 2
    if known is None:
        line.files.append((_FILE_FLAGS[name], text))
    else:
        line.set(*known, text)
    return used
