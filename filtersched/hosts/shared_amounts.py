"""What instances take of resources that belong to no host, as their records say it, and when that last changed.

The record of an instance has it in `consumed`, by the name of the resource:

    {"shared_resources": {"power": {"amount": 450, "scopes": ["r1"]}}}

`scopes` are those that had a limit when the instance was placed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from filtersched.columns.frozen import FrozenDict, FrozenList
from filtersched.columns.values import amount
from filtersched.errors import InvalidRequest, must_be

#: The key in an instance's `consumed`.
SHARED_RESOURCES = "shared_resources"
# So many scopes are distinguished; if there are more, older decisions about all of them conflict.
_MAX_SCOPES = 100_000

#: The name of a resource, and the scope: a rack, a project, the name of an aggregate.
ScopeKey = tuple[str, Any]


def taken_record(taken: int | float, scopes: Iterable[Any]) -> FrozenDict[str, Any]:
    """What a record says of one resource."""
    return FrozenDict(amount=taken, scopes=FrozenList(scopes))


#: What a record says of a resource that the instance takes nothing of.
NOTHING = taken_record(0, ())


def checked_taken(given: Any) -> FrozenDict[str, Any]:
    """The records by resource, as plain data has them. Raises InvalidRequest for what is none."""
    try:
        taken = {str(name): taken_record(amount(one["amount"]), one["scopes"]) for name, one in given.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        what = "a mapping such as {'power': {'amount': 450, 'scopes': ['r1']}}"
        raise InvalidRequest(must_be("resources", what, given), field="resources", value=given) from None
    return FrozenDict(taken)


def taken_by(instance: Any) -> Mapping[str, Any] | None:
    """What the record of an instance says, by resource; None if no resources were in use when it was placed."""
    found = getattr(instance, "consumed", FrozenDict()).get(SHARED_RESOURCES)
    return found if isinstance(found, Mapping) else None


def scopes_of(taken: Mapping[str, Any]) -> Iterator[ScopeKey]:
    """The scopes with a limit that an instance takes something of."""
    for name, record in taken.items():
        for scope in record["scopes"]:
            yield name, scope


def scope_in_words(scope: ScopeKey) -> str:
    """The resource and the scope, for messages."""
    return f"shared resource {scope[0]!r} ({scope[1]!r})"


def scopes_changed_by(instances: Iterable[Any]) -> set[ScopeKey] | None:
    """The scopes whose use changes when these instances come or go; None if it may be any."""
    scopes: set[ScopeKey] = set()
    for one in instances:
        taken = taken_by(one)
        if taken is None:
            return None
        try:
            scopes.update(scopes_of(taken))
        except (KeyError, TypeError):
            # A record that somebody else wrote.
            return None
    return scopes


class ScopeGenerations:
    """When the use of each scope last changed, as generations of the pool.

    Nothing is noted before a decision in the pool asks about shared resources.

    at : by scope.
    since : scopes that are not among them changed at that generation at the latest.
    reads : the attributes of hosts that say their scopes; None before the first such decision.
    """

    def __init__(
        self, at: Mapping[ScopeKey, int] | None = None, since: int = 0, reads: Iterable[str] | None = None
    ) -> None:
        self.at: dict[ScopeKey, int] = dict(at or {})
        self.since = since
        self.reads: frozenset[str] | None = None if reads is None else frozenset(reads)

    def copy(self) -> ScopeGenerations:
        """The same, to be kept."""
        return ScopeGenerations(self.at, self.since, self.reads)

    def restore(self, before: ScopeGenerations) -> None:
        """Let what has changed since be as if it had not."""
        self.at, self.since = dict(before.at), before.since

    def watch(self, reads: Iterable[str]) -> None:
        """From here on note the changes of scopes, and of these attributes."""
        self.reads = frozenset(reads).union(self.reads or ())

    def note(self, scopes: Collection[ScopeKey] | None, generation: int) -> None:
        """Note that the use of these scopes has changed; None is all of them."""
        if self.reads is None:
            return
        if scopes is None or len(self.at) >= _MAX_SCOPES:
            self.at.clear()
            self.since = generation
        else:
            self.at.update(dict.fromkeys(scopes, generation))

    def changed_since(self, taken: Mapping[str, Any], generation: int) -> list[ScopeKey]:
        """The scopes that an instance takes something of and that have changed since."""
        return [scope for scope in scopes_of(taken) if self.at.get(scope, self.since) > generation]
