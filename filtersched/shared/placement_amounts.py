"""What an instance takes, in Placement's resource classes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from filtersched.errors import InvalidRequest
from filtersched.requests.request_values import Flavor, wished_amount
from filtersched.requests.resource_groups import ResourceGroup, groups_of

_UNNUMBERED = re.compile(r"resources:(?P<name>.+)")


class Amounts(NamedTuple):
    """What an instance takes of its host as a whole, and what each numbered group takes of one provider."""

    whole: Mapping[str, int]
    groups: tuple[ResourceGroup, ...] = ()

    def total(self) -> dict[str, int]:
        """All that is taken, by class."""
        found = dict(self.whole)
        for group in self.groups:
            for name, amount in group.resources:
                found[name] = found.get(name, 0) + amount
        return found


def amounts_of(flavor: Flavor) -> Amounts:
    """What an instance of the flavor takes; extra specs such as `resources:VCPU=0` override its sizes, as in Nova.

    Raises InvalidRequest for a size that is no whole number, and for a flavor that takes nothing.
    """
    sizes = {
        "VCPU": _whole("vcpus", flavor.vcpus),
        "MEMORY_MB": _whole("memory_mb", flavor.memory_mb),
        "DISK_GB": _whole("root_gb", flavor.root_gb)
        + _whole("ephemeral_gb", flavor.ephemeral_gb)
        + math.ceil(flavor.swap / 1024),
    }
    for key, value in flavor.extra_specs.items():
        match = _UNNUMBERED.fullmatch(key)
        if match is not None:
            sizes[match["name"]] = _wished(key, value)
    found = Amounts({name: amount for name, amount in sizes.items() if amount}, groups_of(flavor.extra_specs).groups)
    if not found.total():
        raise InvalidRequest("the flavor takes nothing, and Placement keeps no instance that does", field="flavor")
    return found


def _whole(name: str, value: Any) -> int:
    if value != int(value):
        said = f"flavor.{name} must be a whole number for Placement, not {value!r}"
        raise InvalidRequest(said, field=f"flavor.{name}", value=value)
    return int(value)


def _wished(key: str, value: Any) -> int:
    try:
        return wished_amount(value)
    except ValueError:
        said = f"flavor.extra_specs: {key} must be a whole number, not {value!r}"
        raise InvalidRequest(said, field=key, value=value) from None
