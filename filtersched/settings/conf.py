"""The configuration: every accepted spelling of an option, resolved once.

`make_conf` makes a ConfigOpts from a command line, files and code. `read_scheduler_settings` and
`option_values` read any ConfigOpts. The order of the sources is oslo.config's own, whatever the
spelling:

    set in code  >  command line  >  environment  >  a later file  >  an earlier file  >  default

A repeatable option collects the values of all files and of the command line. Two spellings of any
other option that one source sets to different values are an error that names both.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from filtersched.errors import ConfigurationError
from filtersched.settings.command_line import OptionNames, take_apart
from filtersched.settings.files import Sections, read_settings, section_of
from filtersched.settings.option_value import allowed, bad_value, typed
from filtersched.settings.options import (
    DEFAULT,
    GROUPED,
    SETTINGS,
    SchedulerSettings,
    Setting,
    Spelling,
    scheduler_options,
    spelled,
    spellings_of,
)
from filtersched.settings.profile_conf import PREFIX, ProfileConf
from filtersched.settings.shared_options import ALLOCATION_RATIOS, initial_ratio

_STRENGTH = {
    cfg.Locations.opt_default: 0,
    cfg.Locations.set_default: 1,
    cfg.Locations.user: 2,
    cfg.Locations.environment: 3,
    cfg.Locations.command_line: 4,
    cfg.Locations.set_override: 5,
}
_SOURCES = ("the defaults", "the defaults set in code", "the files", "the environment", "the command line", "code")
# The sources whose values a repeatable option collects.
_COLLECTED = (_STRENGTH[cfg.Locations.user], _STRENGTH[cfg.Locations.command_line])


class SchedulerConf(cfg.ConfigOpts):
    """A ConfigOpts that reads settings files of every age, always as UTF-8.

    commanded : what the command line set; its values stay text until they are read.
    """

    def __init__(self, commanded: Sections | None = None) -> None:
        super().__init__()
        self._commanded = commanded or {}
        self._given: list[Sections] = []
        #: Another ConfigOpts for the loader to `share` with, once it loads a plug-in of others.
        self.plugins_read: cfg.ConfigOpts | None = None
        #: What code sets in the sections of profiles, by section.
        self.profiles_given: Mapping[str, Mapping[str, Any]] = {}
        #: The arguments and files of `make_conf`.
        self.made_of: tuple[Sequence[str], Sequence[str | os.PathLike[str]]] = (), ()

    def read_again(self) -> SchedulerConf:
        """A configuration by what the same files say now; what the command line and code set stays.

        Raises what `make_conf` raises.
        """
        conf = make_conf(*self.made_of)
        for known, group in self._all_opt_infos():
            name = DEFAULT if group is None else group.name
            if "default" in known or "override" in known:
                _register(conf, known["opt"], name)
            if "default" in known:
                conf.set_default(known["opt"].dest, known["default"], None if group is None else group.name)
            if "override" in known:
                conf.set_override(known["opt"].dest, known["override"], None if group is None else group.name)
        conf.plugins_read = self.plugins_read
        conf.profiles_given = self.profiles_given
        return conf

    def _parse_config_files(self) -> Any:
        """oslo.config's step that reads the files, at the start and for each reload.

        Its own reader uses the encoding of the locale and does not know flag files.
        """
        self._given = [*map(read_settings, self.default_config_files), self._commanded]
        return self._namespace_of(self)

    def _namespace_of(self, conf: cfg.ConfigOpts) -> Any:
        namespace = cfg._Namespace(conf)
        for path, sections in zip([*self.default_config_files, ""], self._given, strict=True):
            namespace._add_parsed_config_file(path, sections, sections)
        return namespace

    def share_with(self, other: cfg.ConfigOpts) -> None:
        """Let `other` read the same files and command line, for options that plug-ins register there.

        The usual one is oslo.config's global `cfg.CONF`. What it read before is replaced.
        """
        other._namespace = self._namespace_of(other)
        other.register_opts(())  # forgets what it has read already

    def get_location(self, name: str, group: str | None = None) -> Any:
        """Where the value of an option is from, a `cfg.LocationInfo` (it has no types), or None."""
        location: Any = super().get_location(name, group)
        commanded = name in self._commanded.get(section_of(group or DEFAULT), {})
        if commanded and location is not None and location.location is cfg.Locations.user:
            return cfg.LocationInfo(cfg.Locations.command_line, "")
        return location

    def raw_values(self, spelling: Spelling) -> list[tuple[int, str]]:
        """The text that each file, and then the command line, gave this spelling, after its place in that order."""
        group, name = spelling
        found = [(at, given.get(section_of(group), {}).get(name)) for at, given in enumerate(self._given)]
        return [(at, texts[-1]) for at, texts in found if texts]

    def raw_value(self, spelling: Spelling) -> str | None:
        """The text that counts for this spelling, as it is written, or None."""
        return self.raw_values(spelling)[-1][1] if self.raw_values(spelling) else None

    def names_in_files(self) -> list[Spelling]:
        """Everything that the files set, known or not, in their order."""
        return [(group, name) for file in self._given[:-1] for group, names in file.items() for name in names]


def make_conf(
    args: Sequence[str] = (),
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> SchedulerConf:
    """Make a configuration from a command line, settings files and code. Nothing else is read.

    args : flags only, such as sys.argv[1:] of a program without its own arguments (see
        `split_args` for one with). The files that --config-file names replace `files`; those of
        --config-dir come on top.
    files : a settings file or several, the later ones winning; with sections or as old flags.
    profiles : by the name of each, what differs in it, as `options` say it; on top of what the files say.
    options : by any spelling: scheduler_default_filters=["RamFilter"], enabled_filters="RamFilter",
        acme_max_load=4.0. None means not given. They win over `args`.

    Raises ConfigurationError for an unknown name, a bad value or an unreadable file.
    """
    if isinstance(args, str) or not all(isinstance(arg, str) for arg in args):
        raise ConfigurationError(f"args must be a list of texts, not {args!r}.", value=args)
    names = OptionNames()
    line = take_apart(args, names)
    if line.rest:
        stray = line.rest[0]
        if stray.startswith("--") and stray != "--":
            raise names.unknown(stray[2:].partition("=")[0])
        raise ConfigurationError(f"The argument {stray!r} is neither an option nor the value of one.", value=stray)
    files = (files,) if isinstance(files, str | os.PathLike) else tuple(files)
    conf = SchedulerConf(line.given)
    conf.made_of = tuple(args), files
    register_opts(conf)
    for (group, name), opt in line.options.items():
        _register(conf, opt, group)
        texts = line.given[section_of(group)][name]
        checked_value(opt, (group, name), texts if opt.multi else texts[-1])
    conf([], default_config_files=_paths(files, line.files), default_config_dirs=[], prog="filtersched", use_env=False)
    conf.profiles_given = _profiles_given(profiles or {})
    for option, value in options.items():
        if value is not None:
            found = names.find(option)
            if found is None:
                raise names.unknown(option)
            (group, name), opt = found
            _register(conf, opt, group)
            conf.set_override(name, checked_value(opt, (group, name), value), None if group == DEFAULT else group)
    if names.cost_weights:
        used = {path.rpartition(".")[2] for path in read_scheduler_settings(conf).least_cost_functions or ()}
        for name in names.cost_weights:
            if name.removesuffix("_weight") not in used:
                raise names.unknown(name)
    return conf


def _profiles_given(profiles: Any) -> dict[str, dict[str, Any]]:
    """What code sets in profiles, by section. Raises ConfigurationError for something else than mappings."""
    found: dict[str, dict[str, Any]] = {}
    pairs = profiles.items() if isinstance(profiles, Mapping) else [(profiles, None)]
    for name, values in pairs:
        if not isinstance(name, str) or not isinstance(values, Mapping):
            said = f"profiles must map names to the options of each, not {profiles!r}."
            raise ConfigurationError(said, option="profiles", value=profiles)
        group = section_of(PREFIX + name)
        if group in found:
            said = f"profiles names {name!r} twice; names have no case."
            raise ConfigurationError(said, group=group, option="profiles", value=name)
        found[group] = {each: value for each, value in values.items() if value is not None}
    return found


def checked_value(opt: cfg.Opt, spelling: Spelling, value: Any) -> Any:
    """The value, which code or a command line gives, as the option has it. Raises ConfigurationError."""
    try:
        return typed(opt, value)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_value(opt, spelling, value, error) from error


def _paths(files: Iterable[str | os.PathLike[str]], named: Sequence[tuple[str, str]]) -> list[str]:
    """The files to read: `files` unless --config-file names others, and the sorted *.conf of --config-dir."""
    paths = [] if any(kind == "config_file" for kind, _path in named) else [os.fspath(path) for path in files]
    for kind, path in named:
        if kind == "config_file":
            paths.append(path)
        elif os.path.isdir(path):
            paths += sorted(glob.glob(os.path.join(glob.escape(path), "*.conf")))
        else:
            raise ConfigurationError(f"--config-dir {path!r} is not a directory.", option="config_dir", value=path)
    return paths


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the scheduler-level options in `conf`, under all their spellings.

    May be repeated. An option that is registered already, by Nova's own code for example, stays
    as it is; its default is then not ours, and is not used.
    """
    for group, opt in scheduler_options():
        _register(conf, opt, group)


def read_scheduler_settings(conf: cfg.ConfigOpts) -> SchedulerSettings:
    """Resolve every scheduler-level option; ConfigurationError names the first bad one."""
    values: dict[str, Any] = {}
    chosen: dict[str, Spelling | None] = {}
    for setting in SETTINGS:
        value, chosen[setting.field] = resolve_setting(conf, setting)
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
    for several in ("pci_aliases", "shared_resources"):
        values[several] = tuple(text for text in values[several] if text.strip())
    spellings = {setting.field: chosen[setting.field] or setting.spellings[0] for setting in SETTINGS}
    if values["use_baremetal_filters"]:
        for both in (values, spellings):
            both["enabled_filters"] = both["baremetal_enabled_filters"]
    return SchedulerSettings(**values, spellings=spellings)


def resolve_setting(conf: cfg.ConfigOpts, setting: Setting) -> tuple[Any, Spelling | None]:
    """The value of a scheduler-level option, and the spelling that set it, None for a default."""
    return _resolve(conf, setting.opts)


def option_values(conf: cfg.ConfigOpts, opts: Iterable[cfg.Opt], group: str) -> dict[str, Any]:
    """The values of options by name; see `resolve_option`."""
    return {opt.dest: resolve_option(conf, opt, group)[0] for opt in opts}


def resolve_option(conf: cfg.ConfigOpts, opt: cfg.Opt, group: str) -> tuple[Any, Spelling]:
    """The value of an option, which is registered in `group` of `conf`, and the spelling that set it.

    An option of the group filter_scheduler may also be written flat, in [DEFAULT]. Raises
    ConfigurationError for a value that the option does not allow.
    """
    value, spelling = _resolve(conf, [(each, opt) for each, _name in spellings_of(opt, group)])
    return value, spelling or (group, opt.dest)


def resolve_ratio(conf: cfg.ConfigOpts, opt: cfg.Opt, group: str) -> tuple[float, Spelling]:
    """An allocation ratio, and the spelling that set it.

    In this order: the ratio, `initial_` and its name, the default. None and 0.0 are not set, as in Nova; a ratio
    of 0.0 stays that where the initial one is not set either, and counts as the default.
    """
    value, spelling = _resolve(conf, [(each, opt) for each, _name in spellings_of(opt, group)])
    if spelling is None or not value:
        initial, initially = _resolve(conf, [(DEFAULT, initial_ratio(opt))])
        if initial:
            return float(initial), initially or spelling or (group, opt.dest)
    return value, spelling or (group, opt.dest)


def allocation_ratios(conf: cfg.ConfigOpts) -> dict[str, float]:
    """The configured allocation ratios, by name."""
    return {opt.dest: resolve_ratio(conf, opt, GROUPED)[0] or opt.default for opt in ALLOCATION_RATIOS}


def _register(conf: cfg.ConfigOpts, opt: cfg.Opt, group: str) -> None:
    try:
        conf.register_opt(opt, None if group == DEFAULT else group)
    except cfg.DuplicateOptError:
        pass
    except ValueError as error:
        raise ConfigurationError(
            f"{spelled((group, opt.dest))} is a name that oslo.config keeps to itself; give the option another group.",
            group=group,
            option=opt.dest,
        ) from error


def _resolve(conf: cfg.ConfigOpts, opts: Sequence[tuple[str, cfg.Opt]]) -> tuple[Any, Spelling | None]:
    """The value of one option in all its spellings, and the spelling that set it, None for a default."""
    if isinstance(conf, ProfileConf):
        own = conf.own(opts)
        return _resolve(conf.main, opts) if own is None else own
    for group, opt in opts:
        _register(conf, opt, group)
    found = [_look_up(conf, opt, (group, opt.dest)) for group, opt in opts]
    found = sorted((one for one in found if one.source), key=lambda one: (one.source, one.order), reverse=True)
    if not found:
        return _default(conf, *opts[0]), None
    best = found[0]
    if opts[0][1].multi and best.source in _COLLECTED:
        lists = [one.value for one in reversed(found) if one.source in _COLLECTED]
        return [value for at, values in enumerate(lists) if values not in lists[:at] for value in values], best.spelling
    for other in found[1:]:
        if (other.source, other.order) == (best.source, best.order) and other.value != best.value:
            raise _disagreement(best, other, secret=any(opt.secret for _group, opt in opts))
    return best.value, best.spelling


@dataclass(frozen=True, slots=True)
class _Found:
    """What one spelling is set to, by which source, and, among files, by which of them."""

    spelling: Spelling
    source: int = 0
    order: int = 0
    value: Any = None


def _look_up(conf: cfg.ConfigOpts, opt: cfg.Opt, spelling: Spelling) -> _Found:
    group, name = spelling
    raw = conf.raw_values(spelling) if isinstance(conf, SchedulerConf) else []
    order, text = raw[-1] if raw else (0, None)
    try:
        # None also for a flat name that is hidden by a group of the same name.
        location = conf.get_location(name, None if group == DEFAULT else group)
        source = _STRENGTH[location.location] if location is not None else 0
        value = typed(opt, _read(conf, spelling)) if source else None
    except RecursionError:
        raise bad_value(opt, spelling, text, ValueError("it refers to itself")) from None
    except (ValueError, TypeError, AttributeError, cfg.Error) as error:
        raise bad_value(opt, spelling, text, error) from error
    return _Found(spelling, source, order if source in _COLLECTED else 0, value)


def _read(conf: cfg.ConfigOpts, spelling: Spelling) -> Any:
    group, name = spelling
    return conf[name] if group == DEFAULT else conf[group][name]


def _default(conf: cfg.ConfigOpts, group: str, opt: cfg.Opt) -> Any:
    if opt.default is None:
        if opt.required:
            raise ConfigurationError(
                f"{spelled((group, opt.dest))} is not set. It must be {allowed(opt)}.", group=group, option=opt.dest
            )
        return None
    refers = isinstance(opt.default, str) and "$" in opt.default
    return typed(opt, _read(conf, (group, opt.dest)) if refers else opt.default)


def _disagreement(found: _Found, other: _Found, *, secret: bool) -> ConfigurationError:
    said = [f"{spelled(each.spelling)} is {'****' if secret else repr(each.value)}" for each in (found, other)]
    return ConfigurationError(
        f"{' and '.join(said)}, both from {_SOURCES[found.source]}. They are two spellings of one option: set one of "
        "them.",
        group=found.spelling[0],
        option=found.spelling[1],
        value=None if secret else (found.value, other.value),
    )
