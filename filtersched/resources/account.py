"""Account: what one resource has left in each scope, in the middle of a decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from filtersched.columns import values
from filtersched.errors import InvalidAnswer, shown
from filtersched.hosts.domains import Answer, OfDomains, name_of
from filtersched.hosts.look_ups import asked
from filtersched.hosts.shared_amounts import NOTHING
from filtersched.resources.scope import Scope
from filtersched.resources.shared_resource import SharedResource

#: A sum of amounts: exact, so that the order in which instances come and go does not matter.
Exact = int | Fraction


def exact(amount: int | float) -> Exact:
    """An amount as it is written: 0.1 is a tenth, so that ten of them are 1."""
    return int(amount) if amount == int(amount) else Fraction(repr(amount))


def plain(amount: Exact) -> int | float:
    """The number for texts and records."""
    return amount if isinstance(amount, int) else float(amount)


class Account:
    """What one resource has in each scope for one instance of a request.

    before : gives what instances take of a scope, by its name, that were there before the request.
    """

    def __init__(self, resource: SharedResource, scope: Scope, before: Callable[[Any], Exact]) -> None:
        self.resource = resource
        self.scope = scope
        self._before = before
        self._free: Free | None = None
        self._start_over()

    def _start_over(self) -> None:
        self._placed: dict[Any, Exact] = {}
        self._count = 0
        # Of which attempt at the decision.
        self._followed: object = None
        self._changed: set[Any] | None = None

    def follow(self, taken: Sequence[Mapping[str, Any]], count: int) -> None:
        """Count what the first so many instances of the request take, by their records."""
        if taken is not self._followed or count < self._count:
            self._start_over()
            self._followed = taken
        for each in taken[self._count : count]:
            record = each.get(self.resource.label, NOTHING)
            for name in record["scopes"]:
                self._placed[name] = self._placed.get(name, 0) + exact(record["amount"])
                if self._changed is not None:
                    self._changed.add(name)
        self._count = count

    def forget(self) -> None:
        """Drop what only speeds up the decision, which is made."""
        self._free = None
        self._start_over()

    def total(self, scope: Any) -> Exact | None:
        """How much there is in a scope; None is no limit. Raises InvalidAnswer for what is no total."""
        found: Any = self.resource.total(scope)
        if found is None or (type(found) is int and found >= 0):
            return found
        try:
            return None if found == math.inf else exact(values.amount(found))
        except (ValueError, TypeError):
            name = self.resource.label
            raise InvalidAnswer(
                f"{name}.total returned {shown(found)} for {self.scope.words(scope)}; return a number of 0 or more, "
                "or None for no limit",
                plugin=name,
                method="total",
                value=found,
            ) from None

    def free_in(self, scope: Any) -> Exact | None:
        """How much is free in a scope; None is no limit."""
        total = self.total(scope)
        if total is None:
            return None
        name = name_of(scope)
        return total - self._before(name) - self._placed.get(name, 0)

    def free(self, host: Any, spec: Any) -> Any:
        """How much is free for an instance on a host, or on each of columns of hosts: a float, or a column."""
        if self._free is None or self._changed is None or self._changed:
            self._free = Free(self, self._free, self._changed)
            self._changed = set()
        if self.scope.key is None:
            return self._free.of(self.scope.of(host, spec))
        return asked(host, OfDomains(self.scope.key, self._free))


class Free(Answer):
    """How much is free in scopes, until something is taken."""

    __slots__ = ("_account",)

    def __init__(self, account: Account, before: Free | None = None, changed: set[Any] | None = None) -> None:
        super().__init__(before, changed)
        self._account = account

    def of(self, scopes: tuple[Any, ...]) -> float:
        """How much is free where an instance is in all of these scopes."""
        if not scopes:
            return math.inf if self._account.resource.unlimited_outside else -math.inf
        if len(scopes) == 1:
            only = self._account.free_in(scopes[0])
            return math.inf if only is None else float(only)
        found = [self._account.free_in(scope) for scope in scopes]
        return float(min((one for one in found if one is not None), default=math.inf))
