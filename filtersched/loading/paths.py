"""Dotted paths and Nova's names: what a configured text leads to, looked up strictly."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from filtersched.errors import ConfigurationError, PluginLoadError, PluginNotFound, nearest, shown
from filtersched.nova import adapted, prepare_imports
from filtersched.settings import Spelling, spelled

_MISSING = object()
# Class paths of earlier releases, of lists that are no objects here, and Nova's own entry points.
_OLD_NAMES = {
    "filtersched.filters.standard_filters": "standard_filters",
    "filtersched.filters.all_filters": "all_filters",
    "filtersched.weighers.all_weighers": "all_weighers",
    "filtersched.scheduler.FilterScheduler": "FilterScheduler",
    "filtersched.scheduler.ChanceScheduler": "ChanceScheduler",
    "filter_scheduler": "FilterScheduler",
    "chance_scheduler": "ChanceScheduler",
    "stochastic_scheduler": "StochasticScheduler",
}


def local_name(path: str) -> str:
    """What a configured name is called here: Nova's paths mean the thing of that name.

    nova.scheduler.filters.ram_filter.RamFilter is RamFilter, nova.scheduler.weights.all_weighers
    is all_weighers; a path outside of nova.scheduler is itself.
    """
    path = path.strip()
    if path.startswith("nova.scheduler."):
        module, _dot, name = path.rpartition(".")
        return f"filtersched.weighers.least_cost.{name}" if module.endswith(".least_cost") else name
    return _OLD_NAMES.get(path.replace(":", "."), path)


def not_found(
    names: Sequence[str], known: Iterable[str], spelling: Spelling | None, what: str, hint: str = ""
) -> PluginNotFound:
    known = list(known)
    said = f"{spelled(spelling)} names" if spelling else "The request names"
    hints = dict.fromkeys([hint, *(nearest(name, known) for name in names if known)])
    listed = ", ".join(repr(name) for name in names)
    return PluginNotFound(
        f"{said} {listed}, {what}. {' '.join(hint for hint in hints if hint)}".rstrip(),
        names=names,
        group=spelling[0] if spelling else None,
        option=spelling[1] if spelling else None,
        available=known,
    )


def guarded(load: Callable[[], Any], name: str, origin: str) -> Any:
    """The result of importing someone else's code, or PluginLoadError whatever it raises."""
    try:
        return load()
    except ConfigurationError:
        raise
    # The loader's boundary. SystemExit too: a module that calls sys.exit() must not end the program.
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            f"{name!r} ({origin}) cannot be loaded: {type(error).__name__}: {error}", name=name, entry_point=origin
        ) from error


def import_path(path: str, spelling: Spelling) -> Any:
    """What stands at `package.module.attribute` or `package.module:attribute`.

    Raises PluginNotFound if nothing stands there, PluginLoadError if what does fails to import.
    """
    module_name, _separator, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    if not all(part.isidentifier() for part in [*module_name.split("."), attribute]):
        raise not_found([path], (), spelling, "which is neither a name nor package.module.attribute")
    if module_name.partition(".")[0] != "filtersched":
        prepare_imports()
    try:
        module = guarded(lambda: importlib.import_module(module_name), path, path)
    except PluginLoadError as error:
        missing = str(getattr(error.__cause__, "name", None))
        if isinstance(error.__cause__, ModuleNotFoundError) and f"{module_name}.".startswith(f"{missing}."):
            what = f"but there is no module {missing} in {', '.join(_searched(missing))}"
            raise not_found([path], (), spelling, what) from error
        raise
    found = guarded(lambda: getattr(module, attribute, _MISSING), path, path)
    if found is _MISSING:
        names = [name for name, value in vars(module).items() if inspect.isclass(value) or inspect.isroutine(value)]
        hint = nearest(attribute, names) if names else ""
        raise not_found([path], (), spelling, f"but {module_name} has no {attribute!r}", hint)
    return found


def _searched(module_name: str) -> list[str]:
    """The places where Python looked for a module: its package, or the folders of sys.path."""
    package = module_name.rpartition(".")[0]
    places = getattr(sys.modules[package], "__path__", ()) if package in sys.modules else sys.path
    existing = [os.path.abspath(place) for place in places if os.path.exists(place or ".")]
    return list(dict.fromkeys(existing)) or [package]


def is_path(name: str) -> bool:
    """Whether a name is a path to an object and not the name of an entry point."""
    return "." in name or ":" in name


def classes_at(path: str, base: type, spelling: Spelling) -> list[type]:
    """The plug-in classes that a path leads to: a class, or a function that returns classes."""
    found = import_path(path, spelling)
    is_list = inspect.isroutine(found)
    classes: list[Any] = guarded(lambda: list(found()), path, path) if is_list else [found]
    classes = [check_class(cls, base, path, path) for cls in classes]
    public = [each for each in classes if not each.__name__.startswith("_")]
    if not is_list and not public:
        raise PluginLoadError(
            f"{path!r} is not loaded: a class whose name begins with _ is private.", name=path, entry_point=path
        )
    return public


def check_class(found: Any, base: type, name: str, origin: str) -> type:
    """The class that was found, which may derive from Nova's base class; PluginLoadError for anything else."""
    found = adapted(found, base)
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise PluginLoadError(
            f"{name!r} ({origin}) is {shown(found)} and not a class derived from {base.__name__}.",
            name=name,
            entry_point=origin,
        )
    return found
