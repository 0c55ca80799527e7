"""Weighers that are not normalised: the engine reweighs one host, and weighs the last one left."""

import random

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, InstanceGroup, NoValidHost, RequestSpec, make_conf
from filtersched.engine import Engine
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.cpu_weigher import CPUWeigher
from filtersched.weighers.ram_weigher import RAMWeigher


class RawIoWeigher(BaseWeigher):
    """Add what is left of eight builds."""

    normalized = False
    host_reads = ("num_io_ops",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return 8 - host_state.num_io_ops


class RawRamWeigher(BaseWeigher):
    """Add gigabytes of free memory, asked host by host."""

    normalized = False
    host_reads = ("free_ram_mb",)

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb / 1024

    def weight_multiplier(self, host_state):
        return 0.5


WEIGHERS = [
    [RawIoWeigher],
    [RawRamWeigher, RawIoWeigher],
    [RAMWeigher, RawIoWeigher],
    [RawRamWeigher, CPUWeigher],
    [CPUWeigher, RawIoWeigher, RAMWeigher],
]
FILTERS = ["RamFilter", "ServerGroupAntiAffinityFilter"]


def made_hosts(chance, count):
    return [
        HostState(
            f"h{at}",
            total_usable_ram_mb=16384,
            free_ram_mb=1024 * chance.randrange(1, 16),
            vcpus_total=16,
            vcpus_used=chance.randrange(8),
            num_io_ops=chance.randrange(4),
        )
        for at in range(count)
    ]


def decided(scheduler, spec, pool):
    try:
        found = scheduler.select_destinations(spec, pool, [f"u{n}" for n in range(spec.num_instances)], seed=1)
    except NoValidHost as refusal:
        return refusal.index, refusal.explanation.counts()
    told = [one.explanation for one in found]
    return [(one.host, one.weight, why.shares, why.runner_up, why.margin) for one, why in zip(found, told, strict=True)]


@pytest.mark.parametrize("trim_from", [100_000, 4])
@pytest.mark.parametrize("weighers", WEIGHERS, ids=lambda given: "-".join(one.__name__ for one in given))
def test_engine_decides_as_the_handlers_do(monkeypatch, weighers, trim_from):
    monkeypatch.setattr(Engine, "trim_from", trim_from)
    conf = make_conf(enabled_filters=FILTERS)
    fast = FilterScheduler(conf, weighers=weighers)
    plain = FilterScheduler(conf, weighers=weighers, use_engine=False)
    for seed in range(12):
        chance = random.Random(seed)
        pool = HostPool(made_hosts(chance, chance.choice((1, 2, 5, 30))))
        for _ in range(4):
            count = chance.choice((1, 2, 5, 8))
            group = InstanceGroup(uuid="g", policy="anti-affinity") if chance.random() < 0.5 else None
            spec = RequestSpec(Flavor(memory_mb=chance.choice((512, 4096))), num_instances=count, instance_group=group)
            assert decided(fast, spec, pool) == decided(plain, spec, pool), seed


def test_many_instances_are_not_decided_by_the_handlers(monkeypatch):
    scheduler = FilterScheduler(make_conf(enabled_filters=FILTERS), weighers=[RAMWeigher, RawIoWeigher])
    monkeypatch.setattr(scheduler, "_choose_plainly", None)
    monkeypatch.setattr("filtersched.engine.run.Run._choose_by_draw", None)
    pool = HostPool(made_hosts(random.Random(0), 50))
    assert len(scheduler.select_destinations(RequestSpec(Flavor(memory_mb=512), num_instances=20), pool)) == 20
