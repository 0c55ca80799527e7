"""Scope: what shares one total of a resource, such as the hosts of a rack or the instances of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.errors import ConfigurationError, nearest, shown
from filtersched.hosts.domain_attributes import declared_attributes, is_attribute
from filtersched.hosts.domains import AGGREGATES, DomainKey, name_of
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.spread_rules import AGGREGATE, ZONE

POOL, PROJECT = "pool", "project"
#: The kinds of scopes that are no attribute of hosts.
KINDS = (POOL, PROJECT, AGGREGATES, f"{AGGREGATE}KEY", ZONE)


class Scope:
    """What the hosts or instances that share a total have in common.

    kind : `pool`, `project`, `aggregate`, `aggregate:KEY`, `zone`, or the name of a host attribute.
    key : tells the hosts apart; None if it is not about hosts.
    """

    __slots__ = ("key", "kind", "reads")

    def __init__(self, kind: str, default_zone: str = "") -> None:
        self.kind = kind
        self.key: DomainKey | None = None if kind in (POOL, PROJECT) else DomainKey(kind, default_zone)
        self.reads: tuple[str, ...] = () if self.key is None else self.key.reads

    @property
    def is_attribute(self) -> bool:
        """Whether it is an attribute of hosts, which they must have."""
        return self.key is not None and self.kind not in KINDS and not self.kind.startswith(AGGREGATE)

    def of(self, host: Any, asks: Any) -> tuple[Any, ...]:
        """The scopes that an instance on a host is in; none if it is in none of this kind.

        asks : the request, or the record of an instance: what has a `project_id`.
        """
        if self.key is not None:
            return self.key.of(host)
        if self.kind == POOL:
            return (POOL,)
        project = getattr(asks, "project_id", None)
        return () if project is None else (project,)

    def words(self, scope: Any) -> str:
        """What texts call one of the scopes."""
        if self.kind == POOL:
            return "the pool"
        label = self.kind.removeprefix(AGGREGATE)
        return f"{label} {name_of(scope)!r}"

    def missing_words(self) -> str:
        """What texts say of an instance or host that is in none of the scopes."""
        if self.kind == PROJECT:
            return "the request names no project"
        return f"the host has no {self.kind.removeprefix(AGGREGATE)}"


def check_kind(kind: Any, owner: str) -> None:
    """Raise ConfigurationError for a kind of scope that cannot be one."""
    if isinstance(kind, str):
        is_key = kind.startswith(AGGREGATE) and kind != AGGREGATE
        if is_key or (kind.isidentifier() and not kind.startswith("_")):
            return
    raise ConfigurationError(
        f"{owner}: scope cannot be {shown(kind)}; it is {', '.join(KINDS)}, or the name of a host attribute.",
        value=kind,
    )


def check_attribute(kind: str, owner: str, hosts: HostPool | Sequence[HostState]) -> None:
    """Raise ConfigurationError for an attribute that no host has."""
    if not len(hosts) or is_attribute(hosts, kind):
        return
    hint = nearest(kind, {*KINDS, *declared_attributes(hosts)})
    raise ConfigurationError(
        f"{owner}: hosts have no attribute {kind!r} to be its scope. {hint}".rstrip()
        + f" The metadata of aggregates is {AGGREGATE}KEY.",
        value=kind,
    )
