"""Who keeps a host to itself: what flavors and aggregates say under one key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The extra spec of a flavor, and the key in an aggregate's metadata.
DEDICATED = "filtersched:dedicated"
STRICT, PREFERRED = "strict", "preferred"


def dedication_in(values: Mapping[str, Any]) -> str | None:
    """"strict", "preferred", or None. Raises ValueError for anything else."""
    said = values.get(DEDICATED)
    if said in (STRICT, PREFERRED, None):
        return said
    raise ValueError(f"{DEDICATED} must be 'strict' or 'preferred', not {said!r}")
