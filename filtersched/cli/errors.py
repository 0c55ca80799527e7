"""What the command itself has to complain about."""

from __future__ import annotations

from filtersched.errors import FilterschedError


class UsageError(FilterschedError):
    """Arguments that make no sense."""


class OutputError(FilterschedError):
    """A result that cannot be written."""


class StdoutError(OutputError):
    """The standard output cannot be written to."""
