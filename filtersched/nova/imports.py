"""Which stand-ins a plug-in uses: read from the code of its modules, imports inside methods included."""

from __future__ import annotations

import dis
import importlib.util
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

from filtersched.nova.finder import is_stand_in
from filtersched.nova.names import STAND_INS


def stand_ins_of(plugin_class: type) -> list[str]:
    """The names of Nova's modules that the modules of a class import and that stand-ins answer for, sorted."""
    modules = {base.__module__ for base in plugin_class.__mro__}
    theirs = [name for name in modules if name.partition(".")[0] not in ("filtersched", "builtins", "nova")]
    return sorted({found for name in theirs for found in _imported(name) if _answered(found)})


def _answered(name: str) -> bool:
    if name not in STAND_INS:
        return False
    if name in sys.modules:
        return is_stand_in(name)
    # Not imported yet: from inside a method, perhaps.
    return not _is_installed(name.partition(".")[0])


def _is_installed(root: str) -> bool:
    return root in sys.modules and not is_stand_in(root)


def _imported(module_name: str) -> Iterator[str]:
    """The names of the modules that a module's code imports, and of what it imports from them."""
    try:
        spec = importlib.util.find_spec(module_name)
        code: Any = spec.loader.get_code(module_name) if spec is not None and spec.loader is not None else None  # type: ignore[attr-defined]
    except (ImportError, AttributeError, ValueError):
        return
    pending = [code] if isinstance(code, CodeType) else []
    while pending:
        code = pending.pop()
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        module = ""
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                module = step.argval
                yield module
            elif step.opname == "IMPORT_FROM":
                yield f"{module}.{step.argval}"
