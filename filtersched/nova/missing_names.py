"""Names that the modules of a real, installed Nova no longer have, such as standard_filters.

Where Nova is installed, its modules get a `__getattr__` for what stand-ins have beyond them: nothing that
Nova has is replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from filtersched.nova.finder import StandIn, StandInFinder, names_of
from filtersched.nova.names import STAND_INS


def _lend(module: ModuleType) -> None:
    """Let a module of Nova's answer with a stand-in's name for a name that it does not have."""
    if isinstance(module, StandIn) or "__getattr__" in vars(module):
        return

    def lent(name: str) -> Any:
        if not name.startswith("__"):
            found = {each: value for source in STAND_INS[module.__name__] for each, value in names_of(source).items()}
            if name in found and "__getattr__" not in found:
                return found[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    vars(module)["__getattr__"] = lent


class LendingFinder(MetaPathFinder):
    """Stands first and finds nothing itself: the modules of Nova that the others find are lent names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("nova.") or not STAND_INS.get(fullname):
            return None
        for finder in _others():
            spec: ModuleSpec | None = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    _lend_when_loaded(spec.loader)
                return spec
        return None


def _others() -> list[Any]:
    """The finders of Python and of others."""
    ours = LendingFinder | StandInFinder
    return [one for one in sys.meta_path if hasattr(one, "find_spec") and not isinstance(one, ours)]


def _lend_when_loaded(loader: Any) -> None:
    """Let this loader, which loads one module and no other, lend names to it."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _lend(module)

    loader.exec_module = exec_module


def lend() -> None:
    """Lend names to the modules of Nova that are imported already, and to those that will be."""
    if not any(isinstance(finder, LendingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, LendingFinder())
    for name in STAND_INS:
        module = sys.modules.get(name)
        if name.startswith("nova.") and isinstance(module, ModuleType):
            _lend(module)


def nova_is_installed() -> bool:
    """Whether there is a `nova` that is no stand-in."""
    if "nova" in sys.modules:
        return not isinstance(sys.modules["nova"], StandIn)
    return any(finder.find_spec("nova", None) is not None for finder in _others())


def lend_if_installed() -> None:
    """Lend names, if Nova is installed."""
    if nova_is_installed():
        lend()
