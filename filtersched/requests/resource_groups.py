"""Numbered groups of a flavor: resources and traits that one provider of a host must have together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from filtersched.errors import InvalidRequest
from filtersched.requests.request_values import wished_amount

# "resources1:VGPU", "trait_GPU:CUSTOM_A100": the name of the group, and that of the resource or trait. "required1" has
# a list of traits, as in Placement's queries.
_KEY = re.compile(
    r"(?P<what>resources|trait|required)(?P<group>[A-Za-z0-9_-]{1,64}):(?P<name>.+)"
    r"|(?P<list>required)(?P<of>[0-9][A-Za-z0-9_-]{0,63}):?"
)
_POLICY = "group_policy"


class ResourceGroup(NamedTuple):
    """What one provider must have: amounts by resource class, and traits that it must and must not have."""

    name: str
    resources: tuple[tuple[str, int], ...] = ()
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()

    def __str__(self) -> str:
        wishes = [f"{amount} {name}" for name, amount in self.resources]
        wishes += [*sorted(self.required), *(f"not {name}" for name in sorted(self.forbidden))]
        return f"{self.name!r} ({', '.join(wishes)})"


class ResourceGroups(NamedTuple):
    """The groups of a request, and whether each must be on a provider of its own."""

    groups: tuple[ResourceGroup, ...] = ()
    is_isolated: bool = False


NO_GROUPS = ResourceGroups()


def groups_of(extra_specs: Mapping[str, Any]) -> ResourceGroups:
    """The numbered groups that extra specs ask for, by name. Raises InvalidRequest for what they cannot say."""
    parts = [(match, key) for key in extra_specs if (match := _KEY.fullmatch(key)) is not None]
    if not parts:
        return NO_GROUPS
    policy = extra_specs.get(_POLICY, "none")
    if policy not in ("none", "isolate"):
        raise _wrong(_POLICY, "'none' or 'isolate'", policy)
    resources: dict[str, dict[str, int]] = {}
    traits: dict[str, dict[str, set[str]]] = {}
    for match, key in parts:
        value = extra_specs[key]
        if match["list"]:
            for word, name in _listed(key, value):
                traits.setdefault(match["of"], {}).setdefault(word, set()).add(name)
            continue
        if match["what"] != "resources":
            if value not in ("required", "forbidden"):
                raise _wrong(key, "'required' or 'forbidden'", value)
            traits.setdefault(match["group"], {}).setdefault(value, set()).add(match["name"])
            continue
        try:
            resources.setdefault(match["group"], {})[match["name"]] = wished_amount(value)
        except ValueError:
            raise _wrong(key, "a whole number", value) from None
    groups = []
    for name in sorted({*resources, *traits}):
        amounts = tuple((wished, amount) for wished, amount in sorted(resources.get(name, {}).items()) if amount)
        said = {word: frozenset(names) for word, names in traits.get(name, {}).items()}
        none: frozenset[str] = frozenset()
        groups.append(ResourceGroup(name, amounts, said.get("required", none), said.get("forbidden", none)))
    return ResourceGroups(tuple(groups), policy == "isolate")


def _listed(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """The traits of a list such as "CUSTOM_A100,!CUSTOM_OLD", each with "required" or "forbidden"."""
    for text in str(value).split(","):
        name = text.strip()
        is_forbidden = name.startswith("!")
        if not re.fullmatch(r"[A-Z0-9_]+", name[is_forbidden:]):
            raise _wrong(key, "traits with commas in between, each with ! in front if it is forbidden", value)
        yield "forbidden" if is_forbidden else "required", name[is_forbidden:]


def _wrong(key: str, must: str, value: Any) -> InvalidRequest:
    return InvalidRequest(f"flavor.extra_specs: {key} must be {must}, not {value!r}", field=key, value=value)
