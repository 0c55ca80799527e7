"""What filters and weighers of Nova's derive from, and the lists of the standard ones."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any

import filtersched.filters
import filtersched.weighers
from filtersched.filters import BaseHostFilter, HostFilterHandler
from filtersched.plugins.plugin import Plugin
from filtersched.results.selection import WeighedHost
from filtersched.weighers import BaseHostWeigher, BaseWeigher, HostWeightHandler
from filtersched.weighers.handler import normalize
from filtersched.weighers.standard import STANDARD_WEIGHERS

BaseFilter = BaseHostFilter
WeighedObject = WeighedHost


class _Loader:
    """The part of Nova's handlers that finds classes."""

    def get_all_classes(self) -> list[type[Plugin]]:
        """The standard classes."""
        raise NotImplementedError

    def get_matching_classes(self, names: Iterable[str]) -> list[type[Plugin]]:
        """The standard classes of these names; a path counts by its last part."""
        wanted = {name.rpartition(".")[2] for name in names}
        return [found for found in self.get_all_classes() if found.__name__ in wanted]


class BaseFilterHandler(_Loader, HostFilterHandler):
    """Runs filters as a plain loop."""

    def __init__(self, *_base: type) -> None:
        """A base class may be given, as in Nova; it changes nothing."""

    def get_all_classes(self) -> list[type[Plugin]]:
        return standard_filters()


class BaseWeightHandler(_Loader, HostWeightHandler):
    """Runs weighers as a plain loop."""

    def __init__(self, *_base: type) -> None:
        super().__init__()

    def get_all_classes(self) -> list[type[Plugin]]:
        return all_weighers()


def _classes_in(package: Any, base: type[Plugin], ending: str) -> dict[str, type[Plugin]]:
    """The classes of a room's modules, of one file each, by name."""
    found: dict[str, type[Plugin]] = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if info.name.endswith(("_filter", "_weigher", "_isolation")):
            values = vars(importlib.import_module(info.name)).values()
            found.update((one.__name__, one) for one in values if _is_plugin(one, base, info.name, ending))
    return found


def _is_plugin(value: Any, base: type[Plugin], module: str, ending: str) -> bool:
    is_own = isinstance(value, type) and value.__module__ == module and issubclass(value, base)
    return is_own and value.__name__.endswith((ending, "Isolation")) and not value.__name__.startswith("_")


def standard_filters() -> list[type[Plugin]]:
    """The library's filters, by name."""
    found = _classes_in(filtersched.filters, BaseHostFilter, "Filter")
    return [found[name] for name in sorted(found)]


all_filters = standard_filters


def all_weighers() -> list[type[Plugin]]:
    """The weighers that `all_weighers` means in a configuration, in its order."""
    found = _classes_in(filtersched.weighers, BaseWeigher, "Weigher")
    return [found[name] for name in STANDARD_WEIGHERS if name in found]


__all__ = [
    "BaseFilter",
    "BaseFilterHandler",
    "BaseHostFilter",
    "BaseHostWeigher",
    "BaseWeigher",
    "BaseWeightHandler",
    "WeighedHost",
    "WeighedObject",
    "all_filters",
    "all_weighers",
    "normalize",
    "standard_filters",
]
