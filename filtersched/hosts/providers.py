"""The parts of a host that have resources and traits of their own, and which of them a request's groups fit in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.columns.values import amount, text
from filtersched.errors import shown
from filtersched.requests.resource_groups import ResourceGroup, ResourceGroups

_KEYS = ("resources", "traits")
# A search that takes more steps than this ends without a fit.
_MOST_STEPS = 100_000


def checked_providers(value: Any) -> FrozenDict[str, Any]:
    """Providers as a host keeps them: name to `resources` and `traits`. Raises ValueError."""
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise ValueError("a mapping from the name of a provider to its resources and traits")
    return FrozenDict({text(name): _provider(name, facts) for name, facts in value.items()})


def _provider(name: Any, facts: Any) -> FrozenDict[str, Any]:
    if not isinstance(facts, Mapping) or not facts.keys() <= set(_KEYS):
        raise ValueError(f"a mapping with 'resources' and 'traits' for provider {shown(name)}")
    resources, traits = facts.get("resources") or {}, facts.get("traits") or ()
    if not isinstance(resources, Mapping) or isinstance(traits, str | bytes) or not isinstance(traits, Iterable):
        raise ValueError(f"(total, used) by name and a list of traits for provider {shown(name)}")
    try:
        amounts = {text(each): (amount(total), amount(used)) for each, (total, used) in resources.items()}
    except (TypeError, ValueError):
        raise ValueError(f"(total, used) by name, both zero or more, for provider {shown(name)}") from None
    return FrozenDict(resources=FrozenDict(amounts), traits=frozenset(map(text, traits)))


def plain_providers(providers: Mapping[str, Any]) -> dict[str, Any]:
    """The providers as plain data."""
    return {
        name: {
            "resources": {each: list(amounts) for each, amounts in one["resources"].items()},
            "traits": sorted(one["traits"]),
        }
        for name, one in providers.items()
    }


def fit_groups(providers: Mapping[str, Any], asked: ResourceGroups) -> tuple[str, ...] | None:
    """The provider of each group, in the order of the groups; None if they do not fit together.

    The first fit in the order of groups and providers. It is found if there is one, unless that takes
    more than 100,000 steps.
    """
    free = {name: {each: total - used for each, (total, used) in one["resources"].items()}
            for name, one in providers.items()}
    able = [[name for name in providers if has_traits(providers[name], group)] for group in asked.groups]
    return _Search(asked, free, able).run()


class _Search:
    """Tries providers for one group after another, and goes back where the next one fits nowhere."""

    def __init__(self, asked: ResourceGroups, free: dict[str, dict[str, float]], able: Sequence[list[str]]) -> None:
        self._asked = asked
        self._free = free
        self._able = able
        self._chosen: list[str] = []
        self._steps = 0

    def run(self) -> tuple[str, ...] | None:
        return tuple(self._chosen) if self._place(0) else None

    def _place(self, at: int) -> bool:
        if at == len(self._asked.groups):
            return True
        group = self._asked.groups[at]
        for name in self._able[at]:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                return False
            free = self._free[name]
            if self._asked.is_isolated and name in self._chosen:
                continue
            if any(free.get(each, 0) < wished for each, wished in group.resources):
                continue
            self._move(free, group, -1)
            self._chosen.append(name)
            if self._place(at + 1):
                return True
            self._chosen.pop()
            self._move(free, group, 1)
        return False

    def _move(self, free: dict[str, float], group: ResourceGroup, sign: int) -> None:
        for each, wished in group.resources:
            free[each] += sign * wished


def has_traits(provider: Mapping[str, Any], group: ResourceGroup) -> bool:
    """Whether a provider has the traits that a group requires, and none that it forbids."""
    traits: frozenset[str] = provider["traits"]
    return group.required <= traits and not group.forbidden & traits


def taken_of_providers(providers: Mapping[str, Any], asked: ResourceGroups) -> list[dict[str, Any]]:
    """What an instance takes: one record a group, with `provider` and `resources`; none of what does not fit."""
    names = fit_groups(providers, asked) or ()
    return [
        {"provider": name, "resources": dict(group.resources)}
        for name, group in zip(names, asked.groups, strict=False)
        if group.resources
    ]


def with_taken(providers: Mapping[str, Any], taken: Sequence[Mapping[str, Any]], sign: int) -> FrozenDict[str, Any]:
    """The providers with what an instance takes (sign 1), or without it (sign -1)."""
    changed = dict(providers)
    for one in taken:
        provider = changed.get(one["provider"])
        if provider is None:
            continue
        resources = dict(provider["resources"])
        for name, moved in one["resources"].items():
            if name in resources:
                total, used = resources[name]
                resources[name] = (total, max(0, used + sign * amount(moved)))
        changed[one["provider"]] = FrozenDict({**provider, "resources": FrozenDict(resources)})
    return FrozenDict(changed)
