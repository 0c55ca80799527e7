"""Helpers under Nova's names, for filters that were written for Nova: `from filtersched.filters import utils`.

The library's own filters use filtersched.hosts.aggregate_metadata.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any


def aggregate_values_from_key(host_state: Any, key_name: str) -> set[str]:
    """The whole values that the aggregates of the host have for a key, one per aggregate that has it."""
    return {one.metadata[key_name] for one in host_state.aggregates if key_name in one.metadata}


def aggregate_metadata_get_by_host(host_state: Any, key: str | None = None) -> dict[str, set[str]]:
    """All metadata of the host's aggregates: each key with its values, cut at commas and stripped.

    key : only aggregates that have this key are read, with all their keys. A key that none has
        gives an empty set.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in host_state.aggregates:
        if key is None or key in one.metadata:
            for name, text in one.metadata.items():
                found[name].update(item.strip() for item in text.split(","))
    return found


def validate_num_values(
    vals: Collection[Any],
    default: Any = None,
    cast_to: Callable[[Any], Any] = int,
    based_on: Callable[[Iterable[Any]], Any] = min,
) -> Any:
    """The least (`based_on`) of the values, each made a number by `cast_to`; `default` without any.

    Raises ValueError for a value that is no number.
    """
    return based_on([cast_to(value) for value in vals]) if vals else default


def instance_uuids_overlap(host_state: Any, uuids: str | Iterable[str]) -> bool:
    """Whether any of these instances, or this one, is on the host."""
    asked = {uuids} if isinstance(uuids, str) else set(uuids)
    return not asked.isdisjoint(host_state.instances)
