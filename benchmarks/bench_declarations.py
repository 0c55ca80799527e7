"""What declarations pay: one third-party filter without and with them, next to Nova's handlers in the same run.

Both sides load the filters of nova_peer/acme_busy.py, and both weigh by RAM only. The script first checks
that all variants choose the same hosts as Nova. Nova ignores declarations.

    FILTERSCHED_NOVA_PYTHON=… python benchmarks/bench_declarations.py         or: tox -e bench
    python benchmarks/bench_declarations.py --hosts 1000                      smaller
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from bench_nova import cluster, machine, request, settings, spec_of, told
from nova_peer.client import NovaPeer, nova_python

from filtersched import FilterScheduler, HostPool, HostState, make_conf

# Without declarations, with them, and with the most that can be declared.
BUSY = ("BusyHostFilter", "DeclaredBusyHostFilter", "ColumnarBusyHostFilter")
RACK = ("RackHostFilter", "DeclaredRackHostFilter", "KeyedRackHostFilter")
REPORTS = 100

Round = Callable[[], object]


def facts_of(count: int) -> list[dict[str, Any]]:
    """Hosts as plain data. No two have the same capabilities."""
    hosts = cluster(count)
    for nr, facts in enumerate(hosts):
        facts["capabilities"] = {"rack": f"r{nr % 40}", "serial": nr}
    return hosts


def scheduler_of(name: str) -> FilterScheduler:
    """The library's scheduler with one filter, loaded as an operator's nova.conf names it."""
    return FilterScheduler(
        make_conf(
            scheduler_available_filters=[f"nova_peer.acme_busy.{name}"],
            scheduler_default_filters=[name],
            scheduler_weight_classes=["RAMWeigher"],
        )
    )


class Bench:
    """The hosts, and a way to time each scenario."""

    def __init__(self, count: int, peer: NovaPeer | None, repeats: int) -> None:
        self.facts = facts_of(count)
        self.peer = peer
        self.repeats = repeats
        self.rows: list[tuple[str, str, list[float], float | None]] = []

    def pool(self) -> HostPool:
        return HostPool(HostState(**facts) for facts in self.facts)

    def seconds(self, act: Callable[[], object], between: Callable[[], object] = lambda: None) -> float:
        taken = []
        for _ in range(self.repeats):
            between()
            began = time.perf_counter()
            act()
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    def nova(self, names: tuple[str, ...], asked: dict[str, Any]) -> float | None:
        """Nova's seconds, once all variants gave its answer; without Nova, once they gave the same."""
        answers = []
        for name in names:
            selections = scheduler_of(name).select_destinations(spec_of(asked), self.pool(), asked["uuids"])
            answers.append([(one.host, one.weight) for one in selections])
        seconds = None
        if self.peer is not None:
            case = {"hosts": self.facts, "request": asked, "conf": settings([names[0]], ["RAMWeigher"])}
            theirs = self.peer.time(case, repeats=3 if asked["num_instances"] == 1 else 1)
            if "chosen" not in theirs:
                raise SystemExit(f"Nova found no host: {theirs}")
            answers.append([(one["host"], one["weight"]) for one in theirs["chosen"]])
            seconds = theirs["seconds"]
        if any(answer != answers[0] for answer in answers):
            raise SystemExit(f"{', '.join(names)} and Nova disagree: no times are taken")
        return seconds

    def add(
        self,
        what: str,
        names: tuple[str, ...],
        nova: float | None,
        specs: Callable[[], Any],
        change: Callable[[HostPool, int], object] | None = None,
        *,
        keep: bool = True,
    ) -> None:
        """Time each variant on the same requests, in a kept pool or on a list of hosts, and print a row."""
        times = []
        for name in names:
            scheduler, pool, at = scheduler_of(name), self.pool(), itertools.count()
            hosts = pool if keep else list(pool)
            ask = specs()
            for _ in range(3):
                scheduler.select_destinations(ask(), hosts)

            def report(pool: HostPool = pool, at: Any = at) -> None:
                if change is not None:
                    for _ in range(REPORTS):
                        change(pool, next(at))

            spec = iter(ask, None)
            times.append(self.seconds(lambda s=scheduler, h=hosts, i=spec: s.select_destinations(next(i), h), report))
        self.rows.append((what, "busy" if names is BUSY else "rack", times, nova))

    def measure(self) -> None:
        one, many, racks = request(), request(instances=100), request()
        racks["flavor"] = {**racks["flavor"], "extra_specs": {"acme:not_rack": "r7"}}
        nova_one, nova_many, nova_rack = self.nova(BUSY, one), self.nova(BUSY, many), self.nova(RACK, racks)
        self.add("1 instance, a request of a kind seen before", BUSY, nova_one, lambda: lambda: spec_of(one))
        self.add("1 instance, each request for another size", BUSY, nova_one, different)
        self.add("1 instance, 100 hosts reported since", BUSY, nova_one, lambda: lambda: spec_of(one), memory_report)
        self.add("100 instances", BUSY, nova_many, lambda: lambda: spec_of(many))
        self.add("1 instance, hosts as a list", BUSY, nova_one, different, keep=False)
        self.add("1 instance, a request of a kind seen before", RACK, nova_rack, lambda: lambda: spec_of(racks))
        self.add("1 instance, each with another extra spec", RACK, nova_rack, lambda: other_specs(racks))
        self.add("1 instance, 100 hosts reported since", RACK, nova_rack, lambda: lambda: spec_of(racks), serial_report)

    def table(self) -> str:
        """The rows in Markdown; the ratio is that of a variant with declarations to the one without."""
        lines = ["| filter, decision | nothing declared | reads | ratio | columns or items | ratio | Nova |"]
        lines.append("|---|---|---|---|---|---|---|")
        for what, filter_name, (plain, *declared), nova in self.rows:
            pairs = [cell for seconds in declared for cell in (told(seconds), f"{seconds / plain:.2g}")]
            lines.append(f"| {' | '.join((f'{filter_name}: {what}', told(plain), *pairs, told(nova)))} |")
        return "\n".join(lines)


def different() -> Callable[[], Any]:
    """Requests of different sizes."""
    sizes = itertools.count(1024)
    return lambda: spec_of(request(memory_mb=next(sizes)))


def other_specs(asked: Mapping[str, Any]) -> Callable[[], Any]:
    """Requests with an extra spec that the filter does not read, another each time."""
    numbers = itertools.count()

    def spec() -> Any:
        flavor = asked["flavor"]
        specs = {**flavor["extra_specs"], "acme:note": str(next(numbers))}
        return spec_of({**asked, "flavor": {**flavor, "extra_specs": specs}})

    return spec


def memory_report(pool: HostPool, at: int) -> None:
    """A host reports its free memory."""
    name = f"cmp{at * 37 % len(pool):07}"
    pool.update(name, free_ram_mb=pool[name].free_ram_mb - 1)


def serial_report(pool: HostPool, at: int) -> None:
    """A host reports a capability that the filter does not read."""
    name = f"cmp{at * 37 % len(pool):07}"
    pool.update(name, capabilities={**pool[name].capabilities, "serial": -at})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=10_000, help="hosts of the cluster (default 10000)")
    parser.add_argument("--repeats", type=int, default=15, help="decisions of which the median is taken (default 15)")
    options = parser.parse_args()
    python = nova_python()
    print(machine())
    peer = NovaPeer(python) if python else None
    if peer is not None:
        print("Nova {nova} on Python {python}, in the same run; answers compared first.".format(**peer.versions()))
    try:
        bench = Bench(options.hosts, peer, options.repeats)
        bench.measure()
    finally:
        if peer is not None:
            peer.close()
    print(f"\n{options.hosts} hosts; medians of {options.repeats} decisions, of Nova the fastest.\n")
    print(bench.table())


if __name__ == "__main__":
    main()
