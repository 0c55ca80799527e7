"""Placement: what a pool needs to know of a selection; CommitConflict: it was decided on a state that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from filtersched.errors import FilterschedError
from filtersched.requests.request_spec import RequestSpec


class Placement:
    """One instance on one host, decided but perhaps not committed: the part of a Selection that a pool reads."""

    __slots__ = ()

    host: str
    nodename: str
    instance_uuid: str
    spec: RequestSpec
    index: int
    seed: int | None
    generation: int
    pool_generation: int
    pool: str | None
    resources: Mapping[str, Any] | None

    def check(self) -> None:
        """Raise InvalidRequest for fields that don't belong together."""


class CommitConflict(FilterschedError):
    """The hosts, the request's group or a shared resource have changed since the decision; nothing was committed.

    selections : those that cannot be committed.
    hosts : the names of their hosts.
    groups : the uuids of groups that have changed.
    resources : shared resources that were taken of or given back, each as its name and the scope.
    verdict : what a filter says of the host as it is now, where it was asked again.
    """

    def __init__(
        self,
        message: str = "",
        *,
        selections: Sequence[Placement] = (),
        hosts: Sequence[str] = (),
        groups: Sequence[str] = (),
        resources: Sequence[tuple[str, Any]] = (),
        verdict: Any = None,
    ) -> None:
        super().__init__(message)
        self.selections: tuple[Placement, ...] = tuple(selections)
        self.hosts: tuple[str, ...] = tuple(hosts)
        self.groups: tuple[str, ...] = tuple(groups)
        self.resources: tuple[tuple[str, Any], ...] = tuple(resources)
        self.verdict = verdict
