"""What is installed, for a person to read and for oslo.config's tools: plug-ins and their options."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from filtersched.errors import DuplicatePlugin, PluginLoadError
from filtersched.filters.base import BaseHostFilter
from filtersched.loading.entry_points import DRIVERS, FILTERS, WEIGHERS, Candidate, Registry, only
from filtersched.loading.loader import options_of
from filtersched.plugins.plugin import Declaration, Plugin, declaration_of
from filtersched.settings.options import DEFAULT, GROUPED, respelled, scheduler_options
from filtersched.weighers.base import BaseWeigher

LOG = logging.getLogger(__name__)

_KINDS: tuple[tuple[str, str, type | None], ...] = (
    ("filter", FILTERS, BaseHostFilter),
    ("weigher", WEIGHERS, BaseWeigher),
    ("driver", DRIVERS, None),
)


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """One installed plug-in, for a person to read.

    kind : "filter", "weigher" or "driver".
    options : (group, option); declaration : what its class promises, or None.
    problem : why it cannot be used, or "".
    """

    name: str
    kind: str
    distribution: str
    target: str
    summary: str = ""
    options: tuple[tuple[str, cfg.Opt], ...] = ()
    declaration: Declaration | None = None
    problem: str = ""


def describe_plugins() -> list[PluginDescription]:
    """Every installed filter, weigher and driver, imported to be described; the broken ones too."""
    described = []
    for kind, group, base in _KINDS:
        registry = Registry(group)
        described += [_describe(kind, base, candidate, registry) for candidate in registry.all_candidates()]
        described += [PluginDescription("?", kind, "", group, problem=problem) for problem in registry.unreadable]
    return described


def _describe(kind: str, base: type | None, candidate: Candidate, registry: Registry) -> PluginDescription:
    facts: dict[str, Any] = {}
    try:
        found = candidate.load(base)
        facts["summary"] = (inspect.getdoc(found) or "").partition("\n")[0]
        if base is not None:
            facts["options"] = tuple(options_of(found, str(candidate)))
            facts["declaration"] = declaration_of(found)
        only(candidate.name, registry.candidates(candidate.name))
    except (PluginLoadError, DuplicatePlugin) as error:
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
    seen: set[type[Plugin]] = set()
    registries = [(Registry(group), base) for _kind, group, base in _KINDS[:2]]
    if not own:
        for problem in dict.fromkeys(problem for registry, _base in registries for problem in registry.unreadable):
            LOG.warning("%s", problem)
    candidates = [(each, base) for registry, base in registries for each in registry.all_candidates()]
    for candidate, base in candidates:
        if candidate.is_own != own:
            continue
        try:
            found = candidate.load(base)
            options = [] if found in seen else options_of(found, str(candidate))
        except PluginLoadError as error:
            LOG.warning("The options of a plug-in are left out. %s", error)
            continue
        seen.add(found)
        for group, opt in options:
            flat = [(DEFAULT, opt.dest)] if group == GROUPED else []
            yield from respelled(opt, [*flat, (group, opt.dest)])


def _by_group(options: Iterable[tuple[str, cfg.Opt]]) -> list[tuple[str, list[cfg.Opt]]]:
    """The options of each group, the first of those that share a name."""
    groups: dict[str, dict[str, cfg.Opt]] = {}
    for group, opt in options:
        groups.setdefault(group, {}).setdefault(opt.dest, opt)
    return [(group, list(opts.values())) for group, opts in groups.items()]
