"""PCI aliases: names for devices in `[pci] alias`, and what a flavor asks for by them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.requests.pci_requests import (
    LEGACY,
    InstancePCIRequest,
    InstancePCIRequests,
    check_numa_policy,
    is_true,
)
from filtersched.requests.request_values import Flavor, Image

#: The extra spec that names aliases, each with a number of devices: `gpu:2,nic:1`.
ALIAS_SPEC = "pci_passthrough:alias"
_POLICY_SPEC, _POLICY_PROPERTY = "hw:pci_numa_affinity_policy", "hw_pci_numa_affinity_policy"

_ID = re.compile(r"[\da-fA-F]{4}")
_DEVICE_TYPES = ("type-PCI", "type-PF", "type-VF")
_KEYS = (
    *("name", "vendor_id", "product_id", "device_type", "numa_policy"),
    *("live_migratable", "capability_type", "resource_class", "traits"),
)
_WORDS_OF_FALSE = frozenset(("0", "f", "false", "off", "n", "no"))


class PciAlias(NamedTuple):
    """What a name stands for: devices that one of `specs` describes, and how close they must be."""

    numa_policy: str
    specs: tuple[Mapping[str, Any], ...]


def read_aliases(texts: Iterable[str]) -> Mapping[str, PciAlias]:
    """The aliases of JSON texts, by name; a name may be there several times, with other devices.

    Raises ValueError with a sentence for what is no alias.
    """
    aliases: dict[str, PciAlias] = {}
    for text in texts:
        name, policy, spec = _alias(text)
        known = aliases.get(name)
        if known is None:
            aliases[name] = PciAlias(policy, (spec,))
            continue
        for what, old, new in (
            ("numa_policy", known.numa_policy, policy),
            ("device_type", known.specs[0].get("dev_type"), spec.get("dev_type")),
        ):
            if old != new:
                raise ValueError(f"the alias {name!r} has two values of {what}: {old} and {new}")
        aliases[name] = PciAlias(policy, (*known.specs, spec))
    return FrozenDict(aliases)


def _alias(text: str) -> tuple[str, str, FrozenDict[str, Any]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ValueError(f'an alias must be a JSON object such as {{"name": "gpu", …}}, not {shown(text)}')
    name = given.pop("name", None)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"an alias needs a name, and {shown(text)} has none")
    name = name.strip()
    for key, value in given.items():
        problem = _problem_of(key, value)
        if problem:
            raise ValueError(f"the alias {name!r}: {problem}")
    for key in ("vendor_id", "product_id"):
        if key not in given:
            raise ValueError(f"the alias {name!r} needs a {key}")
    policy = given.pop("numa_policy", None) or LEGACY
    kind = given.pop("device_type", None)
    if kind is not None:
        given["dev_type"] = kind
    if "live_migratable" in given:
        given["live_migratable"] = "true" if is_true(given["live_migratable"]) else "false"
    return name, policy, FrozenDict(given)


def _problem_of(key: str, value: Any) -> str:
    """What is wrong with one key of an alias; empty if nothing is."""
    if key not in _KEYS:
        return f"there is no {key!r}. {nearest(key, _KEYS)}".rstrip()
    if not isinstance(value, str):
        return must_be(key, "text", value)
    if key in ("vendor_id", "product_id"):
        return "" if _ID.fullmatch(value) else must_be(key, "four hexadecimal digits", value)
    if key == "device_type":
        return "" if value in _DEVICE_TYPES else must_be(key, " or ".join(map(repr, _DEVICE_TYPES)), value)
    if key == "live_migratable":
        is_word = is_true(value) or value.strip().lower() in _WORDS_OF_FALSE
        return "" if is_word else must_be(key, "a word for true or false", value)
    if key == "numa_policy":
        try:
            check_numa_policy(value)
        except ValueError as problem:
            return must_be(key, problem, value)
    return ""


def requests_of(
    flavor: Flavor, image: Image | None, aliases: Mapping[str, PciAlias]
) -> InstancePCIRequests | None:
    """The devices that the flavor asks for; None if it asks for none.

    Raises InvalidRequest for an alias that is not defined, for what is no number, and where flavor
    and image want different policies.
    """
    given = flavor.extra_specs.get(ALIAS_SPEC)
    if not given:
        return None
    policy = _policy(flavor.extra_specs, EMPTY if image is None else image.properties)
    return InstancePCIRequests(requests=[_request(piece, policy, aliases) for piece in str(given).split(",")])


def _request(piece: str, policy: str | None, aliases: Mapping[str, PciAlias]) -> InstancePCIRequest:
    name, _, count = (part.strip() for part in piece.partition(":"))
    if not re.fullmatch(r"\d{1,15}", count) or not int(count):
        problem = "a list of name:count, each count 1 or more"
        raise InvalidRequest(must_be(ALIAS_SPEC, problem, piece), field=ALIAS_SPEC, value=piece)
    if name not in aliases:
        hint = nearest(name, aliases) or "No alias is defined."
        said = f"{ALIAS_SPEC} names {name!r}, which [pci] alias does not define. {hint}"
        raise InvalidRequest(said, field=ALIAS_SPEC, value=name)
    alias = aliases[name]
    return InstancePCIRequest(
        count=int(count), spec=alias.specs, alias_name=name, numa_policy=policy or alias.numa_policy
    )


def _policy(specs: Mapping[str, Any], properties: Mapping[str, Any]) -> str | None:
    wanted = specs.get(_POLICY_SPEC) or None
    of_image = properties.get(_POLICY_PROPERTY) or None
    for key, value in ((_POLICY_SPEC, wanted), (_POLICY_PROPERTY, of_image)):
        try:
            check_numa_policy(value)
        except ValueError as problem:
            raise InvalidRequest(must_be(key, problem, value), field=key, value=value) from None
    if wanted and of_image and wanted != of_image:
        said = f"{_POLICY_SPEC}={wanted} and {_POLICY_PROPERTY}={of_image} differ"
        raise InvalidRequest(said, field=_POLICY_SPEC, value=wanted)
    found: str | None = wanted or of_image
    return found
