"""What can go wrong between the engine and a unit.

OvirtError      .unit
├─ WireError    what the client sent cannot be read; becomes a fault
└─ UnitError    a unit gave no usable answer; becomes a line in plugin_errors
   └─ NoProcess it could not be asked: the machine has no process or descriptor left
"""

from __future__ import annotations

from filtersched.errors import FilterschedError


class OvirtError(FilterschedError):
    """Something of the oVirt daemon went wrong; `unit` is the unit's name, if one is to blame."""

    def __init__(self, message: str = "", *, unit: str | None = None) -> None:
        super().__init__(message)
        self.unit = unit


class WireError(OvirtError):
    """A call that cannot be read or answered; `code` is the faultCode that the client gets."""

    def __init__(self, message: str = "", *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class UnitError(OvirtError):
    """A unit that failed or whose answer makes no sense.

    details : lines for the log beneath the sentence: a traceback, what it wrote to stderr.
    late : it failed for want of time.
    """

    def __init__(self, message: str = "", *, details: str = "", late: bool = False) -> None:
        super().__init__(message)
        self.details = details
        self.late = late


class NoProcess(UnitError):
    """A unit that could not be asked; that says nothing about its file."""
