"""Shared resources: the engine decides as the plain handlers do, and both as a plain restatement says.

Stories are made from a number by a random generator, as in test_engine.
"""

import random
import tempfile

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from filtersched import (
    Aggregate,
    FilterschedError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    RequestSpec,
    SharedResource,
    make_conf,
)

STORIES = settings(max_examples=60, phases=(Phase.explicit, Phase.generate))


class RackHost(HostState):
    """A host that knows its rack."""

    rack: str | int | None = None


class PerCore(SharedResource):
    """Refuse hosts whose cores no licence is left for."""

    name, scope, host_reads, columnar = "per_core", "aggregate", ("vcpus_total", "free_ram_mb"), True

    def total(self, aggregate):
        return None if aggregate.name == "c" else 40

    def amount(self, spec, host):
        return host.vcpus_total / 4 + (host.free_ram_mb < 2000)


class PerHost(SharedResource):
    """Refuse hosts where no site licence is left; a host with an instance has one."""

    name, scope = "per_host", "pool"

    def total(self, scope):
        return 5

    def amount(self, spec, host):
        return not host.instances


class Wrong(SharedResource):
    """Refuse hosts without enough, and answer nonsense for some."""

    name, scope, host_reads, spec_reads, columnar = "wrong", "rack", ("free_ram_mb",), ("vcpus",), True

    def total(self, rack):
        return 12.5

    def amount(self, spec, host):
        return spec.vcpus * (host.free_ram_mb - 512) / 4096


class Distinct(SharedResource):
    """Refuse hosts of racks that are too hot; declared, not on columns."""

    name, scope, host_reads, spec_reads = "distinct", "rack", ("vcpus_total",), ("vcpus",)

    def total(self, rack):
        return 30

    def amount(self, spec, host):
        return 3 if host.vcpus_total > 16 else spec.vcpus


LINES = (
    "power of=extra_specs.watts per=rack total=2000 total.r2=900 unit=W",
    "lenient of=extra_specs.watts per=rack total=1500 outside=unlimited",
    "licences of=1 per=aggregate total=metadata.licences",
    "cores of=vcpus per=project total=20 total.p2=7",
    "tenths of=0.1 per=pool total=1.2",
    "rooms of=instances per=aggregate:room total=6",
    "zones of=memory_mb per=zone total=9000",
    "own of=instances per=host total=2",
)
CLASSES = (PerCore, PerHost, Wrong, Distinct)
AGGREGATES = (
    (),
    (),
    (Aggregate("a", {"licences": "4", "room": "east"}),),
    (Aggregate("a", {"licences": "4", "room": "east"}), Aggregate("b", {"licences": "9", "room": "east, west"})),
    (Aggregate("c", {"availability_zone": "z"}),),
)


def hosts_of(chance):
    count = chance.choice((3, 8, 30))
    return [
        {
            "host": f"h{number}",
            "rack": chance.choice(("r1", "r1", "r2", "r3", 7, None)),
            "total_usable_ram_mb": 16384,
            "free_ram_mb": chance.choice((16384, 8192, 512, 1024)),
            "vcpus_total": chance.choice((8, 16, 32)),
            "free_disk_mb": 100_000,
            "aggregates": chance.choice(AGGREGATES),
        }
        for number in range(count)
    ]


def request_of(chance):
    watts = chance.choice(({"watts": "300"}, {"watts": "99.5"}, {}, {"watts": "0"}, {"watts": "x"}))
    flavor = Flavor(memory_mb=chance.choice((256, 512)), vcpus=chance.choice((1, 2)), extra_specs=watts)
    fields = {"ignore_hosts": ["h1"]} if chance.random() < 0.2 else {}
    if chance.random() < 0.1:
        fields["force_hosts"] = ["h2"]
    return {
        "flavor": flavor,
        "num_instances": chance.choice((1, 1, 2, 5, 14)),
        "project_id": chance.choice(("p1", "p1", "p2", None)),
        **fields,
    }


class World:
    """A pool and a scheduler, with the engine or without."""

    def __init__(self, hosts, options, resources, use_engine):
        self.pool = HostPool(RackHost(**host) for host in hosts)
        self.scheduler = FilterScheduler(make_conf(**options), resources=resources, use_engine=use_engine)
        self.placed = []

    def run(self, kind, fields, seed, alternates):
        spec, scheduler = RequestSpec(**fields), self.scheduler
        uuids = [f"u{seed}-{number}" for number in range(spec.num_instances)]
        hosts = list(self.pool) if kind == "list" else self.pool
        try:
            if kind == "place":
                found = scheduler.place(spec, hosts, uuids, seed=seed, return_alternates=alternates)
                self.placed += uuids
            elif kind == "move" and self.placed:
                uuids = self.placed[: spec.num_instances]
                found = scheduler.place(spec, hosts, uuids, seed=seed, move=True)
            else:
                found = scheduler.select_destinations(spec, hosts, uuids, seed=seed, return_alternates=alternates)
        except (FilterschedError, ValueError) as problem:
            explanation = getattr(problem, "explanation", None)
            said = [] if explanation is None else [str(miss) for miss in explanation.near_misses()]
            return type(problem).__name__, str(problem), said
        whys = [str(found[0].explanation.why(host.host)) for host in self.pool]
        chosen = [(one.host, one.weight, dict(one.resources), [a.host for a in one.alternates]) for one in found]
        return chosen, whys, [str(step) for step in found[-1].explanation.steps]

    def change(self, kind, at):
        hosts = list(self.pool)
        if kind == "release" and self.placed:
            self.pool.release(self.placed.pop(at % len(self.placed)))
        elif kind == "adopt":
            amounts = {one.label: {"amount": 2.5, "scopes": ["r1"]} for one in self.scheduler.resources}
            uuid = f"adopted-{at}-{len(self.placed)}"
            instance = Instance(uuid, project_id="p1", consumed={"shared_resources": amounts})
            self.pool.adopt(hosts[at % len(hosts)].host, [instance])
            self.placed.append(uuid)
        elif kind == "reload":
            with tempfile.TemporaryDirectory() as folder:
                self.pool.save(f"{folder}/pool")
                self.pool = HostPool.load(f"{folder}/pool", host_class=RackHost)
        elif kind == "rack":
            hosts[at % len(hosts)].rack = "r2"
        elif kind == "remove" and len(hosts) > 2:
            host = hosts[at % len(hosts)]
            gone = set(self.pool.remove(host.host).instances)
            self.placed = [uuid for uuid in self.placed if uuid not in gone]


def restated(world):
    """What is used of each resource, worked out from the instances alone."""
    used = {one.label: {} for one in world.scheduler.resources}
    for host in world.pool:
        for instance in host.instances.values():
            for name, record in instance.consumed["shared_resources"].items():
                for scope in scopes_of(world, name, host, instance) if record["amount"] else ():
                    used[name][scope] = round(used[name].get(scope, 0) + record["amount"], 6)
    return used


def scopes_of(world, name, host, instance):
    kind = next(one.scope for one in world.scheduler.resources if one.label == name)
    if kind == "pool":
        return ["pool"]
    if kind == "project":
        return [instance.project_id] if instance.project_id else []
    if kind == "aggregate":
        return [one.name for one in host.aggregates]
    if kind == "aggregate:room":
        return {room.strip() for one in host.aggregates for room in one.metadata.get("room", "").split(",")} - {""}
    if kind == "zone":
        return {one.availability_zone for one in host.aggregates if one.availability_zone} or {"nova"}
    value = getattr(host, kind)
    return [] if value is None else [value]


@STORIES
@given(st.integers(0, 2**32))
def test_the_engine_decides_as_the_plain_handlers_do(number):
    chance = random.Random(number)
    hosts = hosts_of(chance)
    names = ["RamFilter", "ServerGroupAntiAffinityFilter"]
    options = {"scheduler_default_filters": names, "scheduler_host_subset_size": chance.choice((1, 1, 3))}
    resources = chance.sample((*LINES, *CLASSES), chance.randint(1, 3))
    fast, plain = (World(hosts, options, resources, use_engine) for use_engine in (True, False))
    for step in range(chance.randint(2, 6)):
        if chance.random() < 0.4:
            change = chance.choice(("release", "rack", "remove", "adopt", "reload")), chance.randrange(100)
            fast.change(*change)
            plain.change(*change)
            continue
        kind = chance.choice(("place", "place", "ask", "list", "move"))
        asked = kind, request_of(chance), step, chance.random() < 0.3
        assert fast.run(*asked) == plain.run(*asked), (number, resources, asked)
        assert fast.scheduler.shared_use(fast.pool) == plain.scheduler.shared_use(plain.pool)
    use = {name: {scope: round(amount, 6) for scope, amount in each.items()} for name, each in restated(fast).items()}
    found = fast.scheduler.shared_use(fast.pool)
    assert {name: {scope: round(amount, 6) for scope, amount in each.items()} for name, each in found.items()} == use


@pytest.mark.parametrize("resources", [[LINES[0]], [LINES[4], LINES[3]], [PerCore], [Distinct]], ids=str)
def test_a_large_request_is_decided_alike(resources):
    hosts = [
        {"host": f"h{number}", "rack": f"r{number % 7}", "total_usable_ram_mb": 65536, "free_ram_mb": 65536}
        | {"vcpus_total": 32, "aggregates": [Aggregate(f"a{number % 3}", {})]}
        for number in range(60)
    ]
    options = {"scheduler_default_filters": ["RamFilter"]}
    flavor = Flavor(memory_mb=512, vcpus=1, extra_specs={"watts": "30"})
    asked = ("ask", {"flavor": flavor, "num_instances": 40}, 1, True)
    fast, plain = (World(hosts, options, resources, use_engine) for use_engine in (True, False))
    assert fast.run(*asked) == plain.run(*asked)
