"""Placement: what a pool needs to know of a selection; CommitConflict: it was decided on a state that is gone."""

from __future__ import annotations

from collections.abc import Sequence

from filtersched.errors import FilterschedError
from filtersched.requests.request_spec import RequestSpec


class Placement:
    """One instance on one host, decided but perhaps not committed: the part of a Selection that a pool reads."""

    __slots__ = ()

    host: str
    nodename: str
    instance_uuid: str
    spec: RequestSpec
    generation: int
    pool: str | None

    def check(self) -> None:
        """Raise InvalidRequest for fields that don't belong together."""


class CommitConflict(FilterschedError):
    """The hosts have changed since the decision; nothing was committed."""

    def __init__(
        self, message: str = "", *, selections: Sequence[Placement] = (), hosts: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.selections: tuple[Placement, ...] = tuple(selections)
        self.hosts: tuple[str, ...] = tuple(hosts)
