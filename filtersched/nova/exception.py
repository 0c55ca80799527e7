"""The stand-in for nova.exception: NovaException, and any other exception of Nova's by its name."""

from __future__ import annotations

from typing import Any


class NovaException(Exception):
    """The base of Nova's exceptions: a message, or `msg_fmt` filled with keywords."""

    msg_fmt = "An unknown exception occurred."
    code = 500

    def __init__(self, message: Any = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        if message is None:
            try:
                message = self.msg_fmt % kwargs
            except (KeyError, TypeError, ValueError):
                message = self.msg_fmt
            if kwargs and message == self.msg_fmt:
                message = f"{type(self).__name__}: {', '.join(f'{name}={value}' for name, value in kwargs.items())}"
        super().__init__(message)
        self.message = message

    def format_message(self) -> str:
        """The message."""
        return str(self.args[0])


class Invalid(NovaException):
    """Something is not valid."""

    msg_fmt = "Bad Request - Invalid Parameters"
    code = 400


class NotFound(NovaException):
    """Something is not there."""

    msg_fmt = "Resource could not be found."
    code = 404


class NoValidHost(NovaException):
    """No host can take the instance."""

    msg_fmt = "No valid host was found. %(reason)s"


def __getattr__(name: str) -> Any:
    """Another exception of Nova's, made when it is first asked for: none of them is raised here."""
    if not name[:1].isupper() or "_" in name:
        raise AttributeError(f"filtersched's stand-in for nova.exception has no {name!r}")
    base = NotFound if name.endswith("NotFound") else Invalid if name.startswith("Invalid") else NovaException
    made = globals()[name] = type(name, (base,), {"__module__": __name__})
    return made
