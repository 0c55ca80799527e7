"""Flavors as Nova's API and `openstack flavor show -f json` give them.

| Nova's field                                            | field here     |
|---------------------------------------------------------|----------------|
| `ram`, `vcpus`, `disk`                                  | `memory_mb`, `vcpus`, `root_gb` |
| `OS-FLV-EXT-DATA:ephemeral` or `ephemeral`, `swap`      | `ephemeral_gb`, `swap` |
| `extra_specs` or `properties`                           | `extra_specs`  |
| `name` or `original_name`, `id`                         | `name`, `flavorid` |

What else the API says of a flavor (who may use it, links, `rxtx_factor`) has no part in scheduling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RENAMED = {
    "ram": "memory_mb",
    "vcpus": "vcpus",
    "disk": "root_gb",
    "ephemeral": "ephemeral_gb",
    "OS-FLV-EXT-DATA:ephemeral": "ephemeral_gb",
    "swap": "swap",
    "extra_specs": "extra_specs",
    "properties": "extra_specs",
    "original_name": "name",
    "name": "name",
    "id": "flavorid",
}
_NO_PART = frozenset(
    (
        *("links", "location", "description", "rxtx_factor", "access_project_ids", "is_public", "is_disabled"),
        *("os-flavor-access:is_public", "OS-FLV-DISABLED:disabled"),
    )
)


def is_novas_flavor(data: Mapping[str, Any]) -> bool:
    """Whether the data are a flavor in Nova's words; ours says `memory_mb` and `root_gb`."""
    return "ram" in data and "vcpus" in data and "disk" in data


def unread_of_flavor(flavor: Mapping[str, Any]) -> list[str]:
    """The keys of Nova's flavor that Nova does not have; nothing reads them."""
    return sorted(name for name in flavor if name not in _RENAMED and name not in _NO_PART)


def flavor_from_nova(flavor: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a flavor that Nova describes."""
    found = {ours: flavor[name] for name, ours in _RENAMED.items() if flavor.get(name) is not None}
    if found.get("swap") == "":
        # As the API has it without swap, before microversion 2.75.
        found["swap"] = 0
    return found
