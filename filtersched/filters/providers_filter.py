"""ProvidersFilter: numbered groups of a flavor on parts of a host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.hosts.providers import fit_groups, has_traits
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.resource_groups import ResourceGroups, groups_of


class ProvidersFilter(BaseHostFilter):
    """Refuse hosts on whose providers the flavor's numbered groups do not fit.

    `resources1:VGPU = 2` and `trait1:CUSTOM_A100 = required` are one group: one provider must have both. Placement's
    list of traits, `required1 = CUSTOM_A100,!CUSTOM_OLD`, is read too. Several groups may share a provider, unless
    `group_policy = isolate`. A host lists its providers in `HostState.providers`.

    | the flavor has numbered groups | the host has providers | verdict                        |
    |--------------------------------|------------------------|--------------------------------|
    | no                             | any                    | pass                           |
    | yes                            | no                     | refuse                         |
    | yes                            | yes                    | pass if there is a fit for all |

    Placing an instance takes the resources of the first fit, in the order of the groups' names and of the providers.
    ResourceFilter and TraitsFilter look at the host as a whole, whatever the group.
    """

    spec_reads: ClassVar[Sequence[str]] = ("extra_specs",)
    # Keys without a number are about the host, and others meet them.
    spec_meets: ClassVar[Sequence[str] | None] = (
        "extra_specs.group_policy",
        *(
            f"extra_specs.{key}"
            for digit in range(1, 10)
            for key in (f"resources{digit}*:*", f"trait{digit}*:*", f"required{digit}*:*", f"required{digit}*")
        ),
    )
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return ("providers",) if groups_of(spec.extra_specs).groups else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        asked = groups_of(spec.extra_specs)
        return not asked.groups or fit_groups(host_state.providers, asked) is not None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        asked = groups_of(spec.extra_specs)
        if not asked.groups:
            return None
        if not host_state.providers:
            return f"has no providers, and the flavor asks for group {asked.groups[0]} on one"
        for group in asked.groups:
            if fit_groups(host_state.providers, ResourceGroups((group,))) is None:
                able = any(has_traits(one, group) for one in host_state.providers.values())
                return f"no provider has {'room for' if able else 'the traits of'} group {group}"
        separate = ", each on a provider of its own" if asked.is_isolated else ""
        return f"its {len(host_state.providers)} providers have no room for all {len(asked.groups)} groups{separate}"
