"""The stand-in for nova.utils: the few functions that filters and weighers call."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from filtersched.columns.values import utc_now
from filtersched.nova.importutils import import_class, import_object
from filtersched.nova.strutils import bool_from_string as bool_from_str
from filtersched.nova.timeutils import utcnow

__all__ = ["bool_from_str", "dumps", "import_class", "import_object", "isotime", "loads", "strtime", "utcnow"]

_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"


def isotime(at: datetime | None = None) -> str:
    """A time, or now, as ISO text to the second."""
    return (at or utc_now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def strtime(at: datetime | None = None, fmt: str = _FORMAT) -> str:
    """A time, or now, as text to the microsecond."""
    return (at or utc_now()).strftime(fmt)


def dumps(value: Any) -> str:
    """The value as JSON text."""
    return json.dumps(value)


def loads(text: str) -> Any:
    """The value of a JSON text."""
    return json.loads(text)
