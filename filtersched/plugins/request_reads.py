"""Declared reads down to the keys: `vcpus`, `scheduler_hints.group`, `extra_specs.trait:*`.

A declared name is an attribute, or an attribute, a dot and the key of an item. In a key, `*` stands
for any text; before a colon, and in a key without one, for text without a colon. So
`extra_specs.*` means the extra specs without a scope, and `extra_specs.*:*` those with one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from filtersched.hosts.declared_items import key_pattern
from filtersched.requests.asked import SIZES

# Attributes of a request that have items; of the others, a key is for readers, and the whole attribute counts.
WITH_ITEMS = frozenset(("extra_specs", "scheduler_hints", "resources", "limits", "config_options", "further"))
# Attributes of a request that are one value, without items.
_PLAIN = frozenset(
    (*SIZES, "now", "availability_zone", "project_id", "user_id", "instance_uuid", "num_instances", "group_policy")
)


def attributes_of(reads: Iterable[str]) -> tuple[str, ...]:
    """The attributes that declared names begin with, each once, in their order."""
    return _attributes_of(tuple(reads))


@functools.lru_cache(maxsize=1024)
def _attributes_of(reads: tuple[str, ...]) -> tuple[str, ...]:
    # A plug-in whose reads depend on the request is asked for every request.
    return tuple(dict.fromkeys(name.partition(".")[0] for name in reads))


def problem_of(name: str, *, of_request: bool) -> str | None:
    """What is wrong with a declared name, as the end of a sentence; None if nothing is."""
    attribute, dot, key = name.partition(".")
    if not attribute.isidentifier():
        return "does not begin with the name of an attribute"
    if dot and not key:
        return "has no key after the dot"
    if dot and of_request and attribute in _PLAIN:
        return f"has a key, and {attribute} has no items"
    return None


def covers(declared: str, field: str) -> bool:
    """Whether a declared name means this field of a request, named as `asked_of` names it."""
    attribute, _dot, key = declared.partition(".")
    if attribute == "flavor":
        return covers(key, field) if key else field in SIZES or field.startswith("extra_specs.")
    if attribute == "resources":
        return covers(f"extra_specs.resources*:{key or '*'}", field)
    own, _dot, item = field.partition(".")
    if attribute != own:
        return False
    if declared == "image.properties":
        return item.startswith("properties.")
    return not key or key_pattern(key).fullmatch(item) is not None
