"""Filling: instances of one kind, or of several in their shares, placed on a pool until one is refused."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.narrowing import EXCLUSIONS, skips_filters
from filtersched.planning.amounts import RESOURCES, amounts_of, amounts_of_hosts, ratios_of, stranded
from filtersched.planning.capacity_result import KindCapacity
from filtersched.planning.recorder import host_info
from filtersched.plugins.plugin import declaration_of
from filtersched.plugins.request_reads import attributes_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection

# So many alike are placed by one request, where that is the same as one after another.
_AT_ONCE = 512
# What an instance changes of its host: whatever it asks for, and by what it asks for.
_ALWAYS = frozenset(("num_instances", "num_io_ops", "instances", "stats"))
_DISK = ("free_disk_mb", "disk_mb_used")
_BY_SIZE = {"memory_mb": ("free_ram_mb",), "vcpus": ("vcpus_used",), "root_gb": _DISK, "ephemeral_gb": _DISK}
_CONSUMED = _ALWAYS.union(*_BY_SIZE.values())


class Kind(NamedTuple):
    """What is placed: a request of one instance, with the name of its flavor, and how often it comes."""

    name: str
    spec: RequestSpec
    share: float = 1.0


class Filling:
    """Instances placed one after another on a pool, for real as far as the pool is concerned.

    placed : the kind's number and the selection of each, in order; without explanations.
    refusal : of the one after the last; None if nothing was refused.
    """

    def __init__(self, scheduler: Any, pool: HostPool, kinds: Sequence[Kind], *, how: Mapping[str, Any]) -> None:
        """how : further arguments of `place`: the filters and the profile."""
        self.scheduler = scheduler
        self.pool = pool
        self.kinds = kinds
        self.how = how
        self.placed: list[tuple[int, Selection]] = []
        self.refusal: NoValidHost | None = None
        self._counts = [0] * len(kinds)
        self._seeds = random.Random(0)

    def fill(self, most: int) -> None:
        """Place until one is refused, or so many are placed."""
        at_once = _AT_ONCE if len(self.kinds) == 1 and self.is_alike() else 1
        while len(self.placed) < most and self.refusal is None:
            count = min(at_once, most - len(self.placed))
            number = self._next()
            fits = self._place(number, count)
            if fits < count and count > 1:
                # All or nothing: those that fit, and then one alone tells what ends it.
                self.refusal = None
                self._place(number, fits)
                at_once = 1

    def is_open(self) -> bool:
        """Whether nothing can end it, because no filter looks at what the instances take."""
        spec = self.kinds[0].spec
        if not self.is_alike():
            return False
        changed = _ALWAYS.union(*(names for size, names in _BY_SIZE.items() if getattr(spec, size)))
        return skips_filters(spec) or not any(changed & _reads(one, spec) for one in self._filters())

    def _filters(self) -> Sequence[Any]:
        deciding, given = self.deciding(), self.how.get("filters")
        filters: Sequence[Any] = getattr(deciding, "filters", ()) if given is None else deciding._filters_named(given)
        return filters

    def _next(self) -> int:
        """The kind that is furthest behind its share; the first of several."""
        total = sum(kind.share for kind in self.kinds)
        placed = sum(self._counts) + 1
        behind = [kind.share / total * placed - count for kind, count in zip(self.kinds, self._counts, strict=True)]
        return behind.index(max(behind))

    def _place(self, number: int, count: int) -> int:
        """Place so many instances of a kind; how many fit, which is `count` if they were placed."""
        if not count:
            return 0
        spec = self.kinds[number].spec.copy()
        start = len(self.placed)
        spec.num_instances = count
        uuids = [f"capacity-{start + one}" for one in range(count)]
        try:
            selections = self.scheduler.place(spec, self.pool, uuids, seed=self._seeds.getrandbits(63), **self.how)
        except NoValidHost as refusal:
            self.refusal = refusal
            return refusal.index
        for one in selections:
            self.placed.append((number, replace(one, explanation=None, host_state=self.pool[one.host, one.nodename])))
        self._counts[number] += count
        return count

    def deciding(self) -> Any:
        """The scheduler of the profile that decides the first kind."""
        profiles = getattr(self.scheduler, "profiles", None)
        return self.scheduler if profiles is None else profiles.of(self.kinds[0].spec, self.how.get("profile"))

    def is_alike(self) -> bool:
        """Whether how many fit is the sum of how many each host takes alone, however they are placed.

        So it is if no group or shared resource joins hosts, and every filter says what it reads.
        """
        spec, deciding = self.kinds[0].spec, self.deciding()
        is_joined = spec.instance_group is not None or spec.instance_groups or getattr(deciding, "resources", ())
        if len(self.kinds) > 1 or is_joined:
            return False
        return all(_is_local(one, spec) for one in self._filters())

    def result(self, name: str, *, is_open: bool = False) -> KindCapacity:
        """What fits, and what ended it; as of KindCapacity."""
        zones = {(host.host, host.nodename): host_info(host).zone or "" for host in self.pool}
        by_zone = Counter(dict.fromkeys(sorted(set(zones.values())), 0))
        by_zone.update(zones[one.host, one.nodename] for _number, one in self.placed)
        by_flavor = {kind.name: count for kind, count in zip(self.kinds, self._counts, strict=True)}
        found = KindCapacity(name, len(self.placed), by_flavor, dict(by_zone), is_open=is_open)
        if self.refusal is None:
            return found
        explanation = self.refusal.explanation
        refused = {} if explanation is None else {one: count for one, count in explanation.refused.items() if count}
        nearest = [] if explanation is None else explanation.near_misses(1)
        needs = dict(zip(RESOURCES, amounts_of(self.kinds[self._next()].spec), strict=True))
        amounts = amounts_of_hosts(self.pool, ratios_of(self.deciding()))
        free = {name: amounts.limit[name] - amounts.used[name] for name in RESOURCES}
        return replace(
            found,
            # What the request itself excludes ends nothing, unless there is nothing else.
            ended_by=max(refused, key=lambda name: (name not in EXCLUSIONS, refused[name]), default=None),
            refused_by=refused,
            short_of={name: int((free[name] < need).sum()) for name, need in needs.items() if need},
            nearest=nearest[0].miss if nearest else None,
            stranded=stranded(amounts, needs),
        )


def _is_local(one: Any, spec: RequestSpec) -> bool:
    """Whether the verdict of a filter depends on one host, and is asked whenever it may change."""
    if declaration_of(type(one)) is None:
        return False
    return not (one.run_filter_once_per_request and _CONSUMED & _reads(one, spec))


def _reads(one: Any, spec: RequestSpec) -> frozenset[str]:
    """The attributes of a host that a filter reads for a request."""
    return frozenset(attributes_of(one.host_reads(spec) if callable(one.host_reads) else one.host_reads))
