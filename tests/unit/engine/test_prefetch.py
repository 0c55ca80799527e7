"""The next states of many hosts are evaluated at once, and decisions are those of the plain handlers."""

import random
from datetime import datetime

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.engine import prefetch


class Counted(BaseHostFilter):
    """Refuses hosts with 5 instances, and counts how often it is asked."""

    host_reads = ("num_instances",)
    columnar = True
    asked = 0

    def host_passes(self, host_state, spec):
        type(self).asked += 1
        return host_state.num_instances < 5


class Choosy(BaseHostFilter):
    """Cannot be asked about hosts with 3 instances and little memory."""

    host_reads = ("num_instances", "free_ram_mb")
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb / (host_state.num_instances - 3) != 0.5


def some_hosts(chance, count):
    return [
        HostState(
            f"h{number}",
            total_usable_ram_mb=100000,
            free_ram_mb=chance.choice([4096, 8192, chance.randint(0, 20000)]),
            vcpus_total=16,
            vcpus_used=chance.randint(0, 4),
            num_io_ops=chance.randint(0, 3),
            num_instances=chance.randint(0, 3),
            metrics=chance.choice([{}, {}, {"cpu.percent": 50}]),
        )
        for number in range(count)
    ]


def names(step):
    return [host for host, _node in step.dropped()]


def told(scheduler, spec, hosts):
    try:
        selections = scheduler.select_destinations(spec, hosts, [f"i{at}" for at in range(spec.num_instances)])
    except NoValidHost as refusal:
        return refusal.index, [(step.name, step.before, step.after) for step in refusal.explanation.steps]
    except ZeroDivisionError as problem:
        return problem.__notes__, str(problem)
    return [
        (
            one.host,
            one.weight,
            one.limits,
            one.host_state.to_dict(),
            one.explanation.shares,
            one.explanation.runner_up,
            [(step.name, step.before, step.after, names(step)) for step in one.explanation.steps],
        )
        for one in selections
    ]


def test_filter_on_columns_is_asked_about_many_next_states_at_once():
    Counted.asked = 0
    scheduler = FilterScheduler(make_conf(), filters=[Counted], weighers=["RAMWeigher"])
    pool = HostPool(HostState(f"h{number}", total_usable_ram_mb=99999, free_ram_mb=99999) for number in range(100))
    scheduler.select_destinations(RequestSpec(Flavor(memory_mb=1), num_instances=300), pool)
    assert Counted.asked < 30


class Sized(BaseHostFilter):
    """Notes of how many hosts it is asked at once."""

    host_reads = ("free_ram_mb",)
    spec_reads = ("memory_mb",)
    columnar = True
    sizes = []

    def host_passes(self, host_state, spec):
        self.sizes.append(len(getattr(host_state.free_ram_mb, "values", "1")))
        return host_state.free_ram_mb >= spec.memory_mb


def test_next_states_are_not_evaluated_again_where_most_of_them_stayed_unused():
    Sized.sizes.clear()
    weighers = ["RAMWeigher", "ServerGroupSoftAffinityWeigher"]
    scheduler = FilterScheduler(make_conf(), filters=[Sized], weighers=weighers)
    pool = HostPool(HostState(f"h{at}", total_usable_ram_mb=3000, free_ram_mb=3000 - at) for at in range(300))
    group = InstanceGroup(uuid="g", policy="soft-affinity")
    # A host is filled up before the next one gets an instance.
    scheduler.select_destinations(RequestSpec(Flavor(memory_mb=500), num_instances=150, instance_group=group), pool)
    assert [size for size in Sized.sizes if size > 1] == [300, 64]


class Ticketed(HostState):
    """Counts in one place what all hosts of the class take."""

    taken = 0

    def consume_from_request(self, spec):
        type(self).taken += 1
        return super().consume_from_request(spec)


def test_host_of_a_derived_class_takes_only_instances_that_are_placed_on_it():
    Ticketed.taken = 0
    kinds = [HostState, HostState, Ticketed]
    hosts = [kinds[at % 3](f"h{at}", total_usable_ram_mb=999, free_ram_mb=999 - at) for at in range(300)]
    scheduler = FilterScheduler(make_conf(), filters=["RamFilter"], weighers=["RAMWeigher"])
    placed = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=100), num_instances=90), HostPool(hosts))
    assert Ticketed.taken == sum(isinstance(one.host_state, Ticketed) for one in placed) == 30


@pytest.mark.parametrize("seed", range(20))
def test_decisions_with_next_states_known_are_those_of_the_handlers(seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(prefetch, "_LEAST", chance.choice([1, 4]))
    monkeypatch.setattr(prefetch, "_MOST", chance.choice([4, 256]))
    conf = make_conf(
        ram_weight_multiplier=chance.choice([1.0, -1.0]),
        cpu_weight_multiplier=chance.choice([1.0, -1.0, 0.0]),
    )
    given = {
        "filters": chance.choice([[Counted, "RamFilter"], ["RamFilter", "CoreFilter", Counted], [Choosy, Counted]]),
        "weighers": chance.choice([["RAMWeigher"], ["RAMWeigher", "CPUWeigher", "IoOpsWeigher"]]),
    }
    hosts = some_hosts(chance, chance.randint(5, 30))
    spec = RequestSpec(Flavor(memory_mb=1024, vcpus=1), num_instances=chance.randint(2, 80), now=datetime(2026, 1, 1))
    plain = told(FilterScheduler(conf, **given, use_engine=False), spec, hosts)
    assert told(FilterScheduler(conf, **given), spec, hosts) == plain
