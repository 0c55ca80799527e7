"""A run up to one request, so that it is decided as `schedule` decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.cli.trial import Trial
from filtersched.hosts.host_pool import HostPool
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection


class Replay:
    """Places requests as a trial does, and decides one without placing it."""

    def __init__(
        self, scheduler: Any, pool: HostPool, *, filters: Sequence[Any] | None = None, seed: int | None = None
    ) -> None:
        self._scheduler = scheduler
        self._pool = pool
        self._filters = filters
        self._trial = Trial(scheduler, pool, filters=filters, seed=seed)

    def place(self, spec: RequestSpec) -> None:
        """Place a request that comes before."""
        self._trial.place(spec)

    def decide(self, spec: RequestSpec) -> Selection | NoValidHost:
        """The selection of the request's first instance, or the refusal, with the weights of all hosts."""
        uuids, seed = self._trial.begin(spec)
        try:
            selections: list[Selection] = self._scheduler.select_destinations(
                spec, self._pool, uuids, filters=self._filters, seed=seed, explain="full"
            )
        except NoValidHost as refusal:
            return refusal
        return selections[0]
