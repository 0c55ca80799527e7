"""From configured names to plug-in instances with their options, strictly.

A name is looked up among the entry points of filtersched.filters, filtersched.weighers or
filtersched.drivers, and a dotted path is imported. Only what is used is imported. A name that is
missing, that two distributions claim, or that leads to something else than a plug-in is an error
which names the distribution, the entry point and what there is instead.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from oslo_config import cfg

from filtersched.errors import DuplicatePlugin, PluginLoadError, PluginNotFound
from filtersched.filters.base import BaseHostFilter
from filtersched.loading.discovery import (
    Candidate,
    Registry,
    check_class,
    classes_at,
    guarded,
    import_path,
    local_name,
    not_found,
    only,
)
from filtersched.plugins.plugin import Declaration, Plugin, declaration_of, declared_options
from filtersched.settings import SchedulerSettings, option_values
from filtersched.settings.options import DEFAULT, GROUPED, Spelling, respelled, scheduler_options, spelled
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.least_cost import BUILT_IN, cost_weigher, is_used

LOG = logging.getLogger(__name__)

FILTERS, WEIGHERS, DRIVERS = "filtersched.filters", "filtersched.weighers", "filtersched.drivers"

# all_weighers weighs in this order, so that the last bit of a sum is the same everywhere.
STANDARD_WEIGHERS = (
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
    "BuildFailureWeigher",
    "CPUWeigher",
    "CrossCellWeigher",
    "DiskWeigher",
    "HypervisorVersionWeigher",
    "ImagePropertiesWeigher",
    "IoOpsWeigher",
    "MetricsWeigher",
    "NumInstancesWeigher",
    "PCIWeigher",
    "RAMWeigher",
)

_AVAILABLE: Spelling = (DEFAULT, "scheduler_available_filters")
_WEIGHT_CLASSES: Spelling = (DEFAULT, "scheduler_weight_classes")
_COST_FUNCTIONS: Spelling = (DEFAULT, "least_cost_functions")
_DRIVER: Spelling = (DEFAULT, "scheduler_driver")
_COMPUTE_DRIVER: Spelling = (DEFAULT, "compute_scheduler_driver")

# Names of Nova's own entry points, and class paths of earlier releases.
_DRIVER_NAMES = {
    "filter_scheduler": "FilterScheduler",
    "chance_scheduler": "ChanceScheduler",
    "stochastic_scheduler": "StochasticScheduler",
    "filtersched.scheduler.FilterScheduler": "FilterScheduler",
    "filtersched.scheduler.ChanceScheduler": "ChanceScheduler",
}
_P = TypeVar("_P", bound=Plugin)


def make_plugin(plugin_class: type[_P], conf: cfg.ConfigOpts) -> _P:
    """An instance of a plug-in with its options bound to what `conf` says."""
    origin = f"{plugin_class.__module__}:{plugin_class.__qualname__}"
    plugin: _P = guarded(plugin_class, plugin_class.__name__, origin)
    values: dict[str, Any] = {}
    for group, opt in _declared_options(plugin_class, origin):
        values |= option_values(conf, [opt], group)
    plugin.bind(values)
    return plugin


def _declared_options(plugin_class: type[Plugin], origin: str) -> list[tuple[str, cfg.Opt]]:
    options = guarded(lambda: declared_options(plugin_class), plugin_class.__name__, origin)
    for _group, opt in options:
        if not isinstance(opt, cfg.Opt):
            raise PluginLoadError(
                f"{plugin_class.__name__!r} ({origin}) has {opt!r} among its options, which is not an oslo.config "
                "option.",
                name=plugin_class.__name__,
                entry_point=origin,
            )
    return list(options)


class FilterCatalog:
    """The filters that may be used: known by name, imported and made on first use.

    enabled : the filters that the configuration uses, in its order.
    """

    def __init__(self, conf: cfg.ConfigOpts, settings: SchedulerSettings) -> None:
        self._conf = conf
        self._registry = Registry(FILTERS)
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        self._instances: dict[type, BaseHostFilter] = {}
        for name in settings.available_filters:
            self._make_available(local_name(name))
        self.enabled: list[BaseHostFilter] = self.get(
            settings.enabled_filters, spelling=settings.spellings["enabled_filters"]
        )

    @property
    def available(self) -> tuple[str, ...]:
        """The names, in the order in which the configuration makes them available."""
        return tuple(self._candidates)

    def get(self, names: str | Sequence[str], *, spelling: Spelling | None = None) -> list[BaseHostFilter]:
        """The filters of these names, in this order; one instance per class however often it is named.

        spelling : the option that named them; without it, they are a request's choice.
        Raises PluginNotFound with all the unknown names at once.
        """
        wanted = [local_name(name) for name in ([names] if isinstance(names, str) else names)]
        unknown = [name for name in dict.fromkeys(wanted) if name not in self._candidates]
        if unknown:
            raise self._unavailable(unknown, spelling)
        return [self._instance(name) for name in wanted]

    def _unavailable(self, names: list[str], spelling: Spelling | None) -> PluginNotFound:
        what = "which is not available" if len(names) == 1 else "which are not available"
        installed = [name for name in names if self._registry.candidates(name)]
        hint = f"Installed, but not named by {spelled(_AVAILABLE)}: {', '.join(installed)}." if installed else ""
        return not_found(names, self._candidates, spelling, what, hint)

    def _instance(self, name: str) -> BaseHostFilter:
        candidate = only(name, self._candidates[name])
        filter_class = candidate.load()
        check_class(filter_class, BaseHostFilter, name, str(candidate))
        if filter_class not in self._instances:
            self._instances[filter_class] = make_plugin(filter_class, self._conf)
        return self._instances[filter_class]

    def _make_available(self, name: str) -> None:
        if name == "standard_filters":
            # A namesake from elsewhere is an error only for those who use the name.
            for own in self._registry.own_names():
                self._add(self._registry.candidates(own))
        elif name == "all_filters":
            for each in self._registry.names():
                self._add([only(each, self._registry.candidates(each))])
        elif "." in name or ":" in name:
            for candidate in classes_at(name, BaseHostFilter, _AVAILABLE):
                self._add([candidate])
        elif self._registry.candidates(name):
            self._add([only(name, self._registry.candidates(name))])
        else:
            known = [*self._registry.names(), "standard_filters", "all_filters"]
            raise not_found([name], known, _AVAILABLE, "which is not installed")

    def _add(self, candidates: Sequence[Candidate]) -> None:
        """Make a name available. Being named alone decides between the namesakes it is one of."""
        name = candidates[0].name
        known = {c.target: c for c in self._candidates.get(name, ())}
        new = {c.target: c for c in candidates}
        shared = known.keys() & new.keys()
        both = {target: new[target] for target in shared} if len(shared) == 1 else known | new
        self._candidates[name] = tuple(both.values())


def load_filters(conf: cfg.ConfigOpts, settings: SchedulerSettings) -> FilterCatalog:
    """The available filters, with those in use made and their options bound."""
    return FilterCatalog(conf, settings)


def load_weighers(
    conf: cfg.ConfigOpts, settings: SchedulerSettings, *, scheduler: object = None
) -> list[BaseWeigher]:
    """The weighers in use, in the order of the configuration, all_weighers in STANDARD_WEIGHERS' order.

    With least_cost_functions, the cost functions instead, each as a weigher; one named without a
    path is a method of `scheduler` or built in.
    """
    if settings.least_cost_functions is not None:
        return _cost_weighers(conf, settings.least_cost_functions, scheduler)
    registry = Registry(WEIGHERS)
    instances: dict[type, BaseWeigher] = {}
    weighers = []
    for configured in settings.weight_classes:
        for weigher_class in _weigher_classes(local_name(configured), registry):
            if weigher_class not in instances:
                instances[weigher_class] = make_plugin(weigher_class, conf)
            weighers.append(instances[weigher_class])
    return weighers


def _weigher_classes(name: str, registry: Registry) -> list[type[BaseWeigher]]:
    if name == "all_weighers":
        own = registry.own_names()
        names = [each for each in STANDARD_WEIGHERS if each in own]
        classes = [registry.load(each, _WEIGHT_CLASSES) for each in names]
    elif "." in name or ":" in name:
        classes = [candidate.load() for candidate in classes_at(name, BaseWeigher, _WEIGHT_CLASSES)]
    else:
        names, classes = [name], [registry.load(name, _WEIGHT_CLASSES)]
    for each in classes:
        check_class(each, BaseWeigher, name, name)
    return classes


def _cost_weighers(conf: cfg.ConfigOpts, paths: Sequence[str], scheduler: object) -> list[BaseWeigher]:
    weighers: list[BaseWeigher] = []
    for path in map(local_name, paths):
        name = path.rpartition(".")[2]
        if not is_used(name):
            LOG.warning(
                "%s names %r, which is ignored: only cost functions called compute_... or noop... are used.",
                spelled(_COST_FUNCTIONS),
                path,
            )
            continue
        function = import_path(path, _COST_FUNCTIONS) if "." in path else getattr(scheduler, name, BUILT_IN.get(name))
        if not callable(function):
            raise not_found([path], BUILT_IN, _COST_FUNCTIONS, "which is not a function")
        weighers.append(make_plugin(cost_weigher(name, function), conf))
    return weighers


def load_driver(_conf: cfg.ConfigOpts, settings: SchedulerSettings) -> type:
    """The scheduler class that scheduler_driver names; calling it with a conf makes the scheduler."""
    name, spelling = _driver_name(settings.driver), _DRIVER
    if name == "MultiScheduler":
        name, spelling = _driver_name(settings.compute_driver), _COMPUTE_DRIVER
    if "." in name or ":" in name:
        driver = import_path(name, spelling)
    else:
        driver = Registry(DRIVERS).load(name, spelling)
    if not (inspect.isclass(driver) and callable(getattr(driver, "select_destinations", None))):
        raise PluginLoadError(
            f"{spelled(spelling)} is {name!r}, which is {driver!r} and not a class with select_destinations; derive "
            "it from FilterScheduler.",
            name=name,
            entry_point=name,
        )
    return driver


def _driver_name(path: str) -> str:
    name = local_name(path)
    return _DRIVER_NAMES.get(name.replace(":", "."), name)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options of the library in all spellings, by group: the `filtersched` list of oslo.config."""
    options = list(scheduler_options())
    for plugin_class in _plugin_classes(own=True):
        options += _spellings(plugin_class)
    return _by_group(options)


def list_installed_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of other people's installed plug-ins: the list `filtersched.plugins`."""
    return _by_group([option for plugin_class in _plugin_classes(own=False) for option in _spellings(plugin_class)])


def _plugin_classes(*, own: bool) -> list[type[Plugin]]:
    """The filter and weigher classes that are our own, or the others; broken ones are left out."""
    classes: dict[type[Plugin], None] = {}
    for group, base in ((FILTERS, BaseHostFilter), (WEIGHERS, BaseWeigher)):
        for candidate in Registry(group).all_candidates():
            if candidate.is_own != own:
                continue
            try:
                found = candidate.load()
                check_class(found, base, candidate.name, str(candidate))
                _declared_options(found, str(candidate))
                classes[found] = None
            except PluginLoadError as error:
                LOG.warning("The options of a plug-in are left out. %s", error)
    return list(classes)


def _spellings(plugin_class: type[Plugin]) -> list[tuple[str, cfg.Opt]]:
    spellings: list[tuple[str, cfg.Opt]] = []
    for group, opt in declared_options(plugin_class):
        flat = [(DEFAULT, opt.dest)] if group == GROUPED else []
        spellings += respelled(opt, [*flat, (group, opt.dest)])
    return spellings


def _by_group(options: Iterable[tuple[str, cfg.Opt]]) -> list[tuple[str, list[cfg.Opt]]]:
    """The options of each group, the first of those that share a name."""
    groups: dict[str, dict[str, cfg.Opt]] = {}
    for group, opt in options:
        groups.setdefault(group, {}).setdefault(opt.dest, opt)
    return [(group, list(opts.values())) for group, opts in groups.items()]


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
    kinds: tuple[tuple[str, str, type], ...] = (
        ("filter", FILTERS, BaseHostFilter),
        ("weigher", WEIGHERS, BaseWeigher),
        ("driver", DRIVERS, object),
    )
    return [
        _describe(kind, base, candidate, registry.candidates(candidate.name))
        for kind, group, base in kinds
        for registry in [Registry(group)]
        for candidate in registry.all_candidates()
    ]


def _describe(kind: str, base: type, candidate: Candidate, namesakes: Sequence[Candidate]) -> PluginDescription:
    facts: dict[str, Any] = {}
    try:
        found = candidate.load()
        check_class(found, base, candidate.name, str(candidate))
        facts["summary"] = (inspect.getdoc(found) or "").partition("\n")[0]
        if issubclass(found, Plugin):
            facts["options"] = tuple(_declared_options(found, str(candidate)))
            facts["declaration"] = declaration_of(found)
        only(candidate.name, namesakes)
    except (PluginLoadError, DuplicatePlugin) as error:
        facts["problem"] = str(error)
    return PluginDescription(candidate.name, kind, candidate.distribution, candidate.target, **facts)
