"""Scheduler-level configuration: every accepted spelling, resolved once.

`make_conf` makes a ConfigOpts from a command line, files and code. `read_scheduler_settings`
and `option_values` read one, whoever made it. Where an option has several spellings, the
strongest source decides and not the spelling:

    command line  >  set in code  >  environment  >  a later file  >  an earlier file  >  default

Two spellings that the same source sets to different values are an error that names both.

oslo.config by itself keeps code above the command line and cannot say which of two files a value
is from, so `make_conf` returns a ConfigOpts that remembers. For any other ConfigOpts its own word
(`get_location`) is taken: there code is above the command line, and all files are one source.
"""

from __future__ import annotations

import contextlib
import glob
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg, types

from filtersched.errors import ConfigurationError
from filtersched.settings import flagfile
from filtersched.settings.command_line import CommandLine, OptionNames, split_args, take_apart
from filtersched.settings.flagfile import Sections, read_settings
from filtersched.settings.options import DEFAULT, GROUPED, SETTINGS, Spelling, scheduler_options, spelled

__all__ = [
    "SchedulerConf",
    "SchedulerSettings",
    "make_conf",
    "option_values",
    "read_scheduler_settings",
    "read_settings",
    "register_opts",
    "split_args",
]

_STRENGTH = {
    cfg.Locations.opt_default: 0,
    cfg.Locations.set_default: 1,
    cfg.Locations.user: 2,
    cfg.Locations.environment: 3,
    cfg.Locations.set_override: 4,
    cfg.Locations.command_line: 5,
}
_SOURCES = ("the defaults", "the defaults set in code", "the files", "the environment", "code", "the command line")

# How strong the source of a value is, and, among files, how late the file comes.
_Strength = tuple[int, int]
_UNSET: _Strength = (0, 0)


class SchedulerConf(cfg.ConfigOpts):
    """A ConfigOpts that knows what its command line and each of its files said."""

    def __init__(self) -> None:
        super().__init__()
        self._commanded: dict[Spelling, Any] = {}
        self._files: list[Sections] = []

    def command(self, spelling: Spelling, value: Any) -> None:
        """Take a value from the command line, which nothing set later outranks."""
        group, name = spelling
        self.set_override(name, value, None if group == DEFAULT else group)
        self._commanded[spelling] = self[name] if group == DEFAULT else self[group][name]

    def commanded(self, spelling: Spelling) -> Any:
        """The value that the command line gave, or None."""
        return self._commanded.get(spelling)

    def file_order(self, spelling: Spelling) -> int:
        """Which of the files, counted from 0, was the last to set this spelling."""
        group, name = spelling
        group = group if group == DEFAULT else group.lower()
        return max((i for i, file in enumerate(self._files) if name in file.get(group, {})), default=0)

    def raw_value(self, spelling: Spelling) -> str | None:
        """The text that the last of the files gave this spelling, for messages."""
        group, name = spelling
        group = group if group == DEFAULT else group.lower()
        texts = [file[group][name][-1] for file in self._files if name in file.get(group, {})]
        return texts[-1] if texts else None

    def names_in_files(self) -> list[Spelling]:
        """Everything that the files set, known or not, in their order."""
        return [(group, name) for file in self._files for group, names in file.items() for name in names]

    def get_location(self, name: str, group: str | None = None) -> cfg.LocationInfo | None:
        if (group or DEFAULT, name) in self._commanded:
            return cfg.LocationInfo(cfg.Locations.command_line, "")
        location: cfg.LocationInfo | None = super().get_location(name, group)
        return location

    def remember_files(self, files: Sequence[Sections]) -> None:
        self._files = list(files)


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """The scheduler-level options, read once; what each does stands in filtersched.settings.options."""

    driver: str
    compute_driver: str
    available_filters: tuple[str, ...]
    enabled_filters: tuple[str, ...]
    weight_classes: tuple[str, ...]
    least_cost_functions: tuple[str, ...] | None
    host_subset_size: int
    shuffle_best_same_weighed_hosts: bool
    max_attempts: int
    service_down_time: int
    default_availability_zone: str
    default_schedule_zone: str | None
    json_config_location: str
    use_baremetal_filters: bool
    baremetal_enabled_filters: tuple[str, ...]
    reserved_host_memory_mb: int
    reserved_host_disk_mb: int
    connection_type: str | None
    verbose: bool

    # The spelling of the option that names the filters in use, for messages.
    enabled_filters_option: Spelling = (DEFAULT, "scheduler_default_filters")


def make_conf(
    args: Sequence[str] = (),
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    **options: Any,
) -> SchedulerConf:
    """A configuration from a command line, settings files and code; nothing else is read.

    args : flags only, such as sys.argv[1:] of a program without arguments of its own (see
        `split_args` for one with). The files it names (--config-file, --config-dir) are read
        instead of `files`.
    files : a settings file or several, the later ones winning; with sections or as old flags.
    options : by any spelling: scheduler_default_filters=["RamFilter"], enabled_filters="RamFilter",
        acme_max_load=4.0. None means not given.

    Raises ConfigurationError for an unknown name, a bad value or an unreadable file.
    """
    if isinstance(args, str):
        raise ConfigurationError(f"args must be a list of arguments, not the text {args!r}.", value=args)
    paths = [files] if isinstance(files, str | os.PathLike) else files
    names = OptionNames()
    line = take_apart(args, names)
    if line.rest:
        stray = line.rest[0]
        if stray.startswith("--") and stray != "--":
            raise names.unknown(stray[2:].partition("=")[0])
        raise ConfigurationError(f"The argument {stray!r} is neither an option nor the value of one.", value=stray)
    conf = SchedulerConf()
    register_opts(conf)
    _parse_files(conf, _files_named(line.files) if line.files else [os.fspath(path) for path in paths])
    for name, value in options.items():
        if value is not None:
            spelling, opt = names.find(name) or _raise(names.unknown(name))
            _override(conf, opt, spelling, value)
    for spelling, opt, values in _gathered(line):
        _override(conf, opt, spelling, values, commanded=True)
    if names.cost_functions:
        used = {path.rpartition(".")[2] for path in read_scheduler_settings(conf).least_cost_functions or ()}
        for function, name in names.cost_functions.items():
            if function not in used:
                raise names.unknown(name)
    return conf


def _raise(error: ConfigurationError) -> Any:
    raise error


def _gathered(line: CommandLine) -> Iterator[tuple[Spelling, cfg.Opt, Any]]:
    """The values on the command line: all of them for a repeatable option, else the last."""
    gathered: dict[Spelling, tuple[cfg.Opt, list[Any]]] = {}
    for spelling, opt, value in line.values:
        gathered.setdefault(spelling, (opt, []))[1].append(value)
    for spelling, (opt, values) in gathered.items():
        yield spelling, opt, values if opt.multi else values[-1]


def _override(
    conf: SchedulerConf, opt: cfg.Opt, spelling: Spelling, value: Any, *, commanded: bool = False
) -> None:
    group, name = spelling
    _register(conf, opt, group)
    try:
        value = typed(opt, value)
        if commanded:
            conf.command(spelling, value)
        else:
            conf.set_override(name, value, None if group == DEFAULT else group)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_value(opt, spelling, value, error) from error


def _files_named(named: Iterable[tuple[str, str]]) -> list[str]:
    """The files of --config-file and, sorted, the *.conf of --config-dir; the directory must exist."""
    paths: list[str] = []
    for kind, path in named:
        if kind == "config_file":
            paths.append(path)
        elif os.path.isdir(path):
            paths += sorted(glob.glob(os.path.join(glob.escape(path), "*.conf")))
        else:
            raise ConfigurationError(f"--config-dir {path!r} is not a directory.", option="config_dir", value=path)
    return paths


def _parse_files(conf: SchedulerConf, paths: Sequence[str]) -> None:
    """Have oslo.config read the files, those of the old form rewritten for it first."""
    with contextlib.ExitStack() as stack:
        readable: list[str] = []
        sections: list[Sections] = []
        for path in map(os.path.expanduser, paths):
            text = flagfile.read_text(path)
            sections.append(flagfile.parse_settings(text, path))
            if flagfile.needs_sections(text):
                rewritten = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8"))
                rewritten.write(flagfile.in_sections(text, path))
                rewritten.flush()
                path = rewritten.name
            readable.append(path)
        conf.remember_files(sections)
        try:
            conf([], default_config_files=readable, default_config_dirs=[], prog="filtersched", use_env=False)
        except cfg.Error as error:
            raise ConfigurationError(str(error)) from error


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the scheduler-level options in `conf`, under all their spellings.

    May be repeated. An option that is registered already, by Nova's own code for example, stays
    as it is; its default is then not ours, and is not used.
    """
    for group, opt in scheduler_options():
        _register(conf, opt, group)


def read_scheduler_settings(conf: cfg.ConfigOpts) -> SchedulerSettings:
    """Resolve every scheduler-level option; ConfigurationError names the first bad one."""
    register_opts(conf)
    values: dict[str, Any] = {}
    chosen: dict[str, Spelling | None] = {}
    for setting in SETTINGS:
        value, chosen[setting.field] = _resolve(conf, setting.opts)
        values[setting.field] = tuple(value) if isinstance(value, list) else value
    if values["least_cost_functions"] is not None and chosen["weight_classes"] is not None:
        raise ConfigurationError(
            f"{spelled(chosen['weight_classes'])} and [DEFAULT] least_cost_functions are both set. The old cost "
            "functions are used instead of weighers: set one of the two.",
            group=DEFAULT,
            option="least_cost_functions",
            value=values["least_cost_functions"],
        )
    values["available_filters"] = tuple(
        name.strip() for value in values["available_filters"] for name in value.split(",") if name.strip()
    )
    field = "enabled_filters"
    if values["use_baremetal_filters"]:
        field = "baremetal_enabled_filters"
        values["enabled_filters"] = values[field]
    first = next(setting.spellings[0] for setting in SETTINGS if setting.field == field)
    return SchedulerSettings(**values, enabled_filters_option=chosen[field] or first)


def option_values(conf: cfg.ConfigOpts, opts: Iterable[cfg.Opt], group: str) -> dict[str, Any]:
    """The values of a plug-in's options, by name, registering them in `group`.

    The options of the group filter_scheduler may also be written flat, in [DEFAULT]. Raises
    ConfigurationError for a value that the option does not allow.
    """
    values: dict[str, Any] = {}
    for opt in opts:
        groups = (DEFAULT, GROUPED) if group == GROUPED else (group,)
        for each in groups:
            _register(conf, opt, each)
        values[opt.dest], _spelling = _resolve(conf, [(each, opt) for each in groups])
    return values


def _register(conf: cfg.ConfigOpts, opt: cfg.Opt, group: str) -> None:
    with contextlib.suppress(cfg.DuplicateOptError):
        conf.register_opt(opt, None if group == DEFAULT else group)


def _resolve(conf: cfg.ConfigOpts, opts: Sequence[tuple[str, cfg.Opt]]) -> tuple[Any, Spelling | None]:
    """The value of one option in all its spellings, and the spelling that set it, None by default."""
    found = []
    for group, opt in opts:
        strength, value = _look_up(conf, opt, (group, opt.dest))
        if strength != _UNSET:
            found.append((strength, value, (group, opt.dest)))
    if not found:
        return _default(conf, *opts[0]), None
    strongest = max(strength for strength, _value, _spelling in found)
    rivals = [(value, spelling) for strength, value, spelling in found if strength == strongest]
    value, spelling = rivals[0]
    secret = any(opt.secret for _group, opt in opts)
    shown = (lambda _value: "****") if secret else repr
    for other, other_spelling in rivals[1:]:
        if other != value:
            raise ConfigurationError(
                f"{spelled(spelling)} is {shown(value)} and {spelled(other_spelling)} is {shown(other)}, both from "
                f"{_SOURCES[strongest[0]]}. They are two spellings of one option: set one of them.",
                group=spelling[0],
                option=spelling[1],
                value=None if secret else (value, other),
            )
    return value, spelling


def _look_up(conf: cfg.ConfigOpts, opt: cfg.Opt, spelling: Spelling) -> tuple[_Strength, Any]:
    """How strongly, and to what, this spelling is set."""
    group, name = spelling
    try:
        # None also for a flat name that is hidden by a group of the same name.
        location = conf.get_location(name, None if group == DEFAULT else group)
        strength = _STRENGTH[location.location] if location is not None else 0
        if strength == 0:
            return _UNSET, None
        value = _read(conf, spelling)
        order = 0
        if isinstance(conf, SchedulerConf):
            if strength == _STRENGTH[cfg.Locations.command_line]:
                value = conf.commanded(spelling)
            elif strength == _STRENGTH[cfg.Locations.user]:
                order = conf.file_order(spelling)
        return (strength, order), typed(opt, value)
    except (ValueError, TypeError, AttributeError, cfg.Error) as error:
        text = conf.raw_value(spelling) if isinstance(conf, SchedulerConf) else None
        raise bad_value(opt, spelling, text, error) from error


def _read(conf: cfg.ConfigOpts, spelling: Spelling) -> Any:
    group, name = spelling
    return conf[name] if group == DEFAULT else conf[group][name]


def _default(conf: cfg.ConfigOpts, group: str, opt: cfg.Opt) -> Any:
    if opt.required and opt.default is None:
        raise ConfigurationError(
            f"{spelled((group, opt.dest))} is not set. It must be {_allowed(opt)}.", group=group, option=opt.dest
        )
    if isinstance(opt.default, str) and "$" in opt.default:
        return typed(opt, _read(conf, (group, opt.dest)))  # refers to another option
    return None if opt.default is None else typed(opt, opt.default)


def typed(opt: cfg.Opt, value: Any) -> Any:
    """`value` as `opt` has it, whatever type it was registered with; ValueError if it may not be.

    Unlike oslo.config's own types this refuses an empty number, which they read as None, one that
    is not finite, and a fraction for an integer, which they cut off.
    """
    if value is None:
        if opt.default is not None:
            raise ValueError("it is empty")
        return None
    if opt.multi:
        items = [value] if isinstance(value, str) else list(value)
        return [opt.type(item) for item in items]
    if isinstance(value, (tuple, set, frozenset)):
        value = list(value)
    if isinstance(opt.type, types.Integer) and isinstance(value, float) and not value.is_integer():
        raise ValueError("it is not an integer")
    value = opt.type(value)
    if value is None and opt.default is not None:
        raise ValueError("it is empty")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    return value


def bad_value(opt: cfg.Opt, spelling: Spelling, value: Any, error: Exception) -> ConfigurationError:
    """The error for a value that `opt` does not allow, saying what it does."""
    if opt.secret:
        value, error = None, ValueError("it is secret, and so not shown")
    said = str(error).rpartition(" is not valid: ")[2]
    what = f" is {value!r}" if value is not None else ""
    return ConfigurationError(
        f"{spelled(spelling)}{what}, which is not allowed: {said}. It must be {_allowed(opt)}.",
        group=spelling[0],
        option=spelling[1],
        value=value,
    )


def _allowed(opt: cfg.Opt) -> str:
    kinds = {
        types.Integer: "an integer",
        types.Float: "a finite number",
        types.Boolean: "true or false",
        types.List: "a list separated by commas",
        types.Dict: "a list of key:value separated by commas",
    }
    kind = next((text for cls, text in kinds.items() if isinstance(opt.type, cls)), "text")
    choices = getattr(opt.type, "choices", None)
    if choices:
        return "one of " + ", ".join(repr(choice) for choice in choices)
    least, most = getattr(opt.type, "min", None), getattr(opt.type, "max", None)
    bounds = [f"at least {least:g}"] if least is not None else []
    if most is not None:
        bounds.append(f"at most {most:g}")
    return ", ".join([kind, *bounds])
