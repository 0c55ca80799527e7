"""What a name may mean: entry points and dotted paths, looked up strictly.

The only user of stevedore. Entry points are read afresh and not from stevedore's cache in the home
directory, which forgets which distribution an entry point is from and may be two minutes behind an
installation. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import stevedore

from filtersched.errors import ConfigurationError, DuplicatePlugin, PluginLoadError, PluginNotFound, nearest
from filtersched.settings.options import Spelling, spelled

_MISSING = object()
_OWN_LISTS = {
    "filtersched.filters.standard_filters": "standard_filters",
    "filtersched.filters.all_filters": "all_filters",
    "filtersched.weighers.all_weighers": "all_weighers",
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
    return _OWN_LISTS.get(path, path)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a name may mean.

    target : `module:attribute`, by which two candidates are the same.
    distribution : name and version, "" if a path led here.
    entry_point : where to load it from; None if it is `found` already.
    """

    name: str
    target: str
    distribution: str = ""
    entry_point: importlib.metadata.EntryPoint | None = None
    found: Any = None

    def __str__(self) -> str:
        return f"{self.target} of {self.distribution}" if self.distribution else self.target

    @property
    def is_own(self) -> bool:
        return self.target.startswith("filtersched.")

    def load(self) -> Any:
        """The object itself, imported on demand; PluginLoadError if that fails."""
        entry_point = self.entry_point
        if entry_point is None:
            return self.found
        return guarded(lambda: _OneEntryPoint(entry_point)[self.name].plugin, self.name, str(self))


# A generic class since stevedore 5.6; type checkers want the parameter, the earlier ones refuse it.
if TYPE_CHECKING:
    _Manager: TypeAlias = stevedore.ExtensionManager[Any]
else:
    _Manager = stevedore.ExtensionManager


class _OneEntryPoint(_Manager):
    """stevedore's manager for one chosen entry point, letting its failure through."""

    def __init__(self, entry_point: importlib.metadata.EntryPoint) -> None:
        self._chosen = entry_point
        super().__init__(entry_point.group, on_load_failure_callback=_fail)

    def list_entry_points(self) -> list[importlib.metadata.EntryPoint]:
        return [self._chosen]


def _fail(_manager: Any, _entry_point: Any, error: BaseException) -> NoReturn:
    raise error


class Registry:
    """The entry points of one group, by name, in order: our own first, then others by name."""

    def __init__(self, group: str) -> None:
        self.group = group
        self._by_name = _entry_points(group, _path_state())

    def names(self) -> list[str]:
        return list(self._by_name)

    def own_names(self) -> list[str]:
        return [name for name, candidates in self._by_name.items() if any(c.is_own for c in candidates)]

    def all_candidates(self) -> list[Candidate]:
        return [candidate for candidates in self._by_name.values() for candidate in candidates]

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """All that this name may mean: more than one if distributions disagree."""
        return self._by_name.get(name, ())

    def load(self, name: str, spelling: Spelling) -> Any:
        """The object that the one entry point of this name leads to."""
        if name not in self._by_name:
            raise not_found([name], self.names(), spelling, "which is not installed")
        return only(name, self.candidates(name)).load()


def _path_state() -> tuple[tuple[str, int], ...]:
    """Changes when a distribution is installed or removed."""
    state = []
    for entry in sys.path:
        try:
            state.append((entry, os.stat(entry or ".").st_mtime_ns))
        except OSError:
            state.append((entry, 0))
    return tuple(state)


@functools.lru_cache(maxsize=8)
def _entry_points(group: str, _state: tuple[tuple[str, int], ...]) -> dict[str, tuple[Candidate, ...]]:
    found: dict[str, dict[str, Candidate]] = {}
    for entry in importlib.metadata.entry_points(group=group):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else ""
        target = entry.value.partition("[")[0].replace(" ", "")
        if entry.name.startswith("_") or target.rpartition(":")[2].startswith("_"):
            continue  # private
        found.setdefault(entry.name, {}).setdefault(target, Candidate(entry.name, target, origin, entry))
    names = sorted(found, key=lambda name: (not any(c.is_own for c in found[name].values()), name))
    return {name: tuple(found[name].values()) for name in names}


def only(name: str, candidates: Sequence[Candidate]) -> Candidate:
    """The one candidate; DuplicatePlugin if there are more, unless they all lead to one object."""
    if len(candidates) > 1 and not _same_object(candidates):
        raise DuplicatePlugin(
            f"{name!r} may be {' or '.join(str(c) for c in candidates)}. Uninstall all but one, or configure the "
            "path of the class that is meant.",
            name=name,
            candidates=[str(c) for c in candidates],
        )
    return candidates[0]


def _same_object(candidates: Sequence[Candidate]) -> bool:
    try:
        found = [candidate.load() for candidate in candidates]
    except PluginLoadError:
        return False
    return all(each is found[0] for each in found)


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


def classes_at(path: str, base: type, spelling: Spelling) -> list[Candidate]:
    """The plug-in classes that a path leads to: a class, or a function that returns classes."""
    found = import_path(path, spelling)
    if inspect.isclass(found):
        classes = [found]
    elif inspect.isroutine(found):
        classes = guarded(lambda: list(found()), path, path)
    else:
        raise _not_a_plugin(path, path, base, found)
    for each in classes:
        check_class(each, base, path, path)
    public = [each for each in classes if not each.__name__.startswith("_")]
    if inspect.isclass(found) and not public:
        raise PluginLoadError(
            f"{path!r} is not loaded: a class whose name begins with _ is private.", name=path, entry_point=path
        )
    return [Candidate(each.__name__, f"{each.__module__}:{each.__qualname__}", found=each) for each in public]


def check_class(found: Any, base: type, name: str, origin: str) -> None:
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise _not_a_plugin(name, origin, base, found)


def _not_a_plugin(name: str, origin: str, base: type, found: Any) -> PluginLoadError:
    return PluginLoadError(
        f"{name!r} ({origin}) is {found!r} and not a class derived from {base.__name__}.",
        name=name,
        entry_point=origin,
    )
