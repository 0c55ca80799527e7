"""The stand-in for strutils, of oslo_utils and of Nova's own: text that means yes or no, or a number."""

from __future__ import annotations

from typing import Any

__all__ = ["bool_from_string", "int_from_bool_as_string", "is_int_like"]

_YES = ("1", "t", "true", "on", "y", "yes")
_NO = ("0", "f", "false", "off", "n", "no")


def bool_from_string(subject: Any, strict: bool = False, default: Any = False) -> Any:
    """Whether a text says yes; `default` where it says neither, or with `strict` a ValueError."""
    if isinstance(subject, bool):
        return subject
    said = str(subject).strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    if strict:
        known = ", ".join(map(repr, sorted((*_NO, *_YES))))
        raise ValueError(f"Unrecognized value {subject!r}, acceptable values are: {known}")
    return default


def int_from_bool_as_string(subject: Any) -> int:
    """1 if a text says yes, else 0."""
    return int(bool_from_string(subject))


def is_int_like(val: Any) -> bool:
    """Whether the value is a whole number, or the text of one as Python writes it."""
    try:
        return str(int(val)) == str(val)
    except (TypeError, ValueError, OverflowError):
        return False
