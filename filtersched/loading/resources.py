"""Shared resources: those that the configuration defines or names, and those that a program gives."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from filtersched.loading.entry_points import RESOURCES, Registry
from filtersched.loading.loader import bind_options, each_given, make_plugin
from filtersched.loading.paths import classes_at, is_path
from filtersched.resources.configured import configured_resource, is_definition
from filtersched.resources.shared_resource import SharedResource
from filtersched.settings import SchedulerSettings, spelled

_Given = str | type[SharedResource] | SharedResource
#: Resources as a program gives them: definitions, names of installed ones, classes, objects.
ResourcesGiven = _Given | Sequence[_Given]


def load_resources(
    conf: cfg.ConfigOpts, settings: SchedulerSettings, given: ResourcesGiven | None = None
) -> list[SharedResource]:
    """The resources in use, in the order of the configuration, or those that a program gives.

    Raises ConfigurationError for a definition that makes no sense, and PluginNotFound for an unknown name.
    """
    spelling = settings.spellings["shared_resources"] if given is None else ("", "resources")
    parts = settings.shared_resources if given is None else given
    registry = Registry(RESOURCES)
    found: list[SharedResource] = []
    for one in each_given("resources", parts, SharedResource):
        if isinstance(one, SharedResource):
            found.append(one)
        elif not isinstance(one, str):
            found.append(make_plugin(one, conf))
        elif is_definition(one):
            resource = configured_resource(one, spelled(spelling))
            bind_options(resource, conf, "filtersched.resources")
            found.append(resource)
        else:
            for name in filter(None, map(str.strip, one.split(","))):
                classes = (
                    classes_at(name, SharedResource, spelling)
                    if is_path(name)
                    else [registry.only(name, spelling).load(SharedResource)]
                )
                found += [make_plugin(each, conf) for each in classes]
    return found
