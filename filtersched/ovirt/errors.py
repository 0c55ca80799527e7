"""What can go wrong between the engine and a unit."""

from __future__ import annotations

from filtersched.errors import FilterschedError


class OvirtError(FilterschedError):
    """Something of the oVirt daemon went wrong."""


class WireError(OvirtError):
    """A call that cannot be read or answered; `code` is the faultCode that the client gets."""

    def __init__(self, message: str = "", *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class UnitError(OvirtError):
    """A unit gave no usable answer; becomes a line in plugin_errors.

    details : lines for the log beneath the sentence: a traceback, what it wrote to stderr.
    late : it failed for want of time.
    """

    def __init__(self, message: str = "", *, details: str = "", late: bool = False) -> None:
        super().__init__(message)
        self.details = details
        self.late = late


class NoProcess(UnitError):
    """A unit could not be asked, which says nothing about its file: no process or descriptor is left."""


class ForkServerDied(NoProcess):
    """The process that was asked went with the fork server before it answered; another may be asked."""
