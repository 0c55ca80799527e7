"""A trial run: requests placed one after another on a pool, and what came of it."""

from __future__ import annotations

import heapq
import itertools
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from filtersched.hosts.host_pool import HostPool
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.results.unread_field import UnreadField

# Stands for the filter where a request was refused before any filter ran.
NO_FILTER = "(no filter)"


@dataclass(slots=True)
class Outcome:
    """What became of one request; `number` counts requests from 1."""

    number: int
    spec: RequestSpec
    selections: list[Selection] = field(default_factory=list)
    refusal: NoValidHost | None = None
    unread: Sequence[UnreadField] = ()
    inventory: list[dict[str, Any]] | None = None
    run: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The request's id, or its number."""
        return self.spec.request_id or f"#{self.number}"

    @property
    def why_refused(self) -> Explanation | None:
        """Why no host was found; None if one was, and for a driver of another package that gives no reasons."""
        return self.refusal.explanation if self.refusal is not None else None

    @property
    def refused_by(self) -> str:
        """The filter that left no host."""
        steps = self.why_refused.steps if self.why_refused is not None else ()
        return steps[-1].name if steps and steps[-1].after == 0 else NO_FILTER


class Usage:
    """How much of all hosts is in use, by resource: before, at the peak, and at the end."""

    def __init__(self, pool: HostPool) -> None:
        self.total: dict[str, float] = dict.fromkeys(("ram_mb", "vcpus", "disk_mb"), 0.0)
        for host in pool:
            self.total["ram_mb"] += host.total_usable_ram_mb or 0
            self.total["vcpus"] += host.vcpus_total or 0
            self.total["disk_mb"] += (host.total_usable_disk_gb or 0) * 1024
        self.before: dict[str, float] = _used(pool)
        self.now: dict[str, float] = dict(self.before)
        self.peak: dict[str, float] = dict(self.before)

    def add(self, spec: RequestSpec, count: int) -> None:
        """Count that many instances of the request in, or out if negative."""
        self.now["ram_mb"] += count * spec.memory_mb
        self.now["vcpus"] += count * spec.vcpus
        self.now["disk_mb"] += count * (spec.root_gb + spec.ephemeral_gb) * 1024
        for name, used in self.now.items():
            self.peak[name] = max(self.peak[name], used)


def _used(pool: HostPool) -> dict[str, float]:
    used = dict.fromkeys(("ram_mb", "vcpus", "disk_mb"), 0.0)
    for host in pool:
        used["ram_mb"] += (host.total_usable_ram_mb or 0) - (host.free_ram_mb or 0)
        used["vcpus"] += host.vcpus_used or 0
        used["disk_mb"] += (host.total_usable_disk_gb or 0) * 1024 - (host.free_disk_mb or 0)
    return used


class Trial:
    """Places requests on a pool, for real as far as the pool is concerned, and keeps count.

    seed : makes draws and made-up instance uuids the same in every run; None is one of chance, for the
        draws alone. The first request's decision has this very seed, later ones have seeds drawn from it.
    keeps_inventory : outcomes have the hosts as they were before.
    """

    def __init__(
        self,
        scheduler: Any,
        pool: HostPool,
        *,
        filters: Sequence[Any] | None = None,
        alternates: bool = False,
        seed: int | None = None,
        explain: str = "counts",
        keeps_inventory: bool = False,
    ) -> None:
        self.usage: Usage = Usage(pool)
        self.hosts: int = len(pool)
        self.requests: int = 0
        self.placed: int = 0
        self.instances: int = 0
        self.released: int = 0
        self.refused_by: Counter[str] = Counter()
        self.hosts_refused_by: Counter[str] = Counter()
        self.seconds: float = 0.0
        self._scheduler = scheduler
        self._pool = pool
        self._options: dict[str, Any] = {"filters": filters, "return_alternates": alternates, "explain": explain}
        #: Replays the draws of the run. Short enough for programs that read numbers as floats.
        self.seed: int = int.from_bytes(os.urandom(8)) >> 11 if seed is None else seed
        self._makes_uuids = seed is not None
        self._keeps_inventory = keeps_inventory
        self._seeds = random.Random(self.seed)
        self._uuid_bits = random.Random(f"uuids {self.seed}")
        self._leaving: list[tuple[float, int, list[Selection]]] = []
        self._order = itertools.count()

    def place(self, spec: RequestSpec) -> Outcome:
        """Place one request, after the instances that have left by its arrival have been released."""
        began = time.perf_counter()
        uuids, seed = self.begin(spec)
        outcome = Outcome(self.requests, spec)
        if self._keeps_inventory:
            outcome.inventory = [host.to_dict() for host in self._pool]
        try:
            outcome.selections = self._scheduler.select_destinations(
                spec, self._pool, uuids, seed=seed, **self._options
            )
        except NoValidHost as refusal:
            outcome.refusal = refusal
            self._count_refusal(outcome)
        else:
            self._pool.commit(outcome.selections)
            self._count_placement(outcome)
        self.seconds += time.perf_counter() - began
        return outcome

    def begin(self, spec: RequestSpec) -> tuple[list[str] | None, int]:
        """Make the pool ready for the next request, and give its seed, and its uuids if the seed makes them."""
        if spec.arrives_at is not None:
            self._release(spec.arrives_at)
        self.requests += 1
        return self._uuids(spec), self._next_seed()

    def _release(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            _when, _order, selections = heapq.heappop(self._leaving)
            self._pool.release(selections)
            self.released += len(selections)
            self.usage.add(selections[0].spec, -len(selections))

    def _count_placement(self, outcome: Outcome) -> None:
        self.placed += 1
        self.instances += len(outcome.selections)
        self.usage.add(outcome.spec, len(outcome.selections))
        if outcome.spec.departs_at is not None:
            # Kept until they leave, and so without all that they know about how they were chosen.
            kept = [
                replace(one, explanation=None, host_state=self._pool[one.host, one.nodename])
                for one in outcome.selections
            ]
            heapq.heappush(self._leaving, (outcome.spec.departs_at, next(self._order), kept))

    def _count_refusal(self, outcome: Outcome) -> None:
        self.refused_by[outcome.refused_by] += 1
        if outcome.why_refused is not None:
            self.hosts_refused_by.update(outcome.why_refused.refused)
        self.hosts_refused_by[outcome.refused_by] += 0  # has its place among the others even so

    def _next_seed(self) -> int:
        return self.seed if self.requests == 1 else self._seeds.getrandbits(63)

    def _uuids(self, spec: RequestSpec) -> list[str] | None:
        """Uuids generated from the seed, if there is a seed and the request names none."""
        if not self._makes_uuids or spec.instance_uuids or spec.instance_uuid is not None:
            return None
        bits = (self._uuid_bits.getrandbits(128) for _ in range(spec.num_instances))
        return [str(uuid.UUID(int=one, version=4)) for one in bits]

    @property
    def refused(self) -> int:
        """How many requests found no place."""
        return self.requests - self.placed

    def summary(self) -> dict[str, Any]:
        """What came of it all, as plain data."""
        shares = {
            name: {
                "before": _share(self.usage.before[name], total),
                "peak": _share(self.usage.peak[name], total),
                "final": _share(self.usage.now[name], total),
            }
            for name, total in self.usage.total.items()
        }
        return {
            "seed": str(self.seed),
            "hosts": self.hosts,
            "requests": self.requests,
            "placed": self.placed,
            "refused": self.refused,
            "instances_placed": self.instances,
            "instances_released": self.released,
            "refused_by": {
                name: {"requests": self.refused_by[name], "hosts": hosts}
                for name, hosts in self.hosts_refused_by.items()
                if hosts or self.refused_by[name]
            },
            "utilisation": shares,
            "utilisation_of": "physical",
            "seconds": round(self.seconds, 6),
            "requests_per_second": round(self.requests / self.seconds, 3) if self.seconds else None,
        }


def _share(used: float, total: float) -> float | None:
    """The part in use, 1.0 for all; more where hosts are oversubscribed, None of nothing."""
    return round(used / total, 6) if total else None

