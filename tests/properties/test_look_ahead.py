"""Law of look-ahead: a domain is found if, and only if, one can take all instances, tried one by one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    NoValidHost,
    RequestSpec,
    make_conf,
)

CONF = make_conf(
    enabled_filters="RamFilter,CoreFilter,IoOpsFilter,GroupRulesFilter",
    weight_classes="RAMWeigher",
    ram_allocation_ratio=1.0,
    cpu_allocation_ratio=1.0,
    max_io_ops_per_host=3,
)
SCHEDULERS = {use_engine: FilterScheduler(CONF, use_engine=use_engine) for use_engine in (True, False)}


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


# The rack of each host, and for how many more instances it has memory, CPUs, and operations.
HOSTS = st.tuples(st.sampled_from(("r1", "r2", "")), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3))
CLUSTERS = st.lists(HOSTS, min_size=1, max_size=5)
POLICIES = st.sampled_from(((None, 99), ("anti-affinity", 1), ("anti-affinity", 2)))


def fits(cluster, domain, count, most):
    """Whether some way to place all instances keeps them in one domain, tried way by way."""
    for places in itertools.combinations_with_replacement(range(len(cluster)), count):
        racks = {cluster[at][0] for at in places}
        is_together = len(set(places)) == 1 if domain == "host" else len(racks) == 1 and "" not in racks
        taken = {at: places.count(at) for at in places}
        if is_together and all(used <= min(*cluster[at][1:], most) for at, used in taken.items()):
            return True
    return False


@settings(max_examples=400, deadline=None)
@given(CLUSTERS, st.sampled_from(("host", "rack")), POLICIES, st.integers(1, 5), st.booleans(), st.booleans())
def test_a_domain_is_found_if_and_only_if_one_can_take_all(cluster, domain, policy, count, use_engine, keep):
    hosts = [
        RackHost(
            f"h{nr}",
            rack=rack,
            total_usable_ram_mb=400,
            free_ram_mb=memory * 100,
            vcpus_total=4,
            vcpus_used=4 - cpus,
            num_io_ops=3 - operations,
        )
        for nr, (rack, memory, cpus, operations) in enumerate(cluster)
    ]
    name, most = policy
    group = InstanceGroup(
        uuid="web", policy=name, rules={"together": domain, "lookahead": True, "max_server_per_host": most}
    )
    spec = RequestSpec(Flavor(memory_mb=100, vcpus=1), num_instances=count, instance_group=group)
    if not fits(cluster, domain, count, most):
        with pytest.raises(NoValidHost):
            SCHEDULERS[use_engine].select_destinations(spec, HostPool(hosts) if keep else hosts)
        return
    chosen = SCHEDULERS[use_engine].select_destinations(spec, HostPool(hosts) if keep else hosts)
    assert len({one.host if domain == "host" else one.host_state.rack for one in chosen}) == 1


def answer(scheduler, spec, hosts):
    """Who is chosen; or why nobody is, host by host."""
    try:
        return [(one.host, one.nodename) for one in scheduler.select_destinations(spec, hosts, seed=1)]
    except NoValidHost as refusal:
        return str(refusal), [str(refusal.explanation.why(host)) for host in hosts]


DEFAULTS = {
    use_engine: FilterScheduler(
        make_conf(
            enabled_filters="AvailabilityZoneFilter,RamFilter,ComputeFilter,NumInstancesFilter,DifferentHostFilter,"
            "ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter,GroupRulesFilter,AggregateIoOpsFilter",
            ram_allocation_ratio=1.0,
            max_instances_per_host=3,
            group_rules_missing_domain="own",
        ),
        use_engine=use_engine,
    )
    for use_engine in (True, False)
}


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_engine_looks_ahead_as_the_handlers_do(chance):
    def aggregates():
        racks = chance.choice(["r1", "r2", "r1,r2", "r2,r3"])
        return [{"name": "x", "metadata": {"rack": racks, **chance.choice([{}, {"max_io_ops_per_host": "2"}])}}]

    hosts = [
        HostState(
            chance.choice([f"h{nr}", f"h{nr}", "double"]),
            nodename=f"n{nr}",
            total_usable_ram_mb=1000,
            free_ram_mb=chance.choice([0, 100, 250, 300.5, 1000]),
            num_instances=chance.randrange(4),
            num_io_ops=chance.randrange(4),
            aggregates=chance.choice([[], aggregates(), aggregates()]),
            instances=chance.choice([[], [], [{"uuid": f"w{nr}", "groups": [chance.choice(["web", "db"])]}]]),
        )
        for nr in range(chance.randint(1, 7))
    ]
    rules = {"together": chance.choice(["host", "aggregate:rack", "zone"]), "lookahead": True}
    rules |= chance.choice([{}, {"apart_from": "db"}, {"max_server_per_host": 2}])
    group = InstanceGroup(uuid="web", policy=chance.choice([None, "anti-affinity", "affinity"]), rules=rules)
    hints = chance.choice([{}, {}, {"different_host": ["w1"]}])
    flavor = Flavor(memory_mb=chance.choice([0, 100, 150, 100.1]), vcpus=1)
    spec = RequestSpec(flavor, num_instances=chance.randint(1, 5), instance_group=group, scheduler_hints=hints)
    spec.now = "2026-01-31T12:00:00"
    pool = HostPool(hosts)
    assert answer(DEFAULTS[True], spec, pool) == answer(DEFAULTS[False], spec, pool)
