"""SharedUse: what the shared resources have for one instance of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from filtersched.columns.frozen import FrozenDict
from filtersched.hosts.domains import name_of
from filtersched.hosts.host_state import HostState
from filtersched.hosts.shared_amounts import NOTHING, taken_record
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.account import Account
from filtersched.resources.amounts import amount_asked
from filtersched.resources.shared_resource import SharedResource


class SharedUse:
    """What the instances that were there take, and those that the request has placed so far.

    There is one for each instance of the request. They share all but the number of instances placed before.
    """

    __slots__ = ("_count", "_journal")

    def __init__(self, journal: _Journal, count: int = 0) -> None:
        self._journal = journal
        self._count = count

    @classmethod
    def of_accounts(cls, accounts: Sequence[Account], taken: Sequence[Mapping[str, Any]] = ()) -> SharedUse:
        """That before the first instance; `taken` as records by earlier instances of the same commit."""
        return cls(_Journal(accounts, taken), len(taken))

    def account(self, resource: SharedResource) -> Account:
        """What the resource has left for this instance."""
        journal = self._journal
        account = journal.accounts[resource.label]
        account.follow(journal.taken, self._count)
        return account

    def records(self, spec: RequestSpec, host: HostState) -> Mapping[str, Any]:
        """What the instance takes on a host as it was before, by resource; see shared_amounts."""
        journal = self._journal
        if len(journal.taken) > self._count:
            # It was asked for the next instance.
            return journal.taken[self._count]
        found: dict[str, Any] = {}
        for name, account in journal.accounts.items():
            amount = amount_asked(account.resource, account.scope, spec, host)
            scopes = account.scope.of(host, spec) if amount else ()
            limited = [name_of(scope) for scope in scopes if account.total(scope) is not None]
            found[name] = taken_record(amount, limited) if amount else NOTHING
        # One object for all that take the same: selections and records of instances keep it.
        return journal.known.setdefault(tuple(found.items()), FrozenDict(found))

    def forget(self) -> None:
        """Drop what only speeds up the decision, which is made."""
        for account in self._journal.accounts.values():
            account.forget()

    def with_taken(self, spec: RequestSpec, host: HostState) -> SharedUse:
        """The same with one more instance, placed on this host as it was before."""
        journal = self._journal
        if len(journal.taken) != self._count:
            # Another attempt at the decision went on from here.
            journal = _Journal(list(journal.accounts.values()), journal.taken[: self._count])
        journal.taken.append(SharedUse(journal, self._count).records(spec, host))
        return SharedUse(journal, self._count + 1)


class _Journal:
    """The accounts of a decision, and what its instances have taken."""

    __slots__ = ("accounts", "known", "taken")

    def __init__(self, accounts: Sequence[Account], taken: Sequence[Mapping[str, Any]]) -> None:
        self.accounts: dict[str, Account] = {one.resource.label: one for one in accounts}
        self.taken: list[Mapping[str, Any]] = list(taken)
        self.known: dict[Any, Mapping[str, Any]] = {}
