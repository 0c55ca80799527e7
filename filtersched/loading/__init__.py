"""From configured names to filters, weighers, resources and drivers, strictly; the only user of stevedore.

May import: nova, resources, filters, weighers, plugins, hosts, requests, settings, errors.
"""

from filtersched.loading.global_options import (
    problem_with,
    registered_by_plugins,
    share_settings,
    warn_of_lost_options,
)
from filtersched.loading.listing import (
    PluginDescription,
    describe_own_plugins,
    describe_plugins,
    list_installed_opts,
    list_opts,
    own_meets,
)
from filtersched.loading.loader import (
    FiltersGiven,
    FurtherFilters,
    WeighersGiven,
    bind_options,
    load_driver,
    load_filters,
    load_host_class,
    load_weighers,
    make_plugin,
)
from filtersched.loading.resources import ResourcesGiven, load_resources
from filtersched.weighers.standard import STANDARD_WEIGHERS

__all__ = [
    "STANDARD_WEIGHERS",
    "FiltersGiven",
    "FurtherFilters",
    "PluginDescription",
    "ResourcesGiven",
    "WeighersGiven",
    "bind_options",
    "describe_own_plugins",
    "describe_plugins",
    "list_installed_opts",
    "list_opts",
    "load_driver",
    "load_filters",
    "load_host_class",
    "load_resources",
    "load_weighers",
    "make_plugin",
    "own_meets",
    "problem_with",
    "registered_by_plugins",
    "share_settings",
    "warn_of_lost_options",
]
