"""What is installed, for a person to read and for oslo.config's tools: plug-ins and their options."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from filtersched.errors import ConfigurationError
from filtersched.filters.base import BaseHostFilter
from filtersched.loading.entry_points import DRIVERS, FILTERS, RESOURCES, WEIGHERS, Candidate, Registry, meant
from filtersched.loading.loader import options_of
from filtersched.loading.paths import classes_at, is_path, local_name
from filtersched.loading.shape import check_shape
from filtersched.nova import stand_ins_of
from filtersched.plugins.configurable import Configurable
from filtersched.plugins.plugin import Declaration, Override, Reads, declaration_of, meets_of, overrides_of
from filtersched.resources.configured import is_definition
from filtersched.resources.shared_resource import SharedResource
from filtersched.settings import SchedulerSettings
from filtersched.settings.options import respelled, scheduler_options, spellings_of
from filtersched.weighers.base import BaseWeigher

LOG = logging.getLogger(__name__)

_Kind = tuple[str, str, type | None]
_KINDS: tuple[_Kind, ...] = (
    ("filter", FILTERS, BaseHostFilter),
    ("weigher", WEIGHERS, BaseWeigher),
    ("driver", DRIVERS, None),
    ("resource", RESOURCES, SharedResource),
)


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """One installed plug-in, for a person to read.

    kind : "filter", "weigher", "driver" or "resource".
    options : (group, option); declaration : what its class promises, or None.
    meets : what of a request it meets, or None if it may be anything.
    overrides : what aggregates may override of the options.
    stand_ins : the modules of Nova that it imports and that stand-ins answer for.
    problem : why it cannot be used, or "".
    """

    name: str
    kind: str
    distribution: str
    target: str
    summary: str = ""
    options: tuple[tuple[str, cfg.Opt], ...] = ()
    declaration: Declaration | None = None
    meets: Reads | None = None
    overrides: tuple[Override, ...] = ()
    stand_ins: tuple[str, ...] = ()
    problem: str = ""


def describe_plugins(settings: SchedulerSettings | None = None) -> list[PluginDescription]:
    """Every installed filter, weigher, driver and resource, imported to be described; the broken ones too.

    settings : those that it names by a path are described too.
    """
    described = list(_described(*_KINDS))
    if settings is None:
        return described
    known = {one.target for one in described}
    return [*described, *(one for one in _at_paths(settings) if one.target not in known)]


def _at_paths(settings: SchedulerSettings) -> Iterator[PluginDescription]:
    """The filters, weighers and resources that the configuration names by a path."""
    filters = (name for value in settings.available_filters for name in value.split(","))
    named = (value for value in settings.shared_resources if not is_definition(value))
    resources = (name.strip() for value in named for name in value.split(","))
    for kind, base, field, names in (
        ("filter", BaseHostFilter, "available_filters", filters),
        ("weigher", BaseWeigher, "weight_classes", settings.weight_classes),
        ("resource", SharedResource, "shared_resources", resources),
    ):
        for path in filter(is_path, map(local_name, names)):
            try:
                found = classes_at(path, base, settings.spellings[field])
            except ConfigurationError as error:
                yield PluginDescription(path, kind, "", path, problem=str(error))
                continue
            yield from (_describe(kind, base, Candidate.of(one), [Candidate.of(one)]) for one in found)


def describe_own_plugins() -> list[PluginDescription]:
    """The library's own filters and weighers."""
    return list(_described(*_KINDS[:2], own=True))


def own_meets() -> list[tuple[str, Reads]]:
    """What of a request each of the library's own filters and weighers meets, by name, where it says so.

    The same as `describe_own_plugins` says, without describing them.
    """
    found = []
    for _kind, group, base in _KINDS[:2]:
        for candidate in Registry(group).all_candidates():
            if candidate.is_own:
                with contextlib.suppress(ConfigurationError):
                    meets = meets_of(candidate.load(base))
                    if meets is not None:
                        found.append((candidate.name, meets))
    return found


def _described(*kinds: _Kind, own: bool | None = None) -> Iterator[PluginDescription]:
    """The plug-ins of these kinds: all, with the duplicates among them, or only our own, or only the others."""
    for kind, group, base in kinds:
        registry = Registry(group)
        for candidate in registry.all_candidates():
            if own is None:
                yield _describe(kind, base, candidate, registry.candidates(candidate.name))
            elif own == candidate.is_own:
                yield _describe(kind, base, candidate, [candidate])
        if not own:
            for problem in registry.unreadable:
                yield PluginDescription("?", kind, "", group, problem=problem)


def _describe(kind: str, base: type | None, candidate: Candidate, namesakes: Sequence[Candidate]) -> PluginDescription:
    facts: dict[str, Any] = {}
    try:
        found = candidate.load(base)
        facts["summary"] = (inspect.getdoc(found) or "").partition("\n")[0]
        if inspect.isclass(found) and issubclass(found, Configurable):
            facts["options"] = tuple(options_of(found, str(candidate)))
        if base is not None:
            check_shape(found, str(candidate))
            facts["declaration"] = declaration_of(found)
            facts["meets"] = meets_of(found)
            facts["overrides"] = tuple(overrides_of(found).values())
            facts["stand_ins"] = tuple(stand_ins_of(found))
        chosen = meant(candidate.name, namesakes)
        if chosen.is_own and not candidate.is_own:
            facts["problem"] = f"{candidate.name!r} means {chosen}. Configure the path {candidate.target} for this one."
    except ConfigurationError as error:
        facts["problem"] = str(error)
    return PluginDescription(candidate.name, kind, candidate.distribution, candidate.target, **facts)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options of the library in all spellings, by group: the `filtersched` list of oslo.config."""
    return _by_group([*scheduler_options(), *_plugin_options(own=True)])


def list_installed_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of other people's installed plug-ins: the list `filtersched.plugins`."""
    return _by_group(_plugin_options(own=False))


def _plugin_options(*, own: bool) -> Iterator[tuple[str, cfg.Opt]]:
    """The options of our own plug-ins, or of the others, in all spellings; broken ones are left out."""
    described = list(_described(*_KINDS, own=own))
    for problem in dict.fromkeys(one.problem for one in described if one.problem):
        LOG.warning("The options of a plug-in are left out. %s", problem)
    for plugin in described:
        for group, opt in plugin.options:
            yield from respelled(opt, spellings_of(opt, group))


def _by_group(options: Iterable[tuple[str, cfg.Opt]]) -> list[tuple[str, list[cfg.Opt]]]:
    """The options of each group, the first of those that share a name."""
    groups: dict[str, dict[str, cfg.Opt]] = {}
    for group, opt in options:
        groups.setdefault(group, {}).setdefault(opt.dest, opt)
    return [(group, list(opts.values())) for group, opts in groups.items()]
