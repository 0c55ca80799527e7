"""Checks of what the instances of an inventory were asked with: numbered groups of flavors, and wishes for hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.errors import InvalidRequest, nearest, shown
from filtersched.filters.providers_filter import ProvidersFilter
from filtersched.hosts.host_state import HostState
from filtersched.hosts.providers import fit_groups, has_traits
from filtersched.requests.instance import Instance
from filtersched.requests.resource_groups import ResourceGroup, ResourceGroups, groups_of
from filtersched.weighers.wish_weigher import WishWeigher

_GROUPS, _WISHES = "numbered groups", "wishes"


def asked_findings(checked: Checked) -> Iterator[Finding]:
    """What is risky about the flavors and hints of instances."""
    instances = [one for host in checked.hosts for one in host.instances.values()]
    yield from _of_groups(checked, {one.flavor.name: one.flavor.extra_specs for one in instances if one.flavor})
    yield from _of_wishes(checked, instances)


def _of_groups(checked: Checked, flavors: Mapping[str | None, Mapping[str, Any]]) -> Iterator[Finding]:
    is_used = any(isinstance(one, ProvidersFilter) for one in checked.filters)
    for name, extra_specs in flavors.items():
        try:
            asked = groups_of(extra_specs)
        except InvalidRequest as problem:
            yield Finding(_GROUPS, f"The flavor {name!r} cannot be asked for: {problem}.")
            continue
        if not asked.groups:
            continue
        if not is_used:
            yield Finding(
                _GROUPS,
                f"The flavor {name!r} has the group {asked.groups[0]}, which no filter in use meets: its instances go "
                "to hosts without it. Enable ProvidersFilter.",
            )
            continue
        for group in asked.groups:
            if not any(_could_have(host, group) for host in checked.hosts):
                yield Finding(
                    _GROUPS,
                    f"No provider of a host of this inventory could have the group {group} of the flavor {name!r}, "
                    "even if it were empty: ProvidersFilter refuses every request for it.",
                )


def _could_have(host: HostState, group: ResourceGroup) -> bool:
    """Whether a provider of the host has room for the group when nothing is used of it."""
    empty = {
        name: {**one, "resources": {resource: (total, 0) for resource, (total, _used) in one["resources"].items()}}
        for name, one in host.providers.items()
        if has_traits(one, group)
    }
    return bool(empty) and fit_groups(empty, ResourceGroups((group,))) is not None


def _of_wishes(checked: Checked, instances: Iterable[Instance]) -> Iterator[Finding]:
    weigher = next((one for one in checked.weighers if isinstance(one, WishWeigher)), None)
    hints = {}
    for one in instances:
        given = {name: one.scheduler_hints[name] for name in WishWeigher.hints if name in one.scheduler_hints}
        if given:
            hints[repr(given)] = one
    if hints and (weigher is None or not weigher.is_on()):
        one = next(iter(hints.values()))
        why = "wish_weight_multiplier is 0" if weigher else f"WishWeigher is not among {names_of(checked.weighers)}"
        yield Finding(_WISHES, f"The instance {one.uuid!r} has hints for WishWeigher, which nothing reads: {why}.")
    for one in hints.values():
        try:
            wishes = WishWeigher.wishes_of(one)
        except InvalidRequest as problem:
            yield Finding(_WISHES, f"The instance {one.uuid!r} cannot be asked for again: {problem}.")
            continue
        for wish in wishes:
            known = {host.host for host in checked.hosts}
            if wish.kind == "host" and wish.value not in known:
                said = f"wishes for the host {wish.value!r}, which is not in this inventory"
                yield Finding(_WISHES, f"The instance {one.uuid!r} {said}. {nearest(wish.value, known)}".rstrip())
            elif wish.kind not in ("host", "zone", "aggregate") and not _have(checked.hosts, wish.kind):
                said = f"wishes for {shown(wish.kind)}, which is no attribute of any host of this inventory"
                hint = nearest(wish.kind, HostState.attributes)
                yield Finding(_WISHES, f"The instance {one.uuid!r} {said}. {hint}".rstrip())


def _have(hosts: Iterable[HostState], attribute: str) -> bool:
    return any(hasattr(host, attribute) for host in hosts)
