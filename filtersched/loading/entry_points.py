"""The installed plug-ins: entry points, looked up strictly.

The only user of stevedore. Entry points are read afresh and not from stevedore's cache in the home
directory, which forgets which distribution an entry point is from and may be two minutes behind an
installation. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import stevedore

from filtersched.errors import DuplicatePlugin, PluginLoadError, PluginNotFound
from filtersched.loading.paths import check_class, guarded, not_found
from filtersched.nova import prepare_imports
from filtersched.settings import Spelling

FILTERS, WEIGHERS, DRIVERS = "filtersched.filters", "filtersched.weighers", "filtersched.drivers"
RESOURCES = "filtersched.resources"

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

    @classmethod
    def of(cls, found: type) -> Candidate:
        """A class that a path led to."""
        return cls(found.__name__, f"{found.__module__}:{found.__qualname__}", found=found)

    @property
    def is_own(self) -> bool:
        """Whether it is an entry point of this library; another distribution may name our classes too."""
        is_from_here = self.distribution.partition(" ")[0].lower() == "filtersched"
        return is_from_here and self.target.startswith("filtersched.")

    def load(self, base: type | None = None) -> Any:
        """The object itself, imported on demand; PluginLoadError if that fails or it is no subclass of `base`."""
        entry_point = self.entry_point
        if entry_point is None:
            found = self.found
        else:
            if not self.is_own:
                prepare_imports()
            found = guarded(lambda: _OneEntryPoint(entry_point)[self.name].plugin, self.name, str(self))
        return found if base is None else check_class(found, base, self.name, str(self))


class Registry:
    """The entry points of one group, by name, in order: our own first, then others by name.

    unreadable : a sentence for each distribution whose list of entry points cannot be read and may
        hold some of this group.
    """

    def __init__(self, group: str) -> None:
        self.group = group
        self._by_name, unreadable = _installed(group, _path_state())
        self.unreadable: tuple[str, ...] = unreadable

    def names(self) -> list[str]:
        return list(self._by_name)

    def all_names(self) -> list[str]:
        """The names of all that is installed; PluginLoadError if some of it is not known."""
        if self.unreadable:
            raise PluginLoadError(" ".join(self.unreadable), name=self.group)
        return self.names()

    def own(self) -> dict[str, Candidate]:
        """This library's entry points by name, whatever else is installed under these names."""
        return {c.name: c for candidates in self._by_name.values() for c in candidates if c.is_own}

    def all_candidates(self) -> list[Candidate]:
        return [candidate for candidates in self._by_name.values() for candidate in candidates]

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """All that this name may mean: more than one if distributions disagree."""
        return self._by_name.get(name, ())

    def only(self, name: str, spelling: Spelling, *, also: Iterable[str] = (), hint: str = "") -> Candidate:
        """What this name means; `also` are names that the option takes besides, `hint` is for the error."""
        if name not in self._by_name:
            raise self.not_found([name], [*self._by_name, *also], spelling, "which is not installed", hint)
        return meant(name, self._by_name[name])

    def not_found(
        self, names: Sequence[str], known: Iterable[str], spelling: Spelling | None, what: str, hint: str = ""
    ) -> PluginNotFound:
        """As `not_found`, naming the distributions that may hold what is missing."""
        return not_found(names, known, spelling, what, " ".join(filter(None, [hint, *self.unreadable])))


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
def _installed(
    group: str, state: tuple[tuple[str, int], ...]
) -> tuple[dict[str, tuple[Candidate, ...]], tuple[str, ...]]:
    found: dict[str, dict[str, Candidate]] = {}
    entries, unreadable = _entry_points(group, state)
    origins: dict[int, str] = {}  # by id of the distribution, whose entry points share it
    for entry in entries:
        origin = ""
        if entry.dist is not None:
            known_origin = origins.get(id(entry.dist))
            origin = origins[id(entry.dist)] = _labelled(entry.dist) if known_origin is None else known_origin
        target = entry.value.partition("[")[0].replace(" ", "")
        if entry.name.startswith("_") or target.rpartition(":")[2].startswith("_"):
            continue  # private
        candidate = Candidate(entry.name, target, origin, entry)
        known = found.setdefault(entry.name, {})
        if candidate.is_own or target not in known:
            known[target] = candidate
    names = sorted(found, key=lambda name: (not any(c.is_own for c in found[name].values()), name))
    return {name: tuple(found[name].values()) for name in names}, unreadable


@functools.lru_cache(maxsize=1)
def _all_entry_points(_state: tuple[tuple[str, int], ...]) -> Any:
    """The entry points of all groups: each distribution is read once. Raises what a garbled one raises."""
    return importlib.metadata.entry_points()


def _entry_points(
    group: str, state: tuple[tuple[str, int], ...]
) -> tuple[list[importlib.metadata.EntryPoint], tuple[str, ...]]:
    """The entry points of a group, and a sentence for each distribution that hides some of them."""
    try:
        return list(_all_entry_points(state).select(group=group)), ()
    except Exception:
        # The boundary to other people's files: one that is garbled fails all, so ask each by itself.
        pass
    entries: list[importlib.metadata.EntryPoint] = []
    unreadable = []
    seen: set[str] = set()
    for dist in importlib.metadata.distributions():
        label = _labelled(dist)
        name = label.partition(" ")[0].lower().replace("-", "_")
        if name in seen:
            continue  # hidden by one that stands earlier on the path
        seen.add(name)
        try:
            entries += dist.entry_points.select(group=group)
        except Exception as error:
            if _may_hold(dist, group):
                unreadable.append(
                    f"The entry_points.txt of {label} cannot be read ({type(error).__name__}: {error}), and its "
                    "plug-ins are unknown. Install it again."
                )
    return entries, tuple(unreadable)


def _labelled(dist: importlib.metadata.Distribution) -> str:
    """Name and version of a distribution, or where it is if it does not say."""
    try:
        # Each look at `metadata` parses the file anew.
        metadata = dist.metadata
        if metadata["Name"]:
            return f"{metadata['Name']} {metadata['Version']}"
    except Exception:
        # The boundary to other people's files: here a METADATA that is missing or garbled.
        pass
    return str(getattr(dist, "_path", dist.locate_file("")))


def _may_hold(dist: importlib.metadata.Distribution, group: str) -> bool:
    try:
        return group in (dist.read_text("entry_points.txt") or "")
    except ValueError:  # not even text
        return True


def meant(name: str, candidates: Sequence[Candidate]) -> Candidate:
    """What a name means: this library's own, so that what is installed beside it changes nothing, or the only one.

    Raises DuplicatePlugin if that is not clear.
    """
    own = [candidate for candidate in candidates if candidate.is_own]
    return own[0] if own else only(name, candidates, "Uninstall all but one")


def only(name: str, candidates: Sequence[Candidate], cure: str) -> Candidate:
    """The one candidate; DuplicatePlugin if there are more, unless they all lead to one object."""
    if len(candidates) > 1 and not _same_object(candidates):
        raise DuplicatePlugin(
            f"{name!r} may be {' or '.join(str(c) for c in candidates)}. {cure}, or configure the path of the class "
            "that is meant.",
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
