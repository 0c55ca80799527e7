"""Selections and uuids that callers give to a pool, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from filtersched.errors import InvalidRequest, shown
from filtersched.hosts.host_state import HostState
from filtersched.hosts.placement import Placement

_ONE = (str, Placement)


def has(host: HostState, instance_uuid: str) -> bool:
    """Whether the instance is on the host."""
    try:
        return instance_uuid in host.instances
    except Exception:
        # The boundary to a class derived from HostState.
        return False


def check_different(uuids: Iterable[str]) -> None:
    """Refuse an instance that is named twice."""
    seen: set[str] = set()
    for uuid in uuids:
        if uuid in seen:
            raise InvalidRequest(
                f"instance {uuid} is there twice; it can be released or moved once", field="instance_uuid", value=uuid
            )
        seen.add(uuid)


def as_list(given: Any, *, uuids: bool = False) -> Sequence[Any]:
    """One selection or several, or uuids where they will do, as a list."""
    chosen = [given] if isinstance(given, _ONE) else list(given)
    for placed in chosen:
        if isinstance(placed, Placement):
            placed.check()
        elif not (uuids and isinstance(placed, str)):
            what = "selections and uuids can be released" if uuids else "selections can be committed and moved"
            raise InvalidRequest(f"only {what}, not {shown(placed)}", field="selections")
    return chosen
