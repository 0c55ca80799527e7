"""Checks of single values: numbers, times and text. Each returns the value to keep or raises ValueError."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

# The product of two numbers below this is finite, so no size with its ratio outgrows a float.
_BELOW = 10**150
# Numbers below this are below every limit.
_USUAL = 2**47


def number(value: Any, *, below: int = _BELOW) -> Any:
    """`value` if it is a finite number below a power of ten, signs aside; NumPy's scalars become Python's."""
    kind = type(value)
    if (kind is int or kind is float) and -_USUAL < value < _USUAL:
        return value
    if kind is not float and not isinstance(value, bool) and hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
        kind = type(value)
    if kind not in (int, float) or value != value:
        raise ValueError("a finite number")
    if not -below < value < below:
        raise ValueError(f"a finite number below 1e{len(str(below)) - 1}")
    return value


def amount(value: Any, *, below: int = _BELOW) -> Any:
    """`value` if it is such a number and not negative."""
    value = number(value, below=below)
    if value < 0:
        raise ValueError("zero or more")
    return value


def whole(value: Any) -> int:
    """A whole number, given as a number or as its text."""
    try:
        found = int(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError("a whole number") from None
    return int(number(found))


def optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same check for a value that may be None."""
    return lambda value: None if value is None else check(value)


def ratio(value: Any) -> float | None:
    """An allocation ratio as a float; None where it is not set, which Nova writes as 0.0 too."""
    return None if value is None else float(amount(value)) or None


def text(value: Any) -> str:
    """`value` if it is text."""
    if not isinstance(value, str):
        raise ValueError("text")
    return value if type(value) is str else str(str.__str__(value))


def optional_text(value: Any) -> str | None:
    """`value` if it is text or None."""
    return value if value is None or type(value) is str else text(value)


def name(value: Any) -> str:
    """`value` if it is text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return text(value)


def utc_now() -> datetime:
    """The time as Nova keeps it: UTC, without saying so."""
    # Dropping the zone by `replace` takes three times as long.
    return _EPOCH + (datetime.now(UTC) - _EPOCH_IN_UTC)


def naive_utc(value: Any) -> datetime | None:
    """A time as Nova keeps it: UTC, without saying so. ISO text is read, other zones converted."""
    if value is None or (type(value) is datetime and value.tzinfo is None and not value.fold):
        return value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time such as 2026-01-31T12:00:00") from None
        if found.tzinfo is None:
            return found
        value = found
    if not isinstance(value, datetime):
        raise ValueError("a time such as 2026-01-31T12:00:00")
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise ValueError("a time within the years 1 to 9999, in UTC") from None
    # Of no other class and with no more fields than ISO text has, so that it comes back equal.
    return datetime.combine(value.date(), value.time().replace(fold=0))


def moment(time: datetime) -> int:
    """A naive UTC time in microseconds since 1970: whole, so that a column holds it exactly."""
    return (time - _EPOCH) // _MICROSECOND


_EPOCH, _EPOCH_IN_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
