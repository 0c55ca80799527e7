"""filtersched: Nova-style filter and weigher scheduling.

The public names are those of filtersched.public. They are imported on first use, so that a command
that only prints its version loads neither numpy nor the engine. Nothing else is imported either:
until a command is ready for a signal, Ctrl-C prints a traceback.
"""

from __future__ import annotations

__version__ = "0.1.0"

# As type checkers know it from typing, which takes longer to load than everything here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from filtersched.public import *  # noqa: F403
else:
    # Hidden from type checkers: with it, they would take every misspelt name for an Any.
    def __getattr__(name: str) -> Any:
        import importlib.util

        if name == "__all__" or not name.startswith("_"):
            if importlib.util.find_spec(f"filtersched.{name}") is not None:
                return importlib.import_module(f"filtersched.{name}")
            public = importlib.import_module("filtersched.public")
            globals().update({each: getattr(public, each) for each in public.__all__}, __all__=public.__all__)
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module 'filtersched' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
