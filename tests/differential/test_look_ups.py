"""Filters and weighers that look things up say the same with and without the engine, while hosts change."""

import json
import random

import pytest

from filtersched import FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, make_conf

FILTERS = [
    "RetryFilter",
    "TypeAffinityFilter",
    "ResourceFilter",
    "SimpleCIDRAffinityFilter",
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "JsonFilter",
    "AggregateRamFilter",
    "AvailabilityZoneFilter",
]
WEIGHERS = ["ProjectSpreadWeigher", "PlainInstanceWeigher", "RAMWeigher"]
ADDRESSES = [None, "10.0.0.7", "10.0.1.9", "10.0.0.200", "fd00::1:7", "fd00::2:7", "no address"]
ZONED = [{"metadata": {"availability_zone": "az1, az3"}}, {"metadata": {"availability_zone": "az4"}}]
QUERIES = [
    [">=", "$free_ram_mb", 4000],
    ["<", 3000, "$free_ram_mb"],
    ["=", "$topic", "compute"],
    ["in", "$hypervisor_type", "QEMU", "xen"],
    ["and", [">=", "$vcpus_total", 4], ["<=", "$num_io_ops", 2]],
    ["or", ["=", "$stats.speed", 3], ["not", ["=", "$topic", "compute"]]],
    ["not", [">", "$hypervisor_version", 6], ["=", "$num_io_ops", 0]],
    ["=", "$stats.speed", 2],
    [">", "$stats.speed", "$num_io_ops"],
    ["=", "$stats.word", "x"],
    ["<", "$cell_uuid", 3],
    ["=", "$acme", 1],
    ["=", "$copy", 1],
    ["<=", "$cpu_info.cores", 4],
    [">=", "$hypervisor_version", 9007199254740993],
    ["and", ["=", "$num_io_ops", True], []],
    ["=", "$free_ram_mb", ""],
]
EXTRA_SPECS = [
    {},
    {"acme": "1"},
    {"nobody_knows": "1"},
    {"capabilities:speed": ">= 2"},
    {"capabilities:speed": "!= 2"},
    {"capabilities:speed": "2"},
    {"capabilities:vcpus_total": "== 8"},
    {"capabilities:cpu_info:cores": ">= 4"},
    {"capabilities:word": "s== x"},
    {"capabilities:word": ">= 2"},
    {"num_io_ops": "<= 1"},
    {"capabilities:speed": ">= x"},
    {"resources:FPGA": "2"},
    {"trait:GPU_A": "required", "capabilities:speed": "<= 9"},
    {"hypervisor_version": ">= 5", "capabilities:speed": ">="},
]


def a_host(chance, name):
    host = HostState(
        name,
        chance.choice([None, f"{name}-node"]),
        total_usable_ram_mb=8192,
        free_ram_mb=chance.choice([2048, 4096, 8192]),
        vcpus_total=chance.choice([2, 4, 8]),
        num_io_ops=chance.randrange(4),
        num_instances=chance.randrange(5),
        hypervisor_type=chance.choice(["QEMU", "xen", None]),
        hypervisor_version=chance.choice([5, 6, 7, None]),
        cpu_info=chance.choice([None, {"cores": 4}, {"cores": 8}, '{"cores": 2}']),
        cell_uuid=None if chance.random() < 0.9 else "c",
        **some_attributes(chance),
    )
    if chance.random() < 0.1:
        host.acme = chance.choice([1, 2, "1"])
    return host


def some_attributes(chance):
    """What hosts report from time to time."""
    uuids = [f"i{chance.randrange(10**6)}" for _ in range(chance.randrange(4))]
    return {
        "host_ip": chance.choice(ADDRESSES),
        "instances": {
            uuid: {
                "project_id": chance.choice(["p", "q", None]),
                "user_id": chance.choice(["u", None]),
                "instance_type_id": chance.choice([1, 1, 1, 2, "1", None]),
            }
            for uuid in uuids
        },
        "stats": chance.choice([{}, {"speed": 2}, {"speed": "3", "num_proj_p": "2"}, {"num_proj_q": 1, "word": "x"}])
        | {"cpu": chance.random()},
        "capabilities": chance.choice([{}, {"host_ip": "10.0.0.9"}, {"speed": 2}, {"gpus": 1}, {"enabled": True}]),
        "resources": chance.choice([{}, {"FPGA": (4, 0)}, {"FPGA": (4, 3)}]),
        "traits": chance.choice([[], ["GPU_A"]]),
        "aggregates": chance.choice([[], [{"metadata": {"ram_allocation_ratio": "1.5"}}], ZONED]),
        "service": chance.choice([{}, {"availability_zone": "az1"}, {"availability_zone": "az2", "disabled": False}]),
    }


def a_request(chance):
    hints = {}
    if chance.random() < 0.5:
        hints["query"] = json.dumps(chance.choice(QUERIES))
    if chance.random() < 0.3:
        near = chance.choice(["10.0.0.1", "fd00::1:1"])
        hints |= {"build_near_host_ip": near, "cidr": chance.choice(["/24", "/25", "/112", "/0"])}
    flavor_id = chance.choice([None, 1, 2, "1", True])
    return RequestSpec(
        flavor={"id": flavor_id, "memory_mb": 64, "extra_specs": chance.choice(EXTRA_SPECS)},
        project_id=chance.choice([None, "p", "q", "r"]),
        user_id=chance.choice([None, "u"]),
        scheduler_hints=hints,
        availability_zone=chance.choice([None, None, "az1", "az2", "nova"]),
        num_instances=chance.choice([1, 1, 1, 3]),
        retry=chance.choice([None, {"num_attempts": 1, "hosts": [["h1", None], ["h2", "h2"], ["h3", "h3-node"]]}]),
        now="2026-01-31T12:00:00",
    )


def outcome(scheduler, spec, pool):
    try:
        uuids = [f"new-{nr}" for nr in range(spec.num_instances)]
        chosen = scheduler.select_destinations(spec, pool, uuids, seed=1)
    except NoValidHost as refusal:
        return str(refusal), refusal.explanation.refused
    except Exception as problem:
        return type(problem), str(problem), getattr(problem, "__notes__", [])
    return [(one.host, one.weight, one.explanation.shares) for one in chosen]


def change(chance, pool, nr):
    """Something happens to a host."""
    host = chance.choice(list(pool))
    kind = chance.randrange(5)
    if kind == 0:
        host.acme = chance.choice([1, 2])
    elif kind == 1:
        pool.remove((host.host, host.nodename))
        pool.add(a_host(chance, f"n{nr}"))
    else:
        some = some_attributes(chance)
        pool.update((host.host, host.nodename), **dict(chance.sample(sorted(some.items()), 3)))


@pytest.mark.parametrize("by", ["project", "user"])
@pytest.mark.parametrize("seed", range(25))
def test_engine_and_handlers_look_up_the_same(seed, by):
    chance = random.Random(seed)
    pool = HostPool(a_host(chance, f"h{nr}") for nr in range(chance.choice([1, 12, 40])))
    filters = chance.sample(FILTERS, chance.choice([1, 2, 8]))
    conf = make_conf(enabled_filters=filters, weight_classes=WEIGHERS, project_spread_by=by)
    plain, fast = FilterScheduler(conf, use_engine=False), FilterScheduler(conf)
    for nr in range(14):
        spec = a_request(chance)
        for _again in range(2):
            assert outcome(fast, spec, pool) == outcome(plain, spec, pool)
        for _host in range(chance.choice([0, 1, 3, 30])):
            change(chance, pool, f"{nr}-{_host}")
        if chance.random() < 0.3:
            try:
                pool.commit(fast.select_destinations(RequestSpec(project_id="p", now="2026-01-31T12:00:00"), pool))
            except NoValidHost:
                continue
