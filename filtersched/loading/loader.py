"""From configured names to plug-in instances with their options, strictly.

A name is looked up among the entry points of filtersched.filters, filtersched.weighers or
filtersched.drivers; a dotted path is imported. Only what is used is imported. A name that is
missing, that two distributions claim, or that leads to something else than a plug-in is an error
that names the distribution, the entry point, the option in the spelling that set it, and what
there is instead.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from oslo_config import cfg

from filtersched.errors import InvalidRequest, PluginLoadError, PluginNotFound, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.bare_metal_host import BareMetalHost
from filtersched.hosts.host_state import HostState
from filtersched.loading.entry_points import DRIVERS, FILTERS, WEIGHERS, Candidate, Registry, meant, only
from filtersched.loading.global_options import share_settings
from filtersched.loading.novas_names import nearest_driver, what_is_missing, why_no_driver
from filtersched.loading.paths import check_class, classes_at, guarded, import_path, is_path, local_name, not_found
from filtersched.loading.shape import check_shape
from filtersched.plugins.configurable import Configurable, declared_options
from filtersched.plugins.plugin import Plugin, declaration_of
from filtersched.requests.record import checked_names
from filtersched.settings import SchedulerSettings, Spelling, allocation_ratios, resolve_option, resolve_ratio, spelled
from filtersched.settings.shared_options import ALLOCATION_RATIOS
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.least_cost import BUILT_IN, cost_weigher, is_used
from filtersched.weighers.standard import STANDARD_WEIGHERS

LOG = logging.getLogger(__name__)

_P = TypeVar("_P", bound=Plugin)


@dataclass(frozen=True)
class FurtherFilters:
    """Filters beside those in use: the named ones, or else those of the profile that decides.

    classes : used too, each unless a filter of it is among those in use.
    """

    classes: Sequence[type[BaseHostFilter]]
    named: Sequence[str] | None = None


#: Filters as a program gives them: names among the available, classes, objects.
FiltersGiven = (
    str
    | type[BaseHostFilter]
    | BaseHostFilter
    | Sequence[str | type[BaseHostFilter] | BaseHostFilter]
    | FurtherFilters
)
#: Weighers likewise; names are installed ones.
WeighersGiven = str | type[BaseWeigher] | BaseWeigher | Sequence[str | type[BaseWeigher] | BaseWeigher]


def make_plugin(plugin_class: type[_P], conf: cfg.ConfigOpts) -> _P:
    """An instance of a plug-in with its options bound to what `conf` says."""
    origin = f"{plugin_class.__module__}:{plugin_class.__qualname__}"
    is_own = origin.startswith("filtersched.")
    if not is_own:
        share_settings(conf)
    check_shape(plugin_class, origin)
    plugin: _P = guarded(plugin_class, plugin_class.__name__, origin)
    bind_options(plugin, conf, origin)
    if not is_own and declaration_of(plugin_class) is None:
        plugin.configured_ratios = allocation_ratios(conf)
    return plugin


def bind_options(plugin: Configurable, conf: cfg.ConfigOpts, origin: str) -> None:
    """Give a plug-in the values that `conf` has for its options."""
    found = {}
    for group, opt in options_of(type(plugin), origin):
        resolve = resolve_ratio if opt in ALLOCATION_RATIOS else resolve_option
        found[opt.dest] = resolve(conf, opt, group)
    plugin.spell_options({name: spelling for name, (_value, spelling) in found.items()})
    plugin.bind({name: value for name, (value, _spelling) in found.items()})


def options_of(plugin_class: type[Configurable], origin: str) -> list[tuple[str, cfg.Opt]]:
    """The declared options of a class, each with its group; PluginLoadError for what is none."""
    given: Any = plugin_class.options
    if not isinstance(given, list | tuple):
        name = plugin_class.__name__
        raise PluginLoadError(
            f"{name!r} ({origin}): options is {shown(given)}; write a tuple of oslo.config options.",
            name=name,
            entry_point=origin,
        )
    options = guarded(lambda: declared_options(plugin_class), plugin_class.__name__, origin)
    for group, opt in options:
        problem = ""
        if not isinstance(opt, cfg.Opt):
            problem = f"has {shown(opt)} among its options, which is not an oslo.config option"
        elif not isinstance(group, str):
            problem = f"has the option_group {shown(group)}, which is not text"
        if problem:
            raise PluginLoadError(
                f"{plugin_class.__name__!r} ({origin}) {problem}.", name=plugin_class.__name__, entry_point=origin
            )
    return list(options)


def each_given(field: str, given: Any, base: type[_P]) -> list[str | type[_P] | _P]:
    """The names, classes and objects of plug-ins that a call gives. Raises InvalidRequest for anything else."""
    if isinstance(given, base) or inspect.isclass(given):
        given = [given]
    if isinstance(given, str) or not isinstance(given, Sequence):
        return list(checked_names(field, given))
    for at, one in enumerate(given):
        if isinstance(one, base):
            check_shape(type(one), f"{field}[{at}]")
            continue
        if isinstance(one, str) or (inspect.isclass(one) and issubclass(one, base)):
            continue
        said = f"{field}[{at}] is {shown(one)}, and no name, no class derived from {base.__name__} and no object of one"
        raise InvalidRequest(said, field=field, value=one)
    return list(given)


class FilterCatalog:
    """The filters that may be used: known by name, imported and made on first use.

    enabled : the filters that a program gave, else those that the configuration uses, in this order.
    """

    def __init__(self, conf: cfg.ConfigOpts, settings: SchedulerSettings, given: FiltersGiven | None = None) -> None:
        self._conf = conf
        self._spelling = settings.spellings["available_filters"]
        self._registry = Registry(FILTERS)
        # By name, those of a list and those that are named alone, which go before.
        self._listed: dict[str, dict[str, Candidate]] = {}
        self._alone: dict[str, dict[str, Candidate]] = {}
        self._instances: dict[type, BaseHostFilter] = {}
        for name in settings.available_filters:
            self._make_available(local_name(name), name)
        spelling = settings.spellings["enabled_filters"] if given is None else ("", "filters")
        enabled = settings.enabled_filters if given is None else given
        self.enabled: list[BaseHostFilter] = self.get(enabled, spelling=spelling)

    @property
    def available(self) -> tuple[str, ...]:
        """The names, in the order in which the configuration makes them available."""
        return tuple(self._listed)

    def get(self, given: FiltersGiven, *, spelling: Spelling | None = None) -> list[BaseHostFilter]:
        """These filters, in this order; one instance per class however often it is named.

        given : names of available filters; classes, which need not be available; objects, used as they are.
        spelling : the option that named them; without it, they are the choice of a request or a program.
        Raises PluginNotFound with all the unknown names at once.
        """
        if isinstance(given, FurtherFilters):
            return self.with_further(given)
        parts = each_given("filters", given, BaseHostFilter)
        wanted = [local_name(one) if isinstance(one, str) else one for one in parts]
        paths = {name: path for name, path in zip(wanted, parts, strict=True) if isinstance(name, str)}
        names = dict.fromkeys(one for one in wanted if isinstance(one, str))
        unknown = [name for name in names if name not in self._listed]
        if unknown:
            missing = (what_is_missing(name, str(paths[name])) for name in unknown)
            raise self._unavailable(unknown, spelling, " ".join(filter(None, missing)))
        return [one if isinstance(one, BaseHostFilter) else self._instance(one) for one in wanted]

    def with_further(self, further: FurtherFilters) -> list[BaseHostFilter]:
        """The filters in use or named, and then the further ones."""
        used = self.enabled if further.named is None else self.get(further.named)
        missing = [cls for cls in further.classes if not any(isinstance(one, cls) for one in used)]
        return [*used, *self.get(missing)]

    def _unavailable(self, names: list[str], spelling: Spelling | None, missing: str) -> PluginNotFound:
        what = "which is not available" if len(names) == 1 else "which are not available"
        installed = [name for name in names if self._registry.candidates(name)]
        hint = f"Installed, but not named by {spelled(self._spelling)}: {', '.join(installed)}." if installed else ""
        return self._registry.not_found(names, self._listed, spelling, what, f"{missing} {hint}".strip())

    def _instance(self, named: str | type[BaseHostFilter]) -> BaseHostFilter:
        filter_class = self._candidate(named).load(BaseHostFilter) if isinstance(named, str) else named
        if filter_class not in self._instances:
            self._instances[filter_class] = make_plugin(filter_class, self._conf)
        return self._instances[filter_class]

    def _candidate(self, name: str) -> Candidate:
        """What a name means among the available. Raises DuplicatePlugin if that is not clear."""
        if name in self._alone:
            return only(name, list(self._alone[name].values()), "Make one of them available")
        return meant(name, list(self._listed[name].values()))

    def _make_available(self, name: str, path: str) -> None:
        """Note what one element of the option makes available; `path` as it is configured."""
        found: Iterable[Candidate]
        if name == "standard_filters":
            found = self._registry.own().values()
        elif name == "all_filters":
            found = (one for each in self._registry.all_names() for one in self._registry.candidates(each))
        else:
            if is_path(name):
                found = [Candidate.of(each) for each in classes_at(name, BaseHostFilter, self._spelling)]
            else:
                also, hint = ("standard_filters", "all_filters"), what_is_missing(name, path)
                found = [self._registry.only(name, self._spelling, also=also, hint=hint)]
            for one in found:
                self._alone.setdefault(one.name, {})[one.target] = one
        for one in found:
            self._listed.setdefault(one.name, {}).setdefault(one.target, one)


def load_filters(
    conf: cfg.ConfigOpts, settings: SchedulerSettings, given: FiltersGiven | None = None
) -> FilterCatalog:
    """The available filters, with those in use made and their options bound.

    given : those in use, instead of the configured ones.
    """
    # Options of plug-ins may name attributes of the class.
    load_host_class(settings)
    return FilterCatalog(conf, settings, given)


def load_weighers(
    conf: cfg.ConfigOpts,
    settings: SchedulerSettings,
    *,
    scheduler: object = None,
    given: WeighersGiven | None = None,
) -> list[BaseWeigher]:
    """The weighers in use, in the order of the configuration, all_weighers in STANDARD_WEIGHERS' order.

    given : names, classes and objects to use instead of the configured ones.

    With least_cost_functions, the cost functions instead, each as a weigher; one named without a
    path is a method of `scheduler` or built in.
    """
    if given is None and settings.least_cost_functions is not None:
        spelling = settings.spellings["least_cost_functions"]
        return _cost_weighers(conf, settings.least_cost_functions, spelling, scheduler)
    registry = Registry(WEIGHERS)
    spelling = settings.spellings["weight_classes"] if given is None else ("", "weighers")
    instances: dict[type, BaseWeigher] = {}
    weighers = []
    for wanted in each_given("weighers", settings.weight_classes if given is None else given, BaseWeigher):
        if isinstance(wanted, BaseWeigher):
            weighers.append(wanted)
            continue
        named = _weigher_classes(wanted, registry, spelling) if isinstance(wanted, str) else [wanted]
        for weigher_class in named:
            if weigher_class not in instances:
                instances[weigher_class] = make_plugin(weigher_class, conf)
            weighers.append(instances[weigher_class])
    return weighers


def _weigher_classes(path: str, registry: Registry, spelling: Spelling) -> list[type[BaseWeigher]]:
    name = local_name(path)
    if is_path(name):
        return classes_at(name, BaseWeigher, spelling)
    if name == "all_weighers":
        own = registry.own()
        return [own[each].load(BaseWeigher) for each in STANDARD_WEIGHERS if each in own]
    hint = what_is_missing(name, path)
    return [registry.only(name, spelling, also=("all_weighers",), hint=hint).load(BaseWeigher)]


def _cost_weighers(
    conf: cfg.ConfigOpts, paths: Sequence[str], spelling: Spelling, scheduler: object
) -> list[BaseWeigher]:
    weighers: list[BaseWeigher] = []
    for path in map(local_name, paths):
        name = path.rpartition(".")[2]
        if not is_used(name):
            LOG.warning(
                "%s names %r, which is ignored: only cost functions called compute_... or noop... are used.",
                spelled(spelling),
                path,
            )
            continue
        function = import_path(path, spelling) if "." in path else getattr(scheduler, name, BUILT_IN.get(name))
        if not callable(function):
            raise not_found([path], BUILT_IN, spelling, "which is not a function")
        weighers.append(make_plugin(cost_weigher(name, function), conf))
    return weighers


def load_driver(settings: SchedulerSettings) -> type:
    """The scheduler class that scheduler_driver names; calling it with a conf makes the scheduler."""
    name, spelling = local_name(settings.driver), settings.spellings["driver"]
    if name == "MultiScheduler":
        name, spelling = local_name(settings.compute_driver), settings.spellings["compute_driver"]
    if why_no_driver(name):
        raise not_found([name], (), spelling, why_no_driver(name))
    name = nearest_driver(name, spelling)
    driver = import_path(name, spelling) if is_path(name) else Registry(DRIVERS).only(name, spelling).load()
    if not (inspect.isclass(driver) and callable(getattr(driver, "select_destinations", None))):
        raise PluginLoadError(
            f"{spelled(spelling)} is {name!r}, which is {shown(driver)} and not a class with select_destinations; "
            "derive it from FilterScheduler.",
            name=name,
            entry_point=name,
        )
    return driver


def load_host_class(settings: SchedulerSettings) -> type[HostState]:
    """The class of hosts that the settings name. Raises PluginNotFound or PluginLoadError."""
    usual = BareMetalHost if settings.takes_whole_nodes else HostState
    if settings.host_class is None:
        return usual
    spelling = settings.spellings.get("host_class", ("DEFAULT", "host_class"))
    found = import_path(settings.host_class.strip(), spelling)
    check_class(found, usual, settings.host_class, settings.host_class)
    return found  # type: ignore[no-any-return]
