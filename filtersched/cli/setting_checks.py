"""Settings that say less than they seem to: ignored by Nova's rules, unread, or misspelled."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from oslo_config import cfg

from filtersched.cli.findings import Checked, Finding
from filtersched.cli.other_services import ORDINARY
from filtersched.cli.profile_checks import profiles_of
from filtersched.cli.weigher_checks import configured_multiplier
from filtersched.columns.values import number
from filtersched.errors import ConfigurationError
from filtersched.loading import (
    describe_plugins,
    list_installed_opts,
    list_opts,
    problem_with,
    registered_by_plugins,
)
from filtersched.plugins.configurable import declared_options
from filtersched.plugins.plugin import overrides_of
from filtersched.schedulers import StochasticScheduler
from filtersched.settings import SchedulerConf, option_values
from filtersched.settings.options import DEFAULT, GROUPED, NO_EFFECT, Spelling, spelled, spellings_of
from filtersched.settings.weight_settings import setting_of
from filtersched.weighers.least_cost import is_used

# Options whose elements are name=number; Nova leaves out those that are not.
_SETTINGS_LISTS = ("weight_setting", "image_props_weight_setting")
# How FilterScheduler chooses among the best hosts.
_CHOICES: tuple[Spelling, ...] = (
    (DEFAULT, "scheduler_host_subset_size"),
    (GROUPED, "host_subset_size"),
    (DEFAULT, "shuffle_best_same_weighed_hosts"),
    (GROUPED, "shuffle_best_same_weighed_hosts"),
)
# Groups that are ours alone; others, and DEFAULT, hold settings of other programs too.
_OWN_GROUPS = (GROUPED, "scheduler", "metrics")

_SET = (
    cfg.Locations.user,
    cfg.Locations.environment,
    cfg.Locations.set_override,
    cfg.Locations.command_line,
)


def setting_findings(checked: Checked) -> Iterator[Finding]:
    """Every setting that has not the effect it seems to have."""
    yield from _malformed(checked)
    yield from _without_effect(checked.conf)
    yield from _host_manager(checked)
    yield from _undrawn(checked)
    yield from _unread(checked)
    yield from _unknown(checked.conf)
    yield from _aggregate_numbers(checked)
    yield from _zone(checked)


def is_set(conf: SchedulerConf, spelling: Spelling) -> bool:
    """Whether this spelling is given, in a file, on the command line or in code."""
    group, name = spelling
    try:
        location = conf.get_location(name, None if group == DEFAULT else group)
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError, AttributeError):
        return False
    return location is not None and location.location in _SET


def _malformed(checked: Checked) -> Iterator[Finding]:
    seen = set()
    for plugin in (*checked.filters, *checked.weighers):
        for group, opt in declared_options(type(plugin)):
            if opt.dest not in _SETTINGS_LISTS or (group, opt.dest) in seen:
                continue
            seen.add((group, opt.dest))
            for item in plugin.option(opt.dest):
                if setting_of(item) is None:
                    yield Finding(
                        "ignored",
                        f"{spelled(plugin.spelling(opt.dest))}: {item!r} is ignored, as in Nova; "
                        "it must be name=number.",
                    )
    for plugin in checked.weighers:
        names = [opt.dest for _group, opt in declared_options(type(plugin)) if opt.dest in _SETTINGS_LISTS]
        if any(plugin.option(name) for name in names) and configured_multiplier(plugin) == 0:
            said = f"{type(plugin).__name__} has a {names[0]} and the multiplier 0, which disables it."
            yield Finding("no effect", said)
    for path in checked.scheduler.settings.least_cost_functions or ():
        if not is_used(path.rpartition(".")[2]):
            yield Finding(
                "ignored",
                f"least_cost_functions: {path!r} is ignored, as in Nova; only functions called compute_... or noop... "
                "are used.",
            )


def _without_effect(conf: SchedulerConf) -> Iterator[Finding]:
    for group, opt in NO_EFFECT:
        if is_set(conf, (group, opt.dest)):
            why = (opt.help or "").removeprefix("Accepted without effect: ").partition(" Also written ")[0]
            yield Finding("no effect", f"{spelled((group, opt.dest))} is set and has no effect here: {why}")


def _host_manager(checked: Checked) -> Iterator[Finding]:
    settings = checked.scheduler.settings
    spelling = settings.spellings["host_manager"]
    if is_set(checked.conf, spelling) and not settings.takes_whole_nodes:
        why = "the calling program gives the hosts to the scheduler."
        yield Finding("no effect", f"{spelled(spelling)} is set and has no effect here: {why}")


def _undrawn(checked: Checked) -> Iterator[Finding]:
    """Settings of the choice among the best hosts, where the driver draws among all."""
    if not isinstance(checked.scheduler, StochasticScheduler):
        return
    for spelling in _CHOICES:
        if is_set(checked.conf, spelling):
            yield Finding(
                "no effect", f"{spelled(spelling)} is set; StochasticScheduler draws among all hosts and ignores it."
            )


def _unread(checked: Checked) -> Iterator[Finding]:
    """Options of plug-ins that are set while no plug-in in use reads them."""
    inside = [one for _profile, one in profiles_of(checked)]
    used = {type(one) for each in (checked, *inside) for one in (*each.filters, *each.weighers)}
    read = {(group, opt.dest) for one in used for group, opt in declared_options(one)}
    readers: dict[tuple[str, str], list[str]] = {}
    options: dict[tuple[str, str], cfg.Opt] = {}
    for plugin in describe_plugins():
        for group, opt in plugin.options:
            if (group, opt.dest) not in read:
                names = readers.setdefault((group, opt.dest), [])
                names += [] if plugin.name in names else [plugin.name]
                options[group, opt.dest] = opt
    for (group, name), opt in options.items():
        try:
            option_values(checked.conf, [opt], group)
        except ConfigurationError as error:
            yield Finding("not read", f"{error} Nothing in use reads it.")
            continue
        for spelling in spellings_of(opt, group):
            if is_set(checked.conf, spelling):
                what = " or ".join(readers[group, name])
                yield Finding("not read", f"{spelled(spelling)} is set and nothing in use reads it; {what} would.")


def _unknown(conf: SchedulerConf) -> Iterator[Finding]:
    """Unknown names in files, if they look like a slip."""
    by_plugins = registered_by_plugins()
    known = _by_group((*list_opts(), *list_installed_opts(), *((group, [opt]) for group, opt in by_plugins)))
    for group, opt in by_plugins:
        problem = problem_with(group, opt)
        if problem:
            yield Finding("bad value", f"{spelled((group, opt.dest))} of a plug-in cannot be read: {problem}")
    for group, name in dict.fromkeys(conf.names_in_files()):
        names = known.get(group, set())
        plain = name.replace("-", "_")
        if plain in names or plain.endswith("_weight"):  # the weight of a cost function of any name
            continue
        if plain in ORDINARY.get(group, ()):
            continue
        close = difflib.get_close_matches(plain, sorted(names), n=1, cutoff=0.88)
        if close or group in _OWN_GROUPS:
            hint = f" Is {close[0]} meant?" if close else ""
            said = f"{spelled((group, name))} is in a file and is no option here; it is ignored.{hint}"
            yield Finding("unknown", said)


def _by_group(options: Iterable[tuple[str, Sequence[cfg.Opt]]]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for group, opts in options:
        names = known.setdefault(group if group == DEFAULT else group.lower(), set())
        for opt in opts:
            names |= {opt.dest, opt.name.replace("-", "_")}
    return known


def _aggregate_numbers(checked: Checked) -> Iterator[Finding]:
    overrides = [override for one in describe_plugins() for override in one.overrides]
    overrides += [found for one in (*checked.filters, *checked.weighers) for found in overrides_of(type(one)).values()]
    casts = {override.key: override.cast for override in overrides}
    seen: dict[tuple[str, str], str] = {}
    for host in checked.hosts:
        for aggregate in host.aggregates:
            for key in aggregate.metadata.keys() & casts.keys():
                text = aggregate.metadata[key]
                if (key, str(text)) not in seen and not _reads_as(text, casts[key]):
                    seen[key, str(text)] = aggregate.name
    for (key, text), name in seen.items():
        yield Finding(
            "ignored",
            f"Aggregate {name!r} sets {key} to {text!r}, which is no number: as in Nova, the configured value counts "
            "for its hosts, even where another aggregate of theirs sets one.",
        )


def _reads_as(text: str, cast: Callable[[str], Any]) -> bool:
    try:
        number(cast(text))
    except ValueError:
        return False
    return True


def _zone(checked: Checked) -> Iterator[Finding]:
    zone = checked.scheduler.settings.default_schedule_zone
    if zone and not any(type(one).__name__ == "AvailabilityZoneFilter" for one in checked.filters):
        yield Finding(
            "no effect", f"default_schedule_zone is {zone!r}, and without AvailabilityZoneFilter no zone is looked at."
        )
