"""What a request asks for, field by field: sizes, zone, extra specs, hints, image properties, server group."""

from __future__ import annotations

from typing import Any

from filtersched.columns.frozen import typed_key
from filtersched.requests.group_rules import RULE_KEYS, groups_of_request
from filtersched.requests.request_spec import RequestSpec

SIZES = ("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap")
# What many requests say nothing of, and `asked_of` reads.
_SELDOM = frozenset(
    (
        *("scheduler_hints", "instance_group", "instance_groups", "requested_destination", "retry"),
        *("ignore_hosts", "force_hosts", "force_nodes", "numa_topology", "pci_requests", "network_metadata"),
    )
)


def kind_of(spec: RequestSpec) -> tuple[Any, ...] | None:
    """A key of the requests that ask the same; None for one that asks more than a flavor, an image and a zone."""
    if not _SELDOM.isdisjoint(vars(spec)):
        return None
    image = spec.image
    return spec.flavor, spec.availability_zone, None if image is None else typed_key(image.properties)


def asked_of(spec: RequestSpec) -> dict[str, Any]:
    """The fields that ask something of a host, and what they ask.

    Items of a mapping are fields of their own: `extra_specs.trait:HW_CPU_X86_AVX2`,
    `scheduler_hints.group`, `image.properties.hw_architecture`. A server group is named by its
    policy: `instance_group.anti-affinity`, its spread rules are `instance_group.spread`. Names, ids and owners
    ask nothing, nor does a group without a policy, to which the enabled filters give its meaning.
    """
    asked: dict[str, Any] = {name: value for name in SIZES if (value := getattr(spec, name))}
    if spec.availability_zone:
        asked["availability_zone"] = spec.availability_zone
    asked |= {f"extra_specs.{key}": value for key, value in spec.extra_specs.items()}
    # A name that begins with _ is Nova's own note on what kind of request it is.
    hints = {key: value for key, value in spec.scheduler_hints.items() if not key.startswith("_")}
    asked |= {f"scheduler_hints.{key}": value[0] if len(value) == 1 else value for key, value in hints.items()}
    if spec.image is not None:
        asked |= {f"image.properties.{key}": value for key, value in spec.image.properties.items()}
    group = spec.instance_group
    if group is not None and group.policy is not None:
        asked[f"instance_group.{group.policy}"] = group.uuid
    if group is not None and "spread" in group.rules:
        asked["instance_group.spread"] = group.rules["spread"]
    for one in spec.instance_groups:
        if one.policy is not None:
            asked[f"instance_groups.{one.policy}"] = one.uuid
    for field, one in groups_of_request(spec):
        name = field.partition("[")[0]
        asked |= {f"{name}.{key}": one.rules[key] for key in RULE_KEYS if key in one.rules}
    destination = spec.requested_destination
    if destination is not None and (destination.host or destination.cell):
        asked["requested_destination"] = destination.host or destination.cell
    if spec.retry is not None and spec.retry.hosts:
        asked["retry"] = [one.host for one in spec.retry.hosts]
    for name in ("ignore_hosts", "force_hosts", "force_nodes"):
        if getattr(spec, name):
            asked[name] = getattr(spec, name)
    for name in ("numa_topology", "pci_requests", "network_metadata"):
        wanted = spec.given(name)
        if wanted:
            asked[name] = wanted.plain()
    return asked
