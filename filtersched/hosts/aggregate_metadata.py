"""Reading values that the aggregates of a host may set.

Two ways, as in Nova. Whole values: one text per aggregate that has the key, used for ratios, limits
and multipliers. Split values: each text cut at commas and stripped, used for lists of names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filtersched.columns.column import filled, of_each
from filtersched.columns.values import number as finite
from filtersched.hosts.host_state import HostState
from filtersched.hosts.host_values import Aggregate


def split_values(found: Iterable[Aggregate], key: str) -> set[str]:
    """The items of the comma-separated lists that aggregates give for `key`."""
    return {item for one in found if key in one.metadata for item in _split(one.metadata[key])}


def zones(found: Iterable[Aggregate], service: Mapping[str, Any], default: str) -> set[Any]:
    """The zones that aggregates name, or else that of the service, or else the default."""
    return split_values(found, "availability_zone") or {service.get("availability_zone") or default}


def split_values_of_prefix(host: HostState, prefix: str) -> set[str]:
    """The items that the aggregates of `host` give for any key that begins with `prefix`."""
    texts = (text for one in host.aggregates for key, text in one.metadata.items() if key.startswith(prefix))
    return {item for text in texts for item in _split(text)}


def all_split(host: HostState) -> dict[str, set[str]]:
    """Every key of the aggregates of `host` with the items that any of them gives for it."""
    united: dict[str, set[str]] = {}
    for aggregate in host.aggregates:
        for key, text in aggregate.metadata.items():
            united.setdefault(key, set()).update(_split(text))
    return united


def number(host: Any, key: str, cast: Callable[[str], Any], default: Any) -> Any:
    """The least of the numbers that aggregates give for `key`; `default` without one.

    One text that `cast` cannot read, or reads as infinite, makes it `default` for that host,
    whatever the others say. For
    columns in the place of the host this is one call per distinct set of aggregates, and `default`
    may be a column.
    """
    return filled(of_each(host, "aggregates", _least, key, cast), default)


def _least(found: Iterable[Any], key: str, cast: Callable[[str], Any]) -> Any:
    texts = {one.metadata[key] for one in found if key in one.metadata}
    try:
        return min((finite(cast(text)) for text in texts), default=None)
    except (ValueError, TypeError):
        return None


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]
