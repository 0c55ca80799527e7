"""Plug-ins that derive from the base classes of a real, installed Nova."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

from filtersched.filters.base import BaseHostFilter
from filtersched.weighers.base import BaseWeigher

# Where Nova's base classes are, oldest first.
_BASES: dict[type, tuple[tuple[str, str], ...]] = {
    BaseHostFilter: (("nova.filters", "BaseFilter"), ("nova.scheduler.filters", "BaseHostFilter")),
    BaseWeigher: (("nova.weights", "BaseWeigher"), ("nova.scheduler.weights", "BaseHostWeigher")),
}


def adapted(found: Any, base: type) -> Any:
    """A class derived from Nova's own base class as one derived from `base` too; anything else is itself."""
    if base not in _BASES or not inspect.isclass(found) or issubclass(found, base):
        return found
    if not any((one.__module__, one.__name__) in _BASES[base] for one in found.__mro__):
        return found
    return _adapted(found, base)  # type: ignore[arg-type]


@functools.lru_cache(1024)
def _adapted(found: type, base: type) -> type:
    # What Nova's base classes define comes from ours instead; what the plug-in defines stays.
    names: dict[str, Any] = {}
    for name, value in [(name, value) for one in reversed(base.__mro__[:-1]) for name, value in vars(one).items()]:
        provider = next((one for one in found.__mro__ if name in vars(one)), object)
        if not name.startswith("__") and (provider.__module__, provider.__name__) in _BASES[base]:
            names[name] = value
    about = {"__module__": found.__module__, "__qualname__": found.__qualname__, "__doc__": found.__doc__}
    return types.new_class(found.__name__, (found, base), exec_body=lambda space: space.update(names | about))
