"""A trace on a pool: requests placed one after another, instances leaving in time, and what came of it."""

from __future__ import annotations

import copy
import heapq
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from filtersched.errors import FilterschedError, InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.placement import Placement
from filtersched.planning.amounts import amounts_of_hosts, ratios_of
from filtersched.planning.outcome import Outcome
from filtersched.planning.recorder import Recorder
from filtersched.planning.simulation import Simulation
from filtersched.planning.usage import Usage
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.uuids import uuid_of


def simulate(
    scheduler: Any,
    pool: HostPool,
    requests: Iterable[RequestSpec],
    *,
    filters: Any = None,
    profile: str | None = None,
    seed: int | None = None,
) -> Simulation:
    """Place requests one after another, as `filtersched schedule` does, and record what happens.

    requests : in order of arrival. Instances leave at `departs_at`, before a request that arrives then.
    filters, profile : as of `select_destinations`.
    seed : makes random draws and generated uuids the same in every run.

    The pool stays as it is: the trace is placed on a copy. Raises InvalidRequest for requests out of
    order and for one that leaves before it arrives, and what a plug-in raises.
    """
    chosen = {} if profile is None else {"profile": profile}
    trial = Trial(scheduler, copy.copy(pool), filters=filters, seed=seed, records=True, profile=chosen)
    for spec in requests:
        trial.place(spec)
    return trial.simulation()


@dataclass(slots=True)
class _Placed(Placement):
    """What releasing an instance takes, without all that its selection knows about how it was chosen."""

    host: str
    nodename: str
    instance_uuid: str
    spec: RequestSpec


class _Leaving(NamedTuple):
    """Instances that leave at a time; `order` makes those of one time leave in order of arrival."""

    when: float
    order: int
    number: int
    placed: list[_Placed]


class Trial:
    """Places requests on a pool step by step, for real as far as the pool is concerned, and keeps count.

    seed : makes draws and made-up instance uuids the same in every run; None is one of chance, for the
        draws alone. The first request's decision has this very seed, later ones have seeds drawn from it.
    keeps_inventory : outcomes have the hosts as they were before.
    records : keep every event, for `simulation()`.
    profile : "profile" and its name, where it is not left to each request; a driver may know none.
    is_shared : others place on the pool too, so deciding and claiming are one step.
    """

    def __init__(
        self,
        scheduler: Any,
        pool: HostPool,
        *,
        filters: Any = None,
        alternates: bool = False,
        seed: int | None = None,
        explain: str = "counts",
        keeps_inventory: bool = False,
        records: bool = False,
        profile: Mapping[str, str] = MappingProxyType({}),
        is_shared: bool = False,
    ) -> None:
        amounts = amounts_of_hosts(pool, ratios_of(scheduler))
        self.usage: Usage = Usage(amounts)
        self.hosts: int = len(pool)
        self.requests: int = 0
        self.placed: int = 0
        self.instances: int = 0
        self.released: int = 0
        self.refused_by: Counter[str] = Counter()
        self.hosts_refused_by: Counter[str] = Counter()
        self.seconds: float = 0.0
        #: Replays the draws of the run. Short enough for programs that read numbers as floats.
        self.seed: int = int.from_bytes(os.urandom(8)) >> 11 if seed is None else seed
        self._scheduler = scheduler
        self._pool = pool
        self._how: dict[str, Any] = {
            **{"filters": filters, "return_alternates": alternates, "explain": explain},
            **profile,
        }
        self._makes_uuids = seed is not None
        self._keeps_inventory = keeps_inventory
        self._is_shared = is_shared
        self._recorder = Recorder(pool, amounts) if records else None
        self._seeds = random.Random(self.seed)
        self._uuid_bits = random.Random(f"uuids {self.seed}")
        self._latest = float("-inf")
        self._leaving: list[_Leaving] = []
        self._order = itertools.count()

    def place(self, spec: RequestSpec) -> Outcome:
        """Place one request, after the instances that have left by its arrival have been released."""
        began = time.perf_counter()
        uuids, seed = self._begin(spec)
        outcome = Outcome(self.requests, spec)
        if self._keeps_inventory:
            outcome.inventory = [host.to_dict() for host in self._pool]
        try:
            outcome.selections = self._chosen(spec, uuids, seed)
        except NoValidHost as refusal:
            # Its traceback leads back to the outcome: a cycle, with all that the decision looked at.
            outcome.refusal = refusal.with_traceback(None)
            self._count_refusal(outcome)
        except FilterschedError:
            raise
        except Exception as error:
            # From inside a plug-in; it goes on, saying which request it was.
            error.add_note(f"request {outcome.name}")
            raise
        else:
            self._count_placement(outcome)
        outcome.seconds = time.perf_counter() - began
        self.seconds += outcome.seconds
        if self._recorder is not None:
            self._recorder.arrived(outcome)
        return outcome

    def decide(self, spec: RequestSpec) -> Selection | NoValidHost:
        """The selection of a request's first instance, or the refusal, with all hosts' weights; not placed."""
        uuids, seed = self._begin(spec)
        try:
            how = {**self._how, "return_alternates": False, "explain": "full"}
            selection: Selection = self._scheduler.select_destinations(spec, self._pool, uuids, seed=seed, **how)[0]
            return selection
        except NoValidHost as refusal:
            return refusal

    def _chosen(self, spec: RequestSpec, uuids: Sequence[str] | None, seed: int) -> list[Selection]:
        """The selections of a request, which is placed."""
        decide = self._scheduler.place if self._is_shared else self._scheduler.select_destinations
        selections: list[Selection] = decide(spec, self._pool, uuids, seed=seed, **self._how)
        if not self._is_shared:
            self._pool.commit(selections)
        return selections

    def _begin(self, spec: RequestSpec) -> tuple[list[str] | None, int]:
        """Make the pool ready for the next request, and give its uuids, if the seed makes them, and its seed."""
        arrives, departs = spec.arrives_at, spec.departs_at
        if arrives is not None:
            self._check_times(spec, arrives, departs)
            self._latest = arrives
            if self._leaving and self._leaving[0].when <= arrives:
                self._release(arrives)
        self.requests += 1
        uuids = self._uuids(spec) if self._makes_uuids else None
        return uuids, self.seed if self.requests == 1 else self._seeds.getrandbits(63)

    def _check_times(self, spec: RequestSpec, arrives: float, departs: float | None) -> None:
        name = spec.request_id or f"#{self.requests + 1}"
        if arrives < self._latest:
            said = f"it arrives at {arrives:g}, before the request above it at {self._latest:g}"
            raise InvalidRequest(
                f"request {name}: {said}; requests must be in order of arrival", field="arrives_at", value=arrives
            )
        if departs is not None and departs < arrives:
            raise InvalidRequest(
                f"request {name}: it departs at {departs:g}, before it arrives at {arrives:g}",
                field="departs_at",
                value=departs,
            )

    def _release(self, now: float) -> None:
        gone: list[_Leaving] = []
        while self._leaving and self._leaving[0].when <= now:
            gone.append(heapq.heappop(self._leaving))
        self._pool.release([one for leaving in gone for one in leaving.placed])
        for leaving in gone:
            placed = leaving.placed
            self.released += len(placed)
            self.usage.add(placed[0].spec, -len(placed))
            if self._recorder is not None:
                self._recorder.left(leaving.when, leaving.number, placed)

    def _count_placement(self, outcome: Outcome) -> None:
        self.placed += 1
        self.instances += len(outcome.selections)
        self.usage.add(outcome.spec, len(outcome.selections))
        if outcome.spec.departs_at is not None:
            placed = [_Placed(one.host, one.nodename, one.instance_uuid, one.spec) for one in outcome.selections]
            heapq.heappush(
                self._leaving, _Leaving(outcome.spec.departs_at, next(self._order), outcome.number, placed)
            )

    def _count_refusal(self, outcome: Outcome) -> None:
        self.refused_by[outcome.refused_by] += 1
        self.hosts_refused_by.update(outcome.refused)
        self.hosts_refused_by[outcome.refused_by] += 0  # has its place among the others even so

    def _uuids(self, spec: RequestSpec) -> list[str] | None:
        """Uuids generated from the seed, if the request names none."""
        if spec.instance_uuids or spec.instance_uuid is not None:
            return None
        return [uuid_of(self._uuid_bits.getrandbits(128)) for _ in range(spec.num_instances)]

    @property
    def refused(self) -> int:
        """How many requests found no place."""
        return self.requests - self.placed

    def simulation(self) -> Simulation:
        """All that happened so far, of a trial that records it."""
        if self._recorder is None:
            raise InvalidRequest("this trial kept no events; make it with records=True", field="records")
        return self._recorder.simulation(self.summary())

    def summary(self) -> dict[str, Any]:
        """What came of it all, as plain data."""
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
            "utilisation": self.usage.to_dict(),
            "utilisation_of": "physical",
            "seconds": round(self.seconds, 6),
            "requests_per_second": round(self.requests / self.seconds, 3) if self.seconds else None,
        }
