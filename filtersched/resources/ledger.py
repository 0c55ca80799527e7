"""Ledger: what the instances of a pool take of one resource in each scope.

The instances are the truth. A ledger is made of them and follows the hosts that change.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from filtersched.columns.column import NotVectorizable
from filtersched.hosts.domains import name_of
from filtersched.hosts.host_pool import Key
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.resources.account import Exact, exact
from filtersched.resources.amounts import Requests, amount_asked, recorded_amount
from filtersched.resources.scope import Scope
from filtersched.resources.shared_resource import SharedResource

# So many changes are remembered, for explanations of earlier decisions.
_MOST_CHANGES = 10_000


class _HostUse(NamedTuple):
    """What the instances of one host take, and what that was made of.

    The host itself is not: in a transaction another object stands in its place.
    """

    instances: Mapping[str, Any]
    seen: Sequence[Any]
    by_scope: Mapping[Any, Exact]


class Ledger:
    """What is used of a resource, by the name of the scope.

    resource, scope : whose use it is.
    """

    def __init__(self, resource: SharedResource, scope: Scope) -> None:
        self.resource = resource
        self.scope = scope
        self.used: dict[Any, Exact] = {}
        # The latest changes of `used`, and how many there were before them.
        self._changes: list[tuple[Any, Exact]] = []
        self._forgotten = 0
        self._hosts: dict[Key, _HostUse] = {}
        # The rows that it was made of: a change of the version moves rows.
        self._rows: weakref.ref[HostRows] | None = None
        self._version = self._then = -1

    def follow(self, rows: HostRows) -> None:
        """Bring it up to date with the hosts of a pool."""
        is_same = self._rows is not None and self._rows() is rows and self._version == rows.version
        changed = rows.changed_rows(self._then, ("instances", *self.scope.reads)) if is_same else None
        # Whatever interrupts it, half of the work is not taken for the whole.
        self._version = -1
        if changed is None:
            self._make_of(_hosts_with_instances(rows))
        else:
            requests = Requests()
            for row in changed:
                self._put(rows.host(row), requests)
        self._rows, self._version, self._then = weakref.ref(rows), rows.version, rows.change_count

    @property
    def stamp(self) -> int:
        """How many changes are in it."""
        return self._forgotten + len(self._changes)

    def used_at(self, stamp: int, name: Any) -> Exact:
        """What was used of a scope when so many changes were in it; what is used now, if that is long ago."""
        now = self.used.get(name, 0)
        if stamp == self.stamp or stamp < self._forgotten:
            return now
        return now - sum(amount for each, amount in self._changes[stamp - self._forgotten :] if each == name)

    def _make_of(self, hosts: Iterable[HostState]) -> None:
        """Make it of all hosts; what is known of a host that has not changed is used again."""
        known, self._hosts, requests = self._hosts, {}, Requests()
        before, self.used = self.used, {}
        for host in hosts:
            found = known.get((host.host, host.nodename))
            if found is None or not self._is_current(found, host):
                found = self._use_of(host, requests)
            self._hosts[host.host, host.nodename] = found
            for name, amount in found.by_scope.items():
                add(self.used, name, amount)
        for name in before.keys() | self.used.keys():
            self._note(name, self.used.get(name, 0) - before.get(name, 0))

    def _put(self, host: HostState, requests: Requests) -> None:
        key = (host.host, host.nodename)
        found = self._hosts.get(key)
        if found is not None:
            if self._is_current(found, host):
                return
            self._add(found, -1)
            del self._hosts[key]
        self._hosts[key] = found = self._use_of(host, requests)
        self._add(found, 1)

    def _add(self, found: _HostUse, sign: int) -> None:
        for name, amount in found.by_scope.items():
            add(self.used, name, sign * amount)
            self._note(name, sign * amount)

    def _note(self, name: Any, amount: Exact) -> None:
        """Remember a change, for decisions that were made before it."""
        if amount:
            self._changes.append((name, amount))
        if len(self._changes) > 2 * _MOST_CHANGES:
            del self._changes[:_MOST_CHANGES]
            self._forgotten += _MOST_CHANGES

    def _is_current(self, found: _HostUse, host: HostState) -> bool:
        seen = self._seen(host)
        is_same = all(old is new for old, new in zip(found.seen, seen, strict=True))
        return is_same and found.instances is host.instances

    def _seen(self, host: HostState) -> list[Any]:
        return [getattr(host, name, None) for name in self.scope.reads]

    def _use_of(self, host: HostState, requests: Requests) -> _HostUse:
        instances = host.instances
        by_scope = use_of(self.resource, self.scope, ((host, one) for one in instances.values()), requests)
        return _HostUse(instances, self._seen(host), by_scope)


def _hosts_with_instances(rows: HostRows) -> Iterator[HostState]:
    """The hosts that have instances. Those that have none may be rows without an object, and stay so."""
    try:
        found = rows.values("instances")
    except NotVectorizable:
        found = [host.instances for host in rows.hosts()]
    return (rows.host(row) for row, instances in enumerate(found) if instances)


def use_of(
    resource: SharedResource, scope: Scope, instances: Iterable[tuple[HostState, Any]], requests: Requests
) -> dict[Any, Exact]:
    """What instances take in each scope, by its name; each instance comes after its host."""
    used: dict[Any, Exact] = {}
    for host, instance in instances:
        amount = recorded_amount(resource, instance, host)
        if amount is None:
            amount = amount_asked(resource, scope, requests.of(instance), host)
        if amount:
            for each in scope.of(host, instance):
                add(used, name_of(each), exact(amount))
    return used


def add(used: dict[Any, Exact], name: Any, amount: Exact) -> None:
    """Add to what is used of a scope; nothing at all is left out."""
    total = used.get(name, 0) + amount
    if total:
        used[name] = total
    else:
        used.pop(name, None)
