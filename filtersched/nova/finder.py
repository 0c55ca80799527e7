"""The import hook that answers for Nova's modules where they are not installed.

It stands last among Python's finders, so that it is asked only for what no installed distribution
has: where the real `nova` is installed, its modules are used, and only those that it no longer has
come from here. It is installed with the first plug-in of others, and not removed: a plug-in may
import inside its methods.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from filtersched.nova.names import ROOTS, STAND_INS, alias_of, is_package, reason_against, registers_options


class StandIn(ModuleType):
    """A module that answers for one of Nova's."""


class NoStandIn(ImportError):
    """A module of Nova's that there is no stand-in for."""


class _StandInLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandIn(spec.name, f"filtersched's stand-in for {spec.name}, which is not installed.")

    def exec_module(self, module: ModuleType) -> None:
        if (alias := alias_of(module.__name__)) is not None:
            # The import goes on with what is found under its name: one module under two names.
            sys.modules[module.__name__] = importlib.import_module(alias)
            return
        names: dict[str, Any] = {}
        for source in STAND_INS[module.__name__]:
            names.update(names_of(source))
        vars(module).update(names)
        if "__getattr__" not in names:
            vars(module)["__all__"] = sorted(name for name in names if not name.startswith("__"))
        if registers_options(module.__name__):
            importlib.import_module("filtersched.nova.conf").register_novas_options()


def names_of(source: str) -> dict[str, Any]:
    """The names that a source gives: all public ones of a module, one of them, or the module itself."""
    module_name, _colon, wanted = source.partition(":")
    module = importlib.import_module(module_name)
    if wanted.startswith("*"):
        return {wanted[1:]: module}
    if wanted:
        name, _equals, alias = wanted.partition("=")
        return {alias or name: getattr(module, name)}
    public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("__")]
    found = {name: getattr(module, name) for name in public}
    if hasattr(module, "__getattr__"):
        found["__getattr__"] = module.__getattr__
    return found


class StandInFinder(MetaPathFinder):
    """Finds stand-ins; for a module of Nova's without one, an error that says why there is none."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in STAND_INS:
            return ModuleSpec(fullname, _StandInLoader(), is_package=is_package(fullname))
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if fullname.partition(".")[0] not in ROOTS or not isinstance(parent, StandIn):
            return None
        said = f"{fullname} cannot be imported: {fullname.partition('.')[0]} is not installed"
        reason = f"; {reason_against(fullname)}" if fullname.startswith("nova.") else ""
        raise NoStandIn(f"{said}, and filtersched has no stand-in for this module{reason}", name=fullname)


def install() -> None:
    """Let imports find stand-ins from now on."""
    if not any(isinstance(finder, StandInFinder) for finder in sys.meta_path):
        sys.meta_path.append(StandInFinder())


def is_stand_in(name: str) -> bool:
    """Whether the imported module of this name is a stand-in."""
    return isinstance(sys.modules.get(name), StandIn)
