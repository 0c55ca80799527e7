"""The filter of a SharedResource: it refuses hosts in whose scope too little is free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from filtersched.columns.column import Column, NotVectorizable, opposite
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.plugin import declaration_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.account import Account, plain
from filtersched.resources.amounts import checked_amount
from filtersched.resources.scope import Scope
from filtersched.resources.shared_resource import SharedResource
from filtersched.results.verdict import Shortage
from filtersched.results.words import amount_in_words


class SharedResourceFilter(BaseHostFilter):
    """Refuse hosts in whose scope less of a shared resource is free than the instance takes."""

    resource: ClassVar[SharedResource]
    scope: ClassVar[Scope]

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        amount: Any = self.resource.amount(spec, host_state)
        if type(amount) is Column:
            if not np.all(amount.values >= 0):
                # Perhaps of a host that is no candidate: each is asked for itself.
                raise NotVectorizable
            return opposite(amount > 0) | (amount <= self._account(spec).free(host_state, spec))
        amount = float(self._checked(amount, spec, host_state))
        return amount == 0 or self._account(spec).free(host_state, spec) >= amount

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage:
        resource, scope, account = self.resource, self.scope, self._account(spec)
        amount = self._checked(resource.amount(spec, host_state), spec, host_state)
        name, unit = resource.label, f"{resource.unit} " if resource.unit else ""
        asked = f"asked {amount_in_words(amount)}"
        scopes = scope.of(host_state, spec)
        if not scopes:
            said = f"{scope.missing_words()}, so there is no {unit and unit + 'of '}{name!r} for it, {asked}"
            return Shortage(name, amount, 0, resource.unit, sentence=said)
        # One that has no limit refuses nobody.
        limited = [(free, at) for at, one in enumerate(scopes) if (free := account.free_in(one)) is not None]
        if not limited:
            return Shortage(name, amount, math.inf, resource.unit)
        free, at = min(limited)
        have, most = (amount_in_words(plain(one)) for one in (free, account.total(scopes[at]) or 0))
        said = f"{scope.words(scopes[at])} has {have} of {most} {unit}of {name!r} free, {asked}"
        return Shortage(name, amount, plain(free), resource.unit, sentence=said)

    def _account(self, spec: RequestSpec) -> Account:
        accounts = spec.shared_resources
        if accounts is None:
            # No scheduler asks, so nobody knows of any instance.
            return Account(self.resource, self.scope, lambda _name: 0)
        account: Account = accounts.account(self.resource)
        return account

    def _checked(self, amount: Any, spec: Any, host: Any) -> int | float:
        if type(amount) in (int, float) and 0 <= amount < math.inf:
            return amount  # type: ignore[no-any-return]
        return checked_amount(self.resource, self.scope, spec, host, amount)


def filter_of(resource: SharedResource, scope: Scope) -> SharedResourceFilter:
    """The filter of a resource, of a class that has the name of the resource and its declarations."""
    cls = type(resource)
    declaration = declaration_of(cls)
    members: dict[str, Any] = {
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "resource": resource,
        "scope": scope,
        "host_reads": None,
    }
    if declaration is not None:
        reads: Any = declaration.host_reads
        own: Sequence[str] = () if callable(reads) else reads
        members["host_reads"] = tuple(dict.fromkeys(("host", *own, *scope.reads)))
        if callable(reads):
            members["host_reads"] = lambda _filter, spec: ("host", *resource.host_reads(spec), *scope.reads)
        members["spec_reads"] = (*declaration.spec_reads, "project_id", "shared_resources")
        members["spec_meets"] = declaration.spec_reads
        members["columnar"] = declaration.columnar
    made: SharedResourceFilter = type(resource.label, (SharedResourceFilter,), members)()
    made.configured_ratios = resource.configured_ratios
    return made
