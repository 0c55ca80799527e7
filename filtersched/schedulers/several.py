"""Several requests placed as one: hardest first, each on what the ones before it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from filtersched.engine.decision import Decision
from filtersched.errors import InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection


class Several:
    """Different requests for hosts of one pool.

    prepare : makes a decision of a request and the uuids of its instances; None is those of the request.
    decide : the selections of a decision. Raises NoValidHost.
    uuids : gives the uuids of a request's instances.
    """

    def __init__(
        self,
        specs: Sequence[RequestSpec],
        pool: HostPool,
        prepare: Callable[..., Decision],
        decide: Callable[[Decision], list[Selection]],
        uuids: Callable[[RequestSpec], list[str]],
    ) -> None:
        if not specs:
            raise InvalidRequest("there must be a request at least", field="specs", value=specs)
        if len(set(map(id, specs))) < len(specs):
            raise InvalidRequest("the requests must be different ones; copy() makes another", field="specs")
        self._specs = specs
        self._pool = pool
        self._prepare = prepare
        self._decide = decide
        self._uuids = uuids

    def place(self, **how: Any) -> list[list[Selection]]:
        """The selections of each request, in the order given; committed. Called in a transaction of the pool.

        how : further arguments of `prepare`.
        """
        found: dict[int, list[Selection]] = {}
        for number in sorted(range(len(self._specs)), key=self._ease):
            decision = self._prepare(self._specs[number], None, **how)
            try:
                found[number] = self._decide(decision)
            except NoValidHost as refusal:
                refusal.request = number
                # What was placed before is about to be undone, and belongs to the reasons.
                taken = {(one.host, one.nodename) for each in found.values() for one in each}
                decision.without = {**{node: self._pool[node].copy() for node in taken}, **decision.without}
                raise
            self._pool.commit(found[number])
        return [found[number] for number in range(len(self._specs))]

    def _ease(self, number: int) -> tuple[float, ...]:
        """What the requests are sorted by: the first is placed first."""
        spec = self._specs[number]
        uuids = self._uuids(spec)
        try:
            (selection,) = self._decide(self._prepare(spec, uuids[:1], total=len(uuids)))
            left = selection.explanation.left
        except NoValidHost:
            left = 0
        return left, -spec.memory_mb, -spec.vcpus, -spec.root_gb - spec.ephemeral_gb, -len(uuids), number
