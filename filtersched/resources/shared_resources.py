"""SharedResources: the resources that a scheduler uses, and how much of them instances take."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.account import Account, Exact, plain
from filtersched.resources.amounts import Requests
from filtersched.resources.ledger import Ledger, add, use_of
from filtersched.resources.resource_filter import SharedResourceFilter, filter_of
from filtersched.resources.scope import PROJECT, Scope, check_attribute, check_kind
from filtersched.resources.shared_resource import SharedResource
from filtersched.resources.shared_use import SharedUse, Taken


class SharedResources:
    """The resources in use, each with its filter.

    filters : the filter of each, in their order.
    """

    def __init__(self, resources: Sequence[SharedResource]) -> None:
        self._scopes: list[tuple[SharedResource, Scope]] = []
        for resource in resources:
            check_kind(resource.scope, resource.label)
            if any(resource.label == other.label for other, _scope in self._scopes):
                raise ConfigurationError(f"Two shared resources have the name {resource.label!r}.", value=resource)
            self._scopes.append((resource, Scope(resource.scope, resource.option("default_availability_zone"))))
        self.filters: list[SharedResourceFilter] = [filter_of(*one) for one in self._scopes]
        self._ledgers: weakref.WeakKeyDictionary[HostPool, list[Ledger]] = weakref.WeakKeyDictionary()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._scopes)

    def __iter__(self) -> Iterator[SharedResource]:
        """The resources, in their order."""
        return (resource for resource, _scope in self._scopes)

    def prepare(
        self,
        spec: RequestSpec,
        hosts: HostPool | Sequence[HostState],
        uuids: Collection[str],
        taken: Sequence[Taken] = (),
    ) -> None:
        """Give a request what the resources have left.

        uuids : the instances that are about to be placed, which count on no host.
        taken : what earlier instances of the same commit take.
        """
        for resource, scope in self._scopes:
            if scope.is_attribute:
                check_attribute(scope.kind, resource.label, hosts)
        found = self._used(hosts, uuids, spec)
        accounts = [Account(*one, used) for one, used in zip(self._scopes, found, strict=True)]
        spec.__dict__["_shared_resources"] = SharedUse.of_accounts(accounts, taken)

    def use(self, hosts: HostPool | Sequence[HostState]) -> dict[str, dict[Any, int | float]]:
        """How much instances take: by the name of the resource, and of the scope."""

        def used() -> list[dict[Any, Exact]]:
            return self._used(hosts, ())

        found = hosts.run(used) if isinstance(hosts, HostPool) else undisturbed(hosts, used)
        return {
            resource.label: {name: plain(amount) for name, amount in each.items()}
            for (resource, _scope), each in zip(self._scopes, found, strict=True)
        }

    def _used(
        self, hosts: HostPool | Sequence[HostState], uuids: Collection[str], spec: RequestSpec | None = None
    ) -> list[dict[Any, Exact]]:
        """What is used of each resource, `uuids` left out; for a request only of the project that it is of."""
        requests = Requests()
        if not isinstance(hosts, HostPool):
            placing = frozenset(uuids)
            counted = [(host, one) for host in hosts for uuid, one in host.instances.items() if uuid not in placing]
            return [use_of(*one, counted, requests) for one in self._scopes]
        rows = hosts.rows
        placed = [(rows.host(row), uuid) for uuid in uuids for row in rows.rows_with(uuid)]
        leaving = [(host, host.instances[uuid]) for host, uuid in placed]
        found = []
        for ledger in self._ledgers_of(hosts):
            ledger.follow(rows)
            used = ledger.used
            if spec is not None and ledger.scope.kind == PROJECT:
                used = {name: used[name] for name in (spec.project_id,) if name in used}
            used = dict(used)
            for name, amount in use_of(ledger.resource, ledger.scope, leaving, requests).items() if leaving else ():
                add(used, name, -amount)
            found.append(used)
        return found

    def _ledgers_of(self, pool: HostPool) -> list[Ledger]:
        ledgers = self._ledgers.get(pool)
        if ledgers is None:
            ledgers = self._ledgers[pool] = [Ledger(*one) for one in self._scopes]
        pool.scope_generations.watch(name for _resource, scope in self._scopes for name in scope.reads)
        return ledgers
