"""Several requests placed as one: hardest first, each on what the ones before it left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from filtersched.columns.frozen import typed_key
from filtersched.errors import InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.plugins.plugin import declaration_of
from filtersched.requests.group_rules import group_rules
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.spread_rules import spread_rules
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.uuids import random_uuids


class Several:
    """Different requests for hosts of one pool.

    schedulers : for each request the one that decides it.
    filters : as of `Scheduler.place_all`.
    """

    def __init__(
        self, specs: Sequence[RequestSpec], schedulers: Sequence[Any], pool: HostPool, filters: FiltersGiven | None
    ) -> None:
        if not specs:
            raise InvalidRequest("there must be a request at least", field="specs", value=specs)
        if len(set(map(id, specs))) < len(specs):
            raise InvalidRequest("the requests must be different ones; copy() makes another", field="specs")
        self._specs = specs
        self._schedulers = schedulers
        self._pool = pool
        self._filters = filters

    def place(self, **how: Any) -> list[list[Selection]]:
        """The selections of each request, in the order given; committed. Called in a transaction of the pool.

        how : further arguments of `prepare`.
        """
        found: dict[int, list[Selection]] = {}
        for number in self._hardest_first():
            scheduler = self._schedulers[number]
            decision = scheduler._prepare(self._specs[number], self._pool, None, filters=self._filters, **how)
            try:
                found[number] = scheduler._decide(decision)
            except NoValidHost as refusal:
                refusal.request = number
                # What was placed before is about to be undone, and belongs to the reasons.
                taken = {(one.host, one.nodename) for each in found.values() for one in each}
                decision.without = {**{node: self._pool[node].copy() for node in taken}, **decision.without}
                raise
            self._pool.take(found[number])
        return [found[number] for number in range(len(self._specs))]

    def _hardest_first(self) -> list[int]:
        """The numbers of the requests, in the order in which they are placed."""
        reads: dict[Any, Collection[str] | None] = {}
        for one in self._schedulers:
            if one not in reads:
                is_alone = self._pool.reserved or one.resources
                reads[one] = None if is_alone else one._read_of_requests(self._filters)
        # How many hosts the filters leave for requests that are alike, and the keys of the values that they have.
        known: dict[Any, int] = {}
        keys: dict[int, Any] = {}

        def ease(number: int) -> tuple[float, ...]:
            spec, scheduler = self._specs[number], self._schedulers[number]
            uuids = scheduler._uuids(spec)
            count, read = len(uuids) or spec.num_instances, reads[scheduler]
            alike = None if read is None else _kind(spec, read, keys)
            kind = None if alike is None else (scheduler.profile, alike)
            left = known.get(kind) if kind is not None else None
            if left is None:
                first = uuids[:1] or random_uuids(1)
                decision = scheduler._prepare(spec, self._pool, first, filters=self._filters, total=count)
                left = scheduler._hosts_left(decision)
                if kind is not None:
                    known[kind] = left
            return left, -spec.memory_mb, -spec.vcpus, -spec.root_gb - spec.ephemeral_gb, -count, number

        return sorted(range(len(self._specs)), key=ease)


# What requests that are otherwise alike differ in. Only filters that read it can tell them apart.
_OF_ONE_REQUEST = frozenset(
    ("instance_uuid", "instance_uuids", "num_instances", "request_id", "project_id", "user_id", "security_groups")
)


def _kind(spec: RequestSpec, reads: Collection[str], keys: dict[int, Any]) -> Any:
    """A key that is equal only for requests of which filters read the same; None if there is none.

    keys : of values by their ids, noted here; requests share many, and keep them alive.
    """
    if spec.instance_group is not None or spec.instance_groups or spread_rules(spec) or group_rules(spec):
        return None
    ignored, found = _OF_ONE_REQUEST.difference(reads), []
    for name, value in spec.__dict__.items():
        # The others follow from these.
        if name not in ignored and (name[0] != "_" or name == "_numa_limits"):
            key = keys.get(id(value))
            if key is None:
                # A time is plain, and equal ones are alike.
                key = keys[id(value)] = value if name == "now" else typed_key(value)
            found.append((name, key))
    return tuple(sorted(found))


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
