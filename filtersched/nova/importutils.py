"""The stand-in for importutils, of oslo_utils and of Nova's own."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

__all__ = ["import_class", "import_module", "import_object", "try_import"]


def import_module(import_str: str) -> ModuleType:
    """The module of a name."""
    return importlib.import_module(import_str)


def import_class(import_str: str) -> Any:
    """The class at a dotted path. Raises ImportError."""
    module, _dot, name = import_str.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (AttributeError, ValueError):
        raise ImportError(f"Class {name} cannot be found in {module!r}") from None


def import_object(import_str: str, *args: Any, **kwargs: Any) -> Any:
    """An object of the class at a dotted path."""
    return import_class(import_str)(*args, **kwargs)


def try_import(import_str: str, default: Any = None) -> Any:
    """The module of a name; `default` if it cannot be imported."""
    try:
        return importlib.import_module(import_str)
    except ImportError:
        return default
