"""Laws of shared resources."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched import FilterschedError, HostPool, Instance
from tests.unit.resources.racks import RackHost, pool_of, request, scheduler

KINDS = ("place", "decide", "commit", "commit strictly")
CHANGES = (*KINDS, "place", "release", "move", "undone", "adopt", "rack", "remove", "add", "report", "reload")
WATTS = (0, 1, 250, 999)


class Pool:
    """A pool that is changed step by step, and decisions that wait to be committed."""

    def __init__(self) -> None:
        self.pool = pool_of("r1", "r1", "r2", None)
        self.scheduler = scheduler()
        self.decided: list[list] = []

    def uuids(self):
        return [uuid for host in self.pool for uuid in host.instances]

    def act(self, kind, number, watts):
        hosts, uuids = list(self.pool), self.uuids()
        host = hosts[number % len(hosts)]
        spec = request(watts, count=1 + number % 2, ignore_hosts=[host.host])
        if kind == "place":
            self.scheduler.place(spec, self.pool)
        elif kind == "decide":
            self.decided.append(self.scheduler.select_destinations(spec, self.pool))
        elif kind == "commit" and self.decided:
            self.scheduler.commit(self.decided.pop(), self.pool)
        elif kind == "commit strictly" and self.decided:
            self.pool.commit(self.decided.pop())
        elif kind == "release" and uuids:
            self.pool.release(uuids[number % len(uuids)])
        elif kind == "move" and uuids:
            self.scheduler.place(request(watts), self.pool, [uuids[number % len(uuids)]], move=True)
        elif kind == "undone":
            self.scheduler.place_all([spec, request(999), request(999), request(999)], self.pool)
        elif kind == "adopt":
            self.pool.adopt(host.host, [Instance(f"adopted-{number}-{len(uuids)}", flavor=spec.flavor)])
        elif kind == "rack":
            host.rack = ("r1", "r2", "r3", None)[number % 4]
        elif kind == "remove" and len(hosts) > 2:
            self.pool.remove(host.host)
        elif kind == "add":
            self.pool.add(RackHost(f"new-{number}-{self.pool.generation}", rack="r2", free_ram_mb=9999))
        elif kind == "report":
            self.pool.report(host.host, instances=[*host.instances.values()][number % 2 :])
        elif kind == "reload":
            with tempfile.TemporaryDirectory() as folder:
                self.pool.save(f"{folder}/pool")
                self.pool = HostPool.load(f"{folder}/pool", host_class=RackHost)

    def instances_by_rack(self):
        """What instances take in each rack, counted one by one."""
        used = Counter()
        for host in self.pool:
            for one in host.instances.values():
                record = one.consumed.get("shared_resources", {}).get("power")
                watts = int(one.flavor.extra_specs["watts"]) if record is None else record["amount"]
                if watts and host.rack is not None:
                    used[host.rack] += watts
        return dict(used)


def steps(kinds, watts=WATTS):
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 11), st.sampled_from(watts)), max_size=25)


def run(kinds_of_steps):
    pool = Pool()
    for kind, number, watts in kinds_of_steps:
        with contextlib.suppress(FilterschedError):
            pool.act(kind, number, watts)
        yield pool


@settings(max_examples=60, deadline=None)
@given(steps(CHANGES))
def test_what_is_used_is_the_sum_over_the_instances_whatever_happens(story):
    for pool in run(story):
        assert pool.scheduler.shared_use(pool.pool)["power"] == pool.instances_by_rack()


@settings(max_examples=60, deadline=None)
@given(steps(KINDS, (300, 600)))
def test_nothing_that_is_placed_or_committed_exceeds_a_total(story):
    for pool in run(story):
        assert all(watts <= 1000 for watts in pool.instances_by_rack().values())
