"""Words for whatever plug-ins hand over, since the text of an error must not raise another."""

from __future__ import annotations

import math
from typing import Any

_LONGEST = 500


def in_words(thing: Any) -> str:
    """`str(thing)`, cut where it is very long; the name of its class if it has none."""
    try:
        said = str(thing)
    except Exception:
        # The boundary to a plug-in's own class.
        return f"<{type(thing).__name__}>"
    return said if len(said) <= _LONGEST else said[:_LONGEST] + "…"


def amount_in_words(value: Any, *, digits: int = 6) -> str:
    """A number without a fraction that says nothing; anything else as it calls itself."""
    try:
        return str(int(value)) if float(value).is_integer() else f"{float(value):.{digits}g}"
    except Exception:
        # The boundary to a plug-in's own class.
        return in_words(value)


def plain_amount(value: Any) -> int | float | str:
    """A number as JSON has it, or words for what JSON has not."""
    try:
        plain = value if type(value) is int else float(value)
    except Exception:
        # The boundary to a plug-in's own class.
        return in_words(value)
    return plain if abs(plain) < math.inf else in_words(value)
