"""A trimmed ranking chooses as the whole list does, or says that it cannot tell."""

import random

import pytest

from filtersched import FilterScheduler, Flavor, HostState, NoValidHost, RequestSpec, make_conf
from filtersched.engine import trimming

WEIGHERS = (
    "RAMWeigher",
    "CPUWeigher",
    "DiskWeigher",
    "IoOpsWeigher",
    "NumInstancesWeigher",
    "BuildFailureWeigher",
)


def some_hosts(chance, count):
    """Hosts with many ties; half of the clusters are idle, so that scales move at every instance."""
    idle = chance.random() < 0.5
    special = [{"metadata": {"ram_weight_multiplier": chance.choice(["2", "1.5", "-1"])}}]
    return [
        HostState(
            f"h{number}",
            total_usable_ram_mb=100000,
            free_ram_mb=chance.choice([4096, 8192, chance.randint(0, 20000)]),
            vcpus_total=chance.choice([8, 16]),
            vcpus_used=chance.randint(0, 4),
            total_usable_disk_gb=100000,
            free_disk_mb=chance.choice([50000, chance.randint(20000, 90000)]),
            num_io_ops=0 if idle else chance.randint(0, 3),
            num_instances=0 if idle else chance.randint(0, 9),
            failed_builds=chance.choice([0, 0, 0, 1]),
            aggregates=special if chance.random() < 0.2 else (),
        )
        for number in range(count)
    ]


def some_schedulers(chance):
    conf = make_conf(
        scheduler_default_filters=chance.choice([["RamFilter"], [], ["CoreFilter", "RamFilter"]]),
        scheduler_weight_classes=chance.sample(WEIGHERS, chance.randint(1, 5)),
        ram_weight_multiplier=chance.choice([1.0, -1.0, 0.3]),
        cpu_weight_multiplier=chance.choice([1.0, -1.0, 2.0]),
        disk_weight_multiplier=chance.choice([1.0, -0.5]),
        num_instances_weight_multiplier=chance.choice([1.0, -1.0]),
        build_failure_weight_multiplier=chance.choice([1.0, 1e6]),
    )
    trimmed = FilterScheduler(conf)
    trimmed._engine.trim_from = 0
    return trimmed, FilterScheduler(conf, use_engine=False)


def told(scheduler, spec, hosts):
    try:
        selections = scheduler.select_destinations(spec, hosts)
    except NoValidHost as refusal:
        return refusal.index
    return [
        (
            one.host,
            one.weight,
            one.explanation.shares,
            one.explanation.runner_up,
            one.explanation.margin,
            [(step.name, step.before, step.after) for step in one.explanation.steps],
        )
        for one in selections
    ]


@pytest.mark.parametrize("seed", range(150))
def test_front_of_the_list_decides_as_the_whole_list(seed):
    chance = random.Random(seed)
    hosts = some_hosts(chance, chance.randint(30, 150))
    trimmed, plain = some_schedulers(chance)
    spec = RequestSpec(
        Flavor(chance.choice([512, 3000]), 1, chance.choice([0, 5])), num_instances=chance.randint(2, 10)
    )
    assert told(trimmed, spec, hosts) == told(plain, spec, hosts)


def test_scales_move_and_the_front_is_nearly_always_enough(monkeypatch):
    """Otherwise the cases above would not show anything."""
    moved, gave_up = [], []
    bound_now, second = trimming.TrimmedRanking._bound_now, trimming.TrimmedRanking.runner_up

    def counted_bound(self):
        moved.append(self)
        return bound_now(self)

    def counted_second(self):
        try:
            return second(self)
        except trimming.NeedAllHosts:
            gave_up.append(self)
            raise

    monkeypatch.setattr(trimming.TrimmedRanking, "_bound_now", counted_bound)
    monkeypatch.setattr(trimming.TrimmedRanking, "runner_up", counted_second)
    for seed in range(40):
        chance = random.Random(seed)
        hosts = some_hosts(chance, 100)
        trimmed, _ = some_schedulers(chance)
        told(trimmed, RequestSpec(Flavor(512, 1), num_instances=8), hosts)
    assert len(moved) > 40
    assert 0 < len(gave_up) < 20
