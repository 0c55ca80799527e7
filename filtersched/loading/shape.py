"""The shape of a plug-in's class: what can be told to be wrong before anything is asked."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterator
from typing import Any

from filtersched.errors import PluginLoadError, shown
from filtersched.plugins.plugin import Plugin, declaration_of

# The methods that are called, each with how many arguments.
_ARGUMENTS = {
    "host_passes": 2,
    "rejection_reason": 2,
    "limits": 2,
    "run_filter_for_index": 1,
    "filter_all": 2,
    "_weigh_object": 2,
    "weigh_objects": 2,
    "weight_multiplier": None,  # Nova's had none at first
    "changes_at": 1,
    "amount": 2,
    "total": 1,
}


# Classes in which nothing was found wrong: the filters that a call gives are checked in every call.
_right: weakref.WeakSet[type[Plugin]] = weakref.WeakSet()


def check_shape(cls: type[Plugin], origin: str) -> None:
    """Raise PluginLoadError for a class of filters or weighers that cannot answer; all that is wrong at once."""
    if cls in _right:
        return
    problems = list(_problems(cls))
    if problems:
        name = cls.__name__
        raise PluginLoadError(f"{name!r} ({origin}): {'; '.join(problems)}.", name=name, entry_point=origin)
    # Raises ConfigurationError, which names the class.
    declaration_of(cls)
    _right.add(cls)


def _problems(cls: type[Plugin]) -> Iterator[str]:
    for name, count in _ARGUMENTS.items():
        method = getattr(cls, name, None)
        if method is None:
            continue
        if not callable(method):
            yield f"{name} is {shown(method)}, and not a method"
        elif inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            yield f"{name} is declared async, and nothing awaits it; write def"
        elif inspect.isgeneratorfunction(method) and name not in ("filter_all", "weigh_objects"):
            yield f"{name} has a yield, so it returns a generator; return the answer"
        elif count is not None and not _takes(cls, name, count):
            given = "one argument" if count == 1 else f"{count} arguments"
            yield f"{name}{inspect.signature(method)} is called with {given}"
    reads: Any = cls.host_reads
    if not (reads is None or isinstance(reads, tuple | list) or callable(reads)):
        yield f"host_reads is {shown(reads)}; write a tuple of names{_as_tuple(reads)}, or a method that returns one"
    spec_reads: Any = cls.spec_reads
    if not isinstance(spec_reads, tuple | list):
        yield f"spec_reads is {shown(spec_reads)}; write a tuple of names{_as_tuple(spec_reads)}"
    for which, names in (("host_reads", reads), ("spec_reads", spec_reads)):
        strange = [one for one in names if not isinstance(one, str)] if isinstance(names, tuple | list) else []
        if strange:
            yield f"{which} names {shown(strange[0])}, which is no text"
    for end in ("minval", "maxval"):
        value = getattr(cls, end, None)
        if not (value is None or isinstance(value, property) or (isinstance(value, int | float) and value == value)):
            yield f"{end} is {shown(value)}, and not a number"


def _takes(cls: type[Plugin], name: str, count: int) -> bool:
    method: Any = inspect.getattr_static(cls, name)
    own = 0 if isinstance(method, staticmethod) else 1
    try:
        signature = inspect.signature(method.__func__ if isinstance(method, staticmethod | classmethod) else method)
    except (TypeError, ValueError):
        # A method of C, or one that a decorator made: only a call tells.
        return True
    try:
        signature.bind(*range(count + own))
    except TypeError:
        return False
    return True


def _as_tuple(reads: Any) -> str:
    """The names as they are to be written, where that can be told."""
    if isinstance(reads, str):
        return f", ({reads!r},)"
    if isinstance(reads, set | frozenset) and all(isinstance(one, str) for one in reads):
        return f", {tuple(sorted(reads))!r}"
    return ""
