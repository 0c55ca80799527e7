"""The stand-in for nova.i18n and gettextutils: texts stay as they are."""

from __future__ import annotations

__all__ = ["_LC", "_LE", "_LI", "_LW", "_P", "_", "ngettext", "ugettext"]


def _(text: str) -> str:
    """The text, not translated."""
    return text


def _P(singular: str, plural: str, count: int) -> str:  # noqa: N802 - Nova's name
    """The text for so many, not translated."""
    return singular if count == 1 else plural


_LC = _LE = _LI = _LW = ugettext = _
ngettext = _P
