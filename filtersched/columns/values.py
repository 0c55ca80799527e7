"""Checks of single values: numbers, times and mappings. Each returns the value to keep or raises ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict, freeze

# More than this, and multiplying it with a ratio may not give a number any more.
_LARGEST = 10**300


def number(value: Any) -> Any:
    """`value` if it is a finite number or None; NumPy's scalars become Python's."""
    kind = type(value)
    if value is None or (kind is int and -_LARGEST < value < _LARGEST):
        return value
    if kind is not float and not isinstance(value, bool) and hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
        kind = type(value)
    if kind not in (int, float) or not -_LARGEST < value < _LARGEST:
        raise ValueError("a finite number")
    return value


def amount(value: Any) -> Any:
    """`value` if it is a number that is not negative, or None."""
    value = number(value)
    if value is not None and value < 0:
        raise ValueError("zero or more")
    return value


def ratio(value: Any) -> float | None:
    """An allocation ratio as a float; None where it is not set, which Nova writes as 0.0 too."""
    checked = amount(value)
    return float(checked) if checked else None


def read_only_mapping(value: Any) -> FrozenDict:
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    frozen: FrozenDict = freeze(value)
    return frozen


def naive_utc(value: Any) -> datetime | None:
    """A time as Nova keeps it: UTC, without saying so. ISO text is read, other zones converted."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time such as 2026-01-31T12:00:00") from None
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise ValueError("a time such as 2026-01-31T12:00:00")
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
