"""SharedResources: the resources that a scheduler uses, and how much of them instances take."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.account import Account, Exact, plain
from filtersched.resources.amounts import Requests
from filtersched.resources.ledger import Ledger, use_of
from filtersched.resources.resource_filter import SharedResourceFilter, filter_of
from filtersched.resources.scope import Scope, check_attribute, check_kind
from filtersched.resources.shared_resource import SharedResource, check_shape
from filtersched.resources.shared_use import SharedUse


class SharedResources:
    """The resources in use, each with its filter.

    filters : the filter of each, in their order.
    """

    def __init__(self, resources: Sequence[SharedResource]) -> None:
        self._scopes: list[tuple[SharedResource, Scope]] = []
        for resource in resources:
            check_shape(resource)
            check_kind(resource.scope, resource.label)
            if any(resource.label == other.label for other, _scope in self._scopes):
                raise ConfigurationError(f"Two shared resources have the name {resource.label!r}.", value=resource)
            self._scopes.append((resource, Scope(resource.scope, resource.option("default_availability_zone"))))
        self.filters: list[SharedResourceFilter] = [filter_of(*one) for one in self._scopes]
        self._ledgers: weakref.WeakKeyDictionary[HostPool, list[Ledger]] = weakref.WeakKeyDictionary()

    def check_names(self, filters: Iterable[object]) -> None:
        """Raise ConfigurationError for a resource that has the name of a filter: results show it as one."""
        taken = {type(one).__name__ for one in filters}
        for resource in self:
            if resource.label in taken:
                raise ConfigurationError(
                    f"A shared resource and a filter in use have the name {resource.label!r}; results could not tell "
                    "them apart. Give the resource another one.",
                    value=resource.label,
                )

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
        taken: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Give a request what the resources have left.

        uuids : the instances that are about to be placed, which count on no host.
        taken : what earlier instances of the same commit take, as records.
        """
        for resource, scope in self._scopes:
            if scope.is_attribute:
                check_attribute(scope.kind, resource.label, hosts)
        before = self._before(hosts, uuids)
        accounts = [Account(*one, used) for one, used in zip(self._scopes, before, strict=True)]
        spec.__dict__["_shared_resources"] = SharedUse.of_accounts(accounts, taken)

    def use(self, hosts: HostPool | Sequence[HostState]) -> dict[str, dict[Any, int | float]]:
        """How much instances take: by the name of the resource, and of the scope."""

        def used() -> list[Mapping[Any, Exact]]:
            if isinstance(hosts, HostPool):
                return [dict(ledger.used) for ledger in self._ledgers_of(hosts)]
            return self._used(_instances_of(hosts))

        found = hosts.run(used) if isinstance(hosts, HostPool) else undisturbed(hosts, used)
        return {
            resource.label: {name: plain(amount) for name, amount in each.items()}
            for resource, each in zip(self, found, strict=True)
        }

    def _before(
        self, hosts: HostPool | Sequence[HostState], uuids: Collection[str]
    ) -> Iterator[Callable[[Any], Exact]]:
        """For each resource what gives the use of a scope, `uuids` left out."""
        if not isinstance(hosts, HostPool):
            for used in self._used(_instances_of(hosts, frozenset(uuids))):
                yield functools.partial(_used_of, used)
            return
        rows = hosts.rows
        placed = [(rows.host(row), uuid) for uuid in uuids for row in rows.rows_with(uuid)]
        leaving = self._used([(host, host.instances[uuid]) for host, uuid in placed])
        for ledger, gone in zip(self._ledgers_of(hosts), leaving, strict=True):
            yield functools.partial(_used_without, ledger, ledger.stamp, gone)

    def _used(self, instances: Sequence[tuple[HostState, Any]]) -> list[Mapping[Any, Exact]]:
        requests = Requests()
        return [use_of(*one, instances, requests) for one in self._scopes]

    def _ledgers_of(self, pool: HostPool) -> list[Ledger]:
        """The ledgers of the resources, with the pool as it is now."""
        ledgers = self._ledgers.get(pool)
        if ledgers is None:
            ledgers = self._ledgers[pool] = [Ledger(*one) for one in self._scopes]
        pool.scope_generations.watch(name for _resource, scope in self._scopes for name in scope.reads)
        for ledger in ledgers:
            ledger.follow(pool.rows)
        return ledgers


def _instances_of(
    hosts: Sequence[HostState], without: Collection[str] = ()
) -> list[tuple[HostState, Any]]:
    """The instances of hosts, each after its host, except some of them by uuid."""
    return [(host, one) for host in hosts for uuid, one in host.instances.items() if uuid not in without]


def _used_of(used: Mapping[Any, Exact], name: Any) -> Exact:
    return used.get(name, 0)


def _used_without(ledger: Ledger, stamp: int, gone: Mapping[Any, Exact], name: Any) -> Exact:
    """What was used of a scope at the time of the stamp, without what leaves it."""
    return ledger.used_at(stamp, name) - gone.get(name, 0)
