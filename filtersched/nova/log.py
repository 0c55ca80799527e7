"""The stand-in for oslo_log.log, and for Nova's own log modules before it: Python's logging."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from logging import CRITICAL, DEBUG, ERROR, INFO, WARNING
from typing import Any

WARN = WARNING
_OF_LOGGING = frozenset(("exc_info", "stack_info", "stacklevel", "extra"))

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "INFO",
    "WARN",
    "WARNING",
    "KeywordArgumentAdapter",
    "getLogger",
    "register_options",
    "setup",
]


class KeywordArgumentAdapter(logging.LoggerAdapter[logging.Logger]):
    """A logger that takes further keywords, such as `instance`, and has the old names of methods."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        further = {name: kwargs.pop(name) for name in list(kwargs) if name not in _OF_LOGGING}
        if further:
            kwargs["extra"] = {**(kwargs.get("extra") or {}), "further": further}
        return msg, kwargs

    def audit(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log at the level INFO."""
        self.info(msg, *args, **kwargs)

    def warn(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log at the level WARNING."""
        self.warning(msg, *args, **kwargs)

    def trace(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log at the level DEBUG."""
        self.debug(msg, *args, **kwargs)

    def deprecated(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log at the level WARNING."""
        self.warning(msg, *args, **kwargs)


def getLogger(name: str = "unknown", *_facts: Any, **_more: Any) -> KeywordArgumentAdapter:  # noqa: N802
    """The logger of a name."""
    return KeywordArgumentAdapter(logging.getLogger(name), {})


def register_options(conf: Any) -> None:
    """Do nothing: the program sets up its logging."""


def setup(*_facts: Any, **_more: Any) -> None:
    """Do nothing: the program sets up its logging."""
