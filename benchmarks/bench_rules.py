"""What rules cost on 10,000 hosts, beside a plain request: milliseconds of processor time, the median.

Between two decisions a host changes, as hosts do. The plain request goes to the same pool in the same turn.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    PendingRequests,
    RequestSpec,
    make_conf,
)

FILTERS, WEIGHERS = "RamFilter,CoreFilter", "RAMWeigher,CPUWeigher"
FLAVOR = Flavor(memory_mb=2048, vcpus=1)
GPUS = {f"gpu{number}": {"resources": {"VGPU": (4, 0)}} for number in range(2)}


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def rack_pool(count: int) -> HostPool:
    """Hosts in 50 racks, of two groups a member on every hundredth; with metrics, images, and now and then GPUs."""
    chance = random.Random(1)
    isolated = Aggregate("isolated", {"trait:CUSTOM_X": "required"})
    pool = HostPool(
        RackHost(
            f"h{at}",
            rack=f"r{at % 50}",
            total_usable_ram_mb=262144,
            free_ram_mb=262144 - chance.randrange(0, 131072, 512),
            vcpus_total=64,
            vcpus_used=chance.randrange(32),
            metrics={"cpu.percent": chance.randrange(90)},
            images={f"image{chance.randrange(20)}": 2 << 30},
            aggregates=[isolated] if at % 20 == 7 else [],
            providers=GPUS if at % 10 == 3 else {},
        )
        for at in range(count)
    )
    for at in range(0, count, 100):
        pool.adopt(f"h{at}", [{"uuid": f"m{at}", "groups": [("db", "cache")[at // 100 % 2]]}])
    return pool


class Case(NamedTuple):
    """A rule: what the scheduler has for it, and the request that meets it.

    filters, weighers : beside the ordinary ones.
    instances : of the request; the plain request that it is compared with has as many.
    """

    what: str
    filters: str = ""
    weighers: str = ""
    options: dict[str, Any] = {}
    request: dict[str, Any] = {}
    instances: int = 1
    group: InstanceGroup | None = None

    def scheduler(self) -> FilterScheduler:
        """The scheduler with the rule."""
        filters, weighers = (
            ",".join(filter(None, each)) for each in ((FILTERS, self.filters), (WEIGHERS, self.weighers))
        )
        return FilterScheduler(make_conf(enabled_filters=filters, weight_classes=weighers, **self.options))

    def spec(self) -> RequestSpec:
        """A request that the rule is about."""
        given = {"flavor": FLAVOR, **self.request}
        return RequestSpec(given.pop("flavor"), num_instances=self.instances, instance_group=self.group, **given)


def _grouped(what: str, count: int, policy: str | None, **rules: Any) -> Case:
    return Case(what, "GroupRulesFilter", instances=count, group=InstanceGroup(uuid="web", policy=policy, rules=rules))


def _asking(extra_specs: dict[str, str]) -> dict[str, Any]:
    return {"flavor": Flavor(memory_mb=2048, vcpus=1, extra_specs=extra_specs), "project_id": "p"}


def _counting(weigher: str) -> dict[str, Any]:
    return {f"{weigher}_weight_multiplier": 1.0}


NEAR = {"group": "db", "domain": "rack"}
CASES: tuple[Case, ...] = (
    _grouped("1 anti-affinity", 1, "anti-affinity"),
    _grouped("1 apart from a group, by host", 1, None, apart_from="db"),
    _grouped("1 together with a group, by rack", 1, None, together_with=NEAR),
    _grouped("1 anti-affinity, apart from a group by rack", 1000, "anti-affinity", apart_from="queue", domain="rack"),
    _grouped("2 together in a rack, looking ahead", 3, None, together="rack", lookahead=True),
    _grouped("2 together on a host, looking ahead", 3, None, together="host", lookahead=True),
    _grouped("2 together in a rack, looking ahead", 1000, None, together="rack", lookahead=True),
    Case("4 isolated aggregates", options={"enable_isolated_aggregate_filtering": True}),
    Case("4 a host for one project", "DedicationFilter", request=_asking({"filtersched:dedicated": "strict"})),
    Case("4 numbered groups", "ProvidersFilter", request=_asking({"resources1:VGPU": "1", "resources2:VGPU": "2"})),
    Case(
        "5 a profile, chosen by the flavor",
        options={"profiles": {"batch": {"ram_weight_multiplier": -1.0}}},
        request=_asking({"filtersched:profile": "batch"}),
    ),
    Case("6 measured load", weighers="MeasuredLoadWeigher", options=_counting("measured_load")),
    Case("6 measured load", weighers="MeasuredLoadWeigher", options=_counting("measured_load"), instances=1000),
    Case(
        "7 wishes for a rack and a host",
        weighers="WishWeigher",
        options=_counting("wish"),
        request={"scheduler_hints": {"prefer_host": "rack:r1*2", "avoid_host": "h51"}},
    ),
    Case(
        "7 where the image is cached",
        weighers="ImageCacheWeigher",
        options=_counting("image_cache"),
        request={"image": {"id": "image1"}},
    ),
    Case("10 a rack's power", options={"shared_resources": ["power of=vcpus per=rack total=1000000"]}),
)


def measured(pool: HostPool, repeats: int) -> Iterator[tuple[str, int, float, float]]:
    """What, how many instances, and milliseconds with the rule and without; in turn, on the same machine."""
    plain = Case("plain").scheduler()
    numbers = itertools.count()

    def decide(scheduler: FilterScheduler, spec: RequestSpec) -> float:
        _change(pool, next(numbers))
        return _ms(functools.partial(scheduler.select_destinations, spec, pool))

    for case in CASES:
        scheduler = case.scheduler()
        _check(case, scheduler, pool)
        with_rule, without = [], []
        for _ in range(repeats + 1):
            with_rule.append(decide(scheduler, case.spec()))
            without.append(decide(plain, RequestSpec(FLAVOR, num_instances=case.instances)))
        # The first ones fill caches.
        yield case.what, case.instances, statistics.median(with_rule[1:]), statistics.median(without[1:])


def _check(case: Case, scheduler: FilterScheduler, pool: HostPool) -> None:
    """End with an error where what is measured is no placement."""
    assert len(scheduler.select_destinations(case.spec(), pool)) == case.instances


def _change(pool: HostPool, number: int) -> None:
    host = pool[f"h{number * 37 % len(pool)}"]
    pool.report(host.host, free_ram_mb=host.free_ram_mb - 1, metrics={"cpu.percent": number % 90})


def _ms(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


class Committed:
    """The rules that commit: several requests at once, reservations, and requests that wait; each beside `place`."""

    def __init__(self, pool: HostPool) -> None:
        self.pool = pool
        self.scheduler = Case("plain").scheduler()
        self.taken: dict[tuple[str, int], list[float]] = {}
        self.beside: list[float] = []

    def rows(self, repeats: int) -> Iterator[tuple[str, int, float, float]]:
        """As of `measured`."""
        for _ in range(repeats):
            self._place_all()
            self._reserve()
            self._wait()
        for (what, count), each in self.taken.items():
            yield what, count, statistics.median(each), statistics.median(self.beside) * count

    def _note(self, what: str, count: int, act: Callable[..., Any], *args: Any, **given: Any) -> Any:
        began = time.process_time()
        made = act(*args, **given)
        self.taken.setdefault((what, count), []).append((time.process_time() - began) * 1000)
        return made

    def _release(self, *placed: Any) -> None:
        self.pool.release([one.instance_uuid for each in placed for one in each])

    def _place_all(self) -> None:
        specs = [RequestSpec(Flavor(memory_mb=512 << at % 5, vcpus=1 << at % 4)) for at in range(200)]
        began = time.process_time()
        placed = [self.scheduler.place(one, self.pool) for one in specs]
        self.beside.append((time.process_time() - began) * 1000 / len(specs))
        self._release(*placed)
        self._release(*self._note("3 different requests", len(specs), self.scheduler.place_all, specs, self.pool))

    def _reserve(self) -> None:
        place, pool = self.scheduler.place, self.pool
        spec, owners = RequestSpec(FLAVOR), {"project_id": "p"}
        self._note("8 reserve places", 10, self.scheduler.reserve, spec, pool, 10, name="r", owners=owners)
        mine = self._note("8 an owner fills a place", 1, place, RequestSpec(FLAVOR, project_id="p"), pool)
        other = self._note("8 another sees places as used", 1, place, spec, pool)
        pool.unreserve("r")
        self._release(mine, other)

    def _wait(self) -> None:
        pending = PendingRequests(self.scheduler, self.pool)
        pending.add(RequestSpec(Flavor(memory_mb=1 << 30)))
        pending.run()
        _change(self.pool, len(self.beside))
        self._note("9 a request waits, a host changes", 1, pending.run)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    pool = rack_pool(args.hosts)
    rows = [*measured(pool, args.repeats), *Committed(pool).rows(args.repeats)]
    print("| rule | instances | ms | plain, ms | × plain |\n|---|---|---|---|---|")
    for what, count, ms, plain in sorted(rows, key=lambda row: int(row[0].split()[0])):
        print(f"| {what} | {count} | {ms:.2f} | {plain:.2f} | {ms / plain:.1f} |")


if __name__ == "__main__":
    main()
