"""Profiles: sections of the configuration that change it for some requests.

    [profile:batch]
    weight_classes = ShareWeigher
    share_weight_multiplier = -1
    projects = render, nightly

A section sets options under any of their names, as keywords of `make_conf` do. Sections of any name are
allowed in a file: oslo.config knows the options of a section only once they are registered there.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg

from filtersched.errors import ConfigurationError, nearest
from filtersched.settings.command_line import OptionNames
from filtersched.settings.conf import checked_value, resolve_setting
from filtersched.settings.options import (
    DEFAULT,
    GROUPED,
    NO_EFFECT,
    SETTINGS,
    SchedulerSettings,
    Setting,
    Spelling,
    spelled,
)
from filtersched.settings.profile_conf import PREFIX, Profile

#: The name that means the main configuration.
MAIN_PROFILE = "default"
_PROJECTS = "projects"
_BY_SHARE = {"ram_weight_multiplier": 0.0, "cpu_weight_multiplier": 0.0, "disk_weight_multiplier": 0.0}
#: The profiles that every configuration has, with what each sets unless its section does.
SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "spread": {"share_weight_multiplier": 1.0, **_BY_SHARE},
    "pack": {"share_weight_multiplier": -1.0, **_BY_SHARE},
}
# Where a profile sets the first field of SchedulerSettings, the second has this value and not that of the main
# configuration.
_INSTEAD: tuple[tuple[str, str, Any], ...] = (
    ("weight_classes", "least_cost_functions", None),
    ("least_cost_functions", "weight_classes", ["all_weighers"]),
    ("enabled_filters", "use_baremetal_filters", False),
)
# A value, and what set it.
Own = tuple[Any, Spelling | None]
_PROJECTS_OPT = cfg.ListOpt(
    _PROJECTS,
    default=[],
    help="The ids of the projects whose requests this profile decides, unless the flavor or the caller names another. "
    "A project has one profile. Empty: those of no project.",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
# Fields of SchedulerSettings that hold for all requests, and why.
_ALIKE = {
    "driver": "a driver is not part of a profile",
    "compute_driver": "a driver is not part of a profile",
    "host_manager": "it says what instances take of hosts, whoever decides",
    "host_class": "hosts are read once, for all profiles",
    "connection_type": "hosts are read once, for all profiles",
    "reserved_host_memory_mb": "hosts are read once, for all profiles",
    "reserved_host_disk_mb": "hosts are read once, for all profiles",
    "shared_resources": "they limit the requests of all profiles together",
    "profile_hints": "it says which profiles requests may choose",
    "verbose": "it is about the command and not about a decision",
}


def profiles_of(conf: cfg.ConfigOpts, settings: SchedulerSettings) -> dict[str, Profile]:
    """The profiles by name: those of the configuration in its order, then those that ship and are not among them.

    Raises ConfigurationError for an unknown option, a bad value, and an option that profiles cannot change.
    """
    names = OptionNames()
    found: dict[str, Profile] = {}
    for group, written in _sections(conf).items():
        name = group.removeprefix(PREFIX)
        if not _NAME.fullmatch(name) or name == MAIN_PROFILE:
            said = "means the main configuration" if name == MAIN_PROFILE else "is no name of a profile"
            hint = "Write letters, digits, '-', '_' and '.', as in [profile:batch]."
            raise ConfigurationError(f"[{group}]: {name!r} {said}. {hint}", group=group, value=name)
        found[name] = _profile(conf, settings, name, written, names)
    for name in SHIPPED:
        found.setdefault(name, _profile(conf, settings, name, (), names))
    _check_projects(found.values())
    for name in settings.profile_hints or ():
        if name.lower() not in (*found, MAIN_PROFILE):
            group, option = settings.spellings["profile_hints"]
            raise ConfigurationError(
                f"{spelled((group, option))} names the profile {name!r}, which is not defined. "
                f"{nearest(name, (*found, MAIN_PROFILE))}".strip(),
                group=group,
                option=option,
                value=name,
            )
    return found


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What the section of a profile has of its own: the list `filtersched.profiles` of oslo.config."""
    group = cfg.OptGroup(
        f"{PREFIX}batch",
        help="A profile: what differs for some requests. The name behind the colon is yours, and there may be any "
        "number of such sections. A section sets every option that differs, by any of its names: filters, weighers, "
        "multipliers and options of both; not the driver. A section that sets nothing defines no profile. The "
        "profiles spread and pack are always there, and may be changed in the same way."
    )
    return [(group, [_PROJECTS_OPT])]


def _sections(conf: cfg.ConfigOpts) -> dict[str, list[str]]:
    """The names that each section of a profile sets, in their order; a section that sets nothing is not there."""
    found: dict[str, dict[str, None]] = {}
    for space in (conf._namespace, conf._mutable_ns):
        # The last file is the first of them.
        for sections in reversed(space._parsed if space is not None else ()):
            for section, names in sections.items():
                if section.lower().startswith(PREFIX):
                    found.setdefault(section.lower(), {}).update(dict.fromkeys(names))
    for group, values in getattr(conf, "profiles_given", {}).items():
        found.setdefault(group, {}).update(dict.fromkeys(values))
    return {group: list(names) for group, names in found.items() if names}


def _profile(
    conf: cfg.ConfigOpts, settings: SchedulerSettings, name: str, written: Iterable[str], names: OptionNames
) -> Profile:
    group = PREFIX + name
    projects: tuple[str, ...] = ()
    own: list[str] = []
    values: dict[Spelling, Own] = {}
    for text in written:
        if text == _PROJECTS:
            projects = tuple(_value(conf, _PROJECTS_OPT, (group, text)))
            continue
        spellings, opt = _option(group, text, names)
        value = _value(conf, opt, (group, text))
        earlier, by = values.get(spellings[0], (value, None))
        if earlier != value and by is not None:
            said = f"{spelled(by)} is {earlier!r} and {spelled((group, text))} is {value!r}"
            raise ConfigurationError(
                f"{said}. They are two spellings of one option: set one of them.",
                group=group,
                option=text,
                value=value,
            )
        values |= dict.fromkeys(spellings, (value, (group, text)))
        own.append(text)
    values = {**_shipped(name, settings, values), **values}
    return Profile(name, {**_taken_back(values), **values}, projects, tuple(own), is_shipped=not written)


def _shipped(name: str, settings: SchedulerSettings, values: Mapping[Spelling, Own]) -> dict[Spelling, Own]:
    """What the profile sets where its section does not."""
    if name not in SHIPPED:
        return {}
    found: dict[str, Any] = dict(SHIPPED[name])
    if not _sets(values, "least_cost_functions"):
        found["weight_classes"] = _with_share_weigher(settings)
    own: dict[Spelling, Own] = {}
    for option, value in found.items():
        own |= dict.fromkeys(_spellings((GROUPED, option)), (value, (PREFIX + name, option)))
    return own


def _with_share_weigher(settings: SchedulerSettings) -> list[str]:
    """The weighers of the main configuration, and ShareWeigher."""
    classes = ["all_weighers"] if settings.least_cost_functions is not None else list(settings.weight_classes)
    has_it = any(one.rpartition(".")[2] in ("all_weighers", "ShareWeigher") for one in classes)
    return classes if has_it else [*classes, "ShareWeigher"]


def _taken_back(values: Mapping[Spelling, Own]) -> dict[Spelling, Own]:
    """The settings of the main configuration that would hide what the profile sets."""
    taken: dict[Spelling, Own] = {}
    for sets, back, value in _INSTEAD:
        if _sets(values, sets):
            taken |= dict.fromkeys(_setting(back).spellings, (value, None))
    return taken


def _sets(values: Mapping[Spelling, Own], field: str) -> bool:
    return any(spelling in values for spelling in _setting(field).spellings)


def _option(group: str, text: str, names: OptionNames) -> tuple[list[Spelling], cfg.Opt]:
    """The option that a name in a profile means, in all its spellings. Raises ConfigurationError."""
    try:
        found = names.find(text)
        problem = str(names.unknown(text)) if found is None else ""
    except ConfigurationError as error:
        # A name that may mean several.
        found, problem = None, str(error)
    if found is None:
        raise ConfigurationError(f"[{group}]: {problem}", group=group, option=text)
    spelling, opt = found
    setting = _setting_of(spelling)
    why = _ALIKE.get(setting.field) if setting is not None else None
    if any(spelling == (each, one.dest) for each, one in NO_EFFECT):
        why = "it has no effect"
    if why is not None:
        said = f"{spelled((group, text))} is not allowed: {why}."
        raise ConfigurationError(said, group=group, option=text)
    return _spellings(spelling), opt


def _value(conf: cfg.ConfigOpts, opt: cfg.Opt, spelling: Spelling) -> Any:
    """What a section sets an option to. Raises ConfigurationError."""
    group, text = spelling
    own = copy.copy(opt)
    own.name = own.dest = text
    given = getattr(conf, "profiles_given", {}).get(group, {})
    if text in given:
        return checked_value(own, spelling, given[text])
    return resolve_setting(conf, Setting("", ((group, own),)))[0]


def _spellings(spelling: Spelling) -> list[Spelling]:
    """All spellings of the option that has this one."""
    setting = _setting_of(spelling)
    if setting is not None:
        return setting.spellings
    group, name = spelling
    return [(DEFAULT, name), (GROUPED, name)] if group in (DEFAULT, GROUPED) else [spelling]


def _setting_of(spelling: Spelling) -> Setting | None:
    return next((one for one in SETTINGS if spelling in one.spellings), None)


def _setting(field: str) -> Setting:
    return next(one for one in SETTINGS if one.field == field)


def _check_projects(profiles: Iterable[Profile]) -> None:
    """Raise ConfigurationError for a project of two profiles."""
    by_project: dict[str, Profile] = {}
    for profile in profiles:
        for project in profile.projects:
            other = by_project.setdefault(project, profile)
            if other is not profile:
                raise ConfigurationError(
                    f"{spelled((profile.group, _PROJECTS))} names {project!r}, which "
                    f"{spelled((other.group, _PROJECTS))} names too. A project has one profile.",
                    group=profile.group,
                    option=_PROJECTS,
                    value=project,
                )
