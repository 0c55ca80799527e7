"""Several requests placed as one: hardest first, each on what the ones before it left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from filtersched.columns.frozen import typed_key
from filtersched.engine.decision import Decision
from filtersched.errors import InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.plugins.plugin import declaration_of
from filtersched.requests.group_rules import group_rules
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.spread_rules import spread_rules
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection


class Several:
    """Different requests for hosts of one pool.

    prepare : makes a decision of a request and the uuids of its instances; None is those of the request.
    decide : the selections of a decision. Raises NoValidHost.
    left : how many hosts the filters leave for the first instance of a decision.
    reads : the profile that decides a request, and what of it that number depends on, besides what only one request
        has; None if it may be anything.
    uuids : gives the uuids of a request's instances.
    """

    def __init__(
        self,
        specs: Sequence[RequestSpec],
        pool: HostPool,
        prepare: Callable[..., Decision],
        decide: Callable[[Decision], list[Selection]],
        left: Callable[[Decision], int],
        reads: Callable[[RequestSpec], tuple[str | None, Collection[str] | None]],
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
        self._left = left
        self._reads = reads
        self._uuids = uuids

    def place(self, **how: Any) -> list[list[Selection]]:
        """The selections of each request, in the order given; committed. Called in a transaction of the pool.

        how : further arguments of `prepare`.
        """
        found: dict[int, list[Selection]] = {}
        known: dict[Any, int] = {}
        for number in sorted(range(len(self._specs)), key=lambda number: self._ease(number, known)):
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

    def _ease(self, number: int, known: dict[Any, int]) -> tuple[float, ...]:
        """What the requests are sorted by: the first is placed first.

        known : how many hosts the filters leave for requests that are alike.
        """
        spec = self._specs[number]
        uuids = self._uuids(spec)
        profile, reads = self._reads(spec)
        alike = None if reads is None else _kind(spec, reads)
        kind = None if alike is None else (profile, alike)
        left = known.get(kind) if kind is not None else None
        if left is None:
            left = self._left(self._prepare(spec, uuids[:1], total=len(uuids)))
            if kind is not None:
                known[kind] = left
        return left, -spec.memory_mb, -spec.vcpus, -spec.root_gb - spec.ephemeral_gb, -len(uuids), number


# What requests that are otherwise alike differ in. Only filters that read it can tell them apart.
_OF_ONE_REQUEST = frozenset(
    ("instance_uuid", "instance_uuids", "num_instances", "request_id", "project_id", "user_id", "security_groups")
)


def _kind(spec: RequestSpec, reads: Collection[str]) -> Any:
    """A key that is equal only for requests of which filters read the same; None if there is none."""
    if spec.instance_group is not None or spec.instance_groups or spread_rules(spec) or group_rules(spec):
        return None
    ignored = _OF_ONE_REQUEST.difference(reads)
    given = [(name, value) for name, value in spec.__dict__.items() if name not in ignored]
    # A time is plain, and equal ones are alike.
    return tuple(sorted((name, value if name == "now" else typed_key(value)) for name, value in given))


def read_by(filters: Iterable[Any]) -> frozenset[str] | None:
    """What these filters read of requests; None if it may be anything, or what differs for each instance."""
    names: set[str] = set()
    for one in filters:
        declaration = declaration_of(type(one))
        if declaration is None:
            return None
        read = set(declaration.spec_attributes)
        if "instance_group" in read and type(one).__module__.startswith("filtersched."):
            # Our filters look at the uuid beside a group only, and a request with a group is like no other.
            read.discard("instance_uuid")
        if "instance_uuid" in read:
            return None
        names.update(read)
    return frozenset(names)
