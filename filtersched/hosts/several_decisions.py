"""Selections of several decisions that are committed in one call: none of the decisions knows of the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from filtersched.hosts.placement import Placement
from filtersched.hosts.shared_amounts import ScopeKey, scopes_of

_P = TypeVar("_P", bound=Placement)


class SharedByDecisions(NamedTuple):
    """What several decisions have in common.

    selections : those of the decisions after the first that have it.
    """

    hosts: Sequence[str] = ()
    groups: Sequence[str] = ()
    scopes: Sequence[ScopeKey] = ()
    selections: Sequence[Placement] = ()


def by_decision(chosen: Iterable[_P]) -> list[list[_P]]:
    """The selections of each decision, in their order.

    Those of one have the same seed and the same state of the pool, and each another index.
    """
    found: dict[Any, list[dict[int, _P]]] = {}
    made: list[dict[int, _P]] = []
    for one in chosen:
        alike = found.setdefault((one.seed, one.pool_generation), [])
        decision = next((each for each in alike if one.index not in each), None)
        if decision is None:
            decision = {}
            alike.append(decision)
            made.append(decision)
        decision[one.index] = one
    return [list(each.values()) for each in made]


def shared_by_decisions(
    chosen: Sequence[Placement], groups_of: Callable[[Any], Sequence[str]]
) -> SharedByDecisions | None:
    """What more than one of the decisions draws on: hosts, groups, shared resources; None if there is nothing.

    groups_of : the groups that a request names.
    """
    if len(chosen) < 2:
        return None
    decisions = by_decision(chosen)
    if len(decisions) < 2 or len({one.instance_uuid for one in chosen}) < len(chosen):
        # An instance that is there twice is another mistake.
        return None
    first: dict[Hashable, int] = {}
    hosts: dict[str, None] = {}
    groups: dict[str, None] = {}
    scopes: dict[ScopeKey, None] = {}
    selections: list[Placement] = []
    for number, decision in enumerate(decisions):
        for one in decision:
            again = first.setdefault(("host", one.host, one.nodename), number) != number
            hosts.update({one.host: None} if again else {})
            taken_groups = [each for each in groups_of(one.spec) if first.setdefault(("group", each), number) != number]
            groups.update(dict.fromkeys(taken_groups))
            of_scopes = scopes_of(one.resources or {})
            taken_scopes = [each for each in of_scopes if first.setdefault(("scope", each), number) != number]
            scopes.update(dict.fromkeys(taken_scopes))
            if again or taken_groups or taken_scopes:
                selections.append(one)
    return SharedByDecisions(list(hosts), list(groups), list(scopes), selections) if selections else None
