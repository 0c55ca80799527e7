"""Clusters, requests, configurations and what happens between requests, as plain data.

Values come from short ladders, so that hosts tie, fill up, and fall just below and above what is
asked; now and then comes one that no column holds.
"""

from __future__ import annotations

import random

import numpy as np
from hypothesis import strategies as st

from tests.differential import expressions, third_party_filters, third_party_weighers

GIB = 1024
UUIDS = ("i1", "i2", "i3", "i4")
MULTIPLIERS = (1.0, 1.0, -1.0, 0.0, 2.0, 0.3, -0.1, 1000.0)

OWN_FILTERS = (
    *("RamFilter", "CoreFilter", "DiskFilter", "ComputeFilter", "AvailabilityZoneFilter", "NumInstancesFilter"),
    *("IoOpsFilter", "AggregateRamFilter", "AggregateIoOpsFilter", "AggregateInstanceExtraSpecsFilter"),
    *("ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter", "GroupAntiAffinityFilter", "GroupAffinityFilter"),
    *("DifferentHostFilter", "SameHostFilter", "IsolatedHostsFilter", "ComputeCapabilitiesFilter", "JsonFilter"),
    *("ImagePropertiesFilter", "RetryFilter", "TypeAffinityFilter", "ResourceFilter", "TraitsFilter"),
    *("ExactRamFilter", "MetricsFilter", "AggregateMultiTenancyIsolation", "AggregateTypeAffinityFilter"),
    *("DedicationFilter", "ProvidersFilter", "MigrationCompatibilityFilter"),
)
OWN_WEIGHERS = (
    *("RAMWeigher", "CPUWeigher", "DiskWeigher", "IoOpsWeigher", "NumInstancesWeigher", "BuildFailureWeigher"),
    *("ServerGroupSoftAffinityWeigher", "ServerGroupSoftAntiAffinityWeigher", "CrossCellWeigher"),
    *("HypervisorVersionWeigher", "ProjectSpreadWeigher", "PlainInstanceWeigher", "ImagePropertiesWeigher"),
    *("DedicationWeigher", "ShareWeigher", "WishWeigher", "PreviousHostWeigher", "ImageCacheWeigher"),
    "MeasuredLoadWeigher",
)



class Draw:
    """Draws from one random generator."""

    def __init__(self, chance):
        self.chance = chance

    def one(self, *choices):
        return choices[self.chance.randrange(len(choices))]

    def some(self, items, least, most):
        """Some of the items in random order, each at most once."""
        return self.chance.sample(items, min(self.chance.randint(least, most), len(items)))

    def any(self, items, least, most):
        """Items in random order, some perhaps more than once; none of no items."""
        return [self.one(*items) for _ in range(self.chance.randint(least, most))] if items else []

    def rarely(self, nr):
        """True one time in `nr`."""
        return self.chance.randrange(nr) == 0


# -- hosts ------------------------------------------------------------------------------------------

_AGGREGATES = (
    {"name": "az", "metadata": {"availability_zone": "az1"}},
    {"name": "az2", "metadata": {"availability_zone": "az2", "ram_weight_multiplier": "-1.0"}},
    {"name": "fast", "metadata": {"ram_weight_multiplier": "3", "cpu_weight_multiplier": "0.3", "rank": "2"}},
    {"name": "odd", "metadata": {"ram_weight_multiplier": "much", "io_ops_weight_multiplier": "1.5", "rank": "-1"}},
    {"name": "roomy", "metadata": {"ram_allocation_ratio": "2", "max_io_ops_per_host": "3", "ssd": "true"}},
)
_RARE_AGGREGATES = (
    {"name": "text", "metadata": {"rank": "5"}},
    {"name": "broken", "metadata": {"rank": "none"}},
    {"name": "alone", "metadata": {"filtersched:dedicated": "strict"}},
    {"name": "rather alone", "metadata": {"filtersched:dedicated": "preferred"}},
)
HOST_VALUES = {
    "total_usable_ram_mb": (4096, 8192, 8192, 6144.5),
    "free_ram_mb": (0, 512, 1024, 2048, 4096, 4096, 8192, -100, 1537, 3 * 0.1 * GIB),
    "ram_allocation_ratio": (None, None, None, 1.0, 1.5, 2),
    "total_usable_disk_gb": (100, 100, 40),
    "free_disk_mb": (100 * GIB, 100 * GIB, 20 * GIB, 10, -1),
    "vcpus_total": (0, 4, 8, 8, 16),
    "vcpus_used": (0, 0, 1, 4, 8),
    "num_instances": (0, 0, 1, 2, 49),
    "num_io_ops": (0, 0, 1, 3, 8),
    "failed_builds": (0, 0, 0, 1, 5),
    "hypervisor_type": ("kvm", "kvm", "xen", None),
    "hypervisor_version": (None, 1, 2, 3),
    "topic": ("compute", "compute", "compute", "volume"),
    "cell_uuid": (None, "c1", "c1", "c2"),
    "instances": ((), (), ("i1",), ("i2", "i3"), ("i4", "x9")),
    "capabilities": ({}, {}, {"rack": "r1"}, {"rack": "r2", "enabled": True}, {"enabled": False}),
    "stats": ({}, {}, {"num_proj_p1": "2"}),
    "service": ({}, {}, {"disabled": True}, {"last_seen_up": "2026-01-31T11:59:30"}, {"updated_at": "2026-01-31"}),
    "aggregates": ((), (), *((one,) for one in _AGGREGATES), _AGGREGATES[1:4]),
    "traits": ((), ("SSD",)),
    "resources": ({}, {"GPU": (4, 1)}),
    "providers": ({}, {"g0": {"resources": {"GPU": (4, 1)}}}, {key: {"resources": {"GPU": (2, 0)}} for key in "ab"}),
    "cpu_info": (None, {"features": ["avx"]}, {"arch": "x86_64", "features": ["avx", "sse4_2"]}, '{"features": []}'),
    "metrics": ({}, {"load": 0.5}, {"cpu.percent": 40}, {"cpu.percent": 41.5, "load": 0.5}),
    "metric_history": ({}, {}, {"cpu.percent": [10, 40.5, 70]}, {"cpu.percent": [], "load": [1]}),
    "unmeasured_vcpus": (0, 0, 2),
    "images": ({}, {}, {"m1": 1000}),
}
RARE_VALUES = (
    *(("hypervisor_type", "broken"), ("hypervisor_type", "vmware"), ("hypervisor_version", 4), ("stats", {"a": "b"})),
    *(("aggregates", (one,)) for one in _RARE_AGGREGATES),
    *((name, None) for name in ("vcpus_total", "vcpus_total", "cpu_allocation_ratio", "gpus_free")),
    *((name, np.float64(2.0)) for name in ("num_io_ops", "failed_builds")),
    *((name, 2**53 + 1) for name in ("free_ram_mb", "num_io_ops", "failed_builds")),
    *((name, 2**53 - 1) for name in ("free_ram_mb", "num_io_ops", "failed_builds")),
    *(("num_instances", 3), ("num_instances", 4), ("free_ram_mb", 0.1 + 0.2), ("free_ram_mb", 0.3)),
    *(("tag", "closed"), ("tag", "open"), ("tag", ["a", "b"]), ("gpus_free", 2), ("gpus_free", "two")),
    *(("gpus_free", np.int64(3)), ("gpus_free", True), ("updated", "2026-01-31T12:00:30")),
)

def _host(draw):
    return {name: draw.one(*values) for name, values in HOST_VALUES.items()}


def change(draw):
    """An attribute of a host and its new value."""
    if draw.rarely(3):
        return draw.one(*RARE_VALUES)
    name = draw.one(*HOST_VALUES)
    return name, draw.one(*HOST_VALUES[name])


def cluster(draw, most=10):
    """Hosts, each as the attributes it is made with; `kind` is its class."""
    kinds = [_host(draw) for _ in range(draw.chance.randint(1, 4))]
    count = draw.one(0, 1, 2, *range(2, most + 1), most)
    hosts = [{"host": f"h{nr}", "nodename": f"n{nr}", "kind": "HostState", **draw.one(*kinds)} for nr in range(count)]
    if draw.rarely(2):
        for host in hosts:
            host.update(total_usable_ram_mb=65536, free_ram_mb=draw.one(32768, 65536, 49152.5), vcpus_total=64)
    for host in draw.any(hosts, 0, 4):
        host.update([change(draw)])
    for host in draw.any(hosts, 0, 2):
        host["host"] = draw.one("h0", "H1", "H2")
    for host in draw.any(hosts, 0, 3):
        host["kind"] = draw.one("GpuHost", "LicensedHost", "TurningHost", "FragileHost", "WornHost", "BrokenHost")
    return hosts


# -- requests ---------------------------------------------------------------------------------------


def _group(draw):
    return {
        "policy": draw.one("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"),
        "members": draw.some((*UUIDS, "u0-1"), 0, 3),
        "hosts": draw.one((), (), ("h1",), ("h1", "h2")),
        "rules": draw.one({}, {}, {"max_server_per_host": 2}, {"max_server_per_host": "3"}),
    }


_HINTS = (
    *({"different_host": ["i1", "i3"]}, {"same_host": "i2"}, {"avoid_in": "num_io_ops"}, {"avoid_in": "topic"}),
    *({"avoid_in": "hypervisor_type"}, {"avoid_hosts": ["h0", "h3"]}, {"_nova_check_type": ["rebuild"]}),
    *({"query": '[">=", "$free_ram_mb", 1024]'}, {"query": '["=", "$hypervisor_type", "kvm"]'}),
    {"_nova_check_type": ["resize"]},
    *({"prefer_host": ["h1", "zone:z1*2"]}, {"avoid_host": "hypervisor_type:kvm", "prefer_host": "aggregate:a"}),
)
_EXTRA_SPECS = (
    *({"rack": "r1"}, {"free_ram_mb": ">= 1000"}, {"ssd": "true"}, {"resources:GPU": "1"}),
    *({"trait:SSD": "required"}, {"capabilities:rack": "r2"}),
    *({"filtersched:dedicated": "strict"}, {"filtersched:dedicated": "preferred"}, {"resources1:GPU": "1"}),
    {"resources1:GPU": "1", "resources2:GPU": "2", "group_policy": "isolate"},
)
_DESTINATIONS = (
    *({"host": "h1"}, {"host": "h2", "node": "n2"}, {"host": "h0", "node": "n1"}, {"host": "h1", "node": "n9"}),
    *({"cell": "c1"}, {"cell": "c1", "allow_cross_cell_move": True}),
)
_TIMES = ("2026-01-31T12:00:00", "2026-01-31T12:00:20", "2026-01-31T12:01:00")
_HOST_NAMES = ("h0", "H1", "h2", "H3", "h9")


INSTANCES = (1, 1, 2, 3, 4, 7, 12, 25)


def request(draw, instances=INSTANCES):
    """What is asked for; see world.made_spec."""
    made = {
        "memory_mb": draw.one(0, 64, 512, 512, 1024, 2048, 300.3),
        "vcpus": draw.one(0, 1, 1, 2),
        "root_gb": draw.one(0, 0, 5, 20),
        "num_instances": draw.one(*instances),
        "now": draw.one(*_TIMES),
        "seed": draw.chance.randrange(100),
    }
    if draw.rarely(3):
        made["uuids"] = draw.one("known", "one known")
    if draw.rarely(2):
        made["alternates"] = True
    seldom = {
        "extra_specs": (4, lambda: draw.one(*_EXTRA_SPECS)),
        "expression": (4, lambda: expressions.drawn(draw)),
        "weight": (4, lambda: expressions.drawn(draw)),
        "instance_group": (3, lambda: _group(draw)),
        "scheduler_hints": (3, lambda: draw.one(*_HINTS)),
        "availability_zone": (8, lambda: draw.one("az1", "az2", "nova")),
        "ignore_hosts": (8, lambda: draw.any(_HOST_NAMES, 0, 3)),
        "force_hosts": (10, lambda: draw.any(_HOST_NAMES, 1, 4)),
        "force_nodes": (14, lambda: draw.any(("n0", "n1", "n2", "N2"), 0, 2)),
        "requested_destination": (10, lambda: draw.one(*_DESTINATIONS)),
        "project_id": (3, lambda: draw.one("p1", "p2")),
        "image": (6, lambda: {"id": "m1", "properties": {"hw_architecture": "x86_64"}}),
        "retry": (8, lambda: {"num_attempts": 2, "hosts": [["h0", "n0"], ["h2", "n2"]]}),
        "caller": (4, lambda: draw.some(("compute", "volume"), 0, 2)),
        "tenant_limit": (4, lambda: draw.chance.randrange(4)),
        "explain": (10, lambda: "full"),
    }
    return made | {name: value() for name, (share, value) in seldom.items() if draw.rarely(share)}


def filter_names(draw, most=4):
    """Names of filters in the order in which they are asked; the same one may come twice."""
    count = draw.chance.randint(0, most)
    return [draw.one(*(third_party_filters.NAMES if draw.rarely(2) else OWN_FILTERS)) for _ in range(count)]


# -- configurations ---------------------------------------------------------------------------------


def configuration(chance, own=OWN_WEIGHERS, others=third_party_weighers.NAMES):
    """Weighers, their multipliers, and how one is chosen, made with a random generator."""
    names = chance.sample(own, chance.randint(0, 4))
    if chance.random() < 0.6:
        names += chance.sample(others, chance.randint(1, 2))
        chance.shuffle(names)
    made = {"weighers": names}
    if chance.random() < 0.1:
        made = {"costs": chance.sample(("compute_fill_first_cost_fn", "noop_cost_fn", "compute_third_cost_fn"), 2)}
    for name in (
        *("ram", "cpu", "disk", "io_ops", "num_instances", "project_spread", "hypervisor_version"),
        *("share", "dedication", "wish", "previous_host", "image_cache", "measured_load"),
    ):
        if chance.random() < 0.5:
            made[f"{name}_weight_multiplier"] = chance.choice(MULTIPLIERS)
    if chance.random() < 0.3:
        made["host_subset_size"] = chance.choice((2, 3, 99))
    if chance.random() < 0.3:
        made["shuffle_best_same_weighed_hosts"] = True
    if chance.random() < 0.15:
        made["stochastic"] = True
    return made


# Few enough that each is made once and used often: making one takes longer than ten decisions.
CONFIGURATIONS = [configuration(random.Random(nr)) for nr in range(120)]


# -- what happens to a pool -------------------------------------------------------------------------


def event(draw, instances=INSTANCES):
    """A request, or a change between two. A host is meant by a number, modulo how many there are."""
    if not draw.rarely(3):
        return draw.one("ask", "ask", "place", "list", "other"), request(draw, instances), filter_names(draw)
    kind = draw.one("set", "set", "set", "release", "remove", "add", "update")
    number = draw.chance.randrange(10)
    if kind == "set":
        return kind, number, change(draw)
    if kind == "add":
        return kind, number, _host(draw)
    if kind == "update":
        return kind, number, draw.one(*HOST_VALUES["free_ram_mb"])
    return kind, number


def story(chance, requests=3):
    """A cluster, two configurations, and events: in the mean as many requests as asked for."""
    draw = Draw(chance)
    again, names = request(draw), filter_names(draw)
    events = [event(draw) for _ in range(chance.randint(1, 3 * requests - 2))]
    if draw.rarely(2):
        # The same kind of request again and again, which is what answers are kept for.
        events = [(one[0], again, names) if one[0] in ASKING and not draw.rarely(4) else one for one in events]
    return {
        "conf": draw.one(*CONFIGURATIONS),
        "other_conf": draw.one(*CONFIGURATIONS),
        "hosts": cluster(draw),
        "events": events,
    }


def long_story(chance):
    """Many instances on many hosts that tie: what moves is the order of the list and the scales."""
    draw = Draw(chance)
    hosts = cluster(draw, most=draw.one(6, 20, 60))
    # Near enough that one instance takes a host past the others, or far apart.
    memory = draw.one((65536, 65536, 32768, 4096), (65536, 64512, 63488))
    for host in hosts:
        host.update(total_usable_ram_mb=65536, free_ram_mb=draw.one(*memory), vcpus_used=draw.one(0, 1, 2, 3))
        host.update(vcpus_total=64, num_instances=draw.one(0, 0, 1), instances=())
    events = []
    for _ in range(2):
        wanted = request(draw, (2, 5, 9, 14, 40))
        wanted.pop("expression", None)
        names = [draw.one(*_LONG_FILTERS) for _ in range(chance.randint(0, 2))]
        if draw.rarely(3):
            wanted["alternates"] = True
        events.append((draw.one("ask", "place"), wanted, names))
        events.append(("set", chance.randrange(10), change(draw)))
    configurations = LONG_CONFIGURATIONS[: 3 if draw.rarely(3) else None]
    return {"conf": draw.one(*configurations), "hosts": hosts, "events": events[:-1]}


def live_story(chance):
    """Few kinds of single requests on hosts that report in between, as in a cloud: what caches are for."""
    draw = Draw(chance)
    filters = draw.some(("PauseFilter", *OWN_FILTERS[:14], "ComputeCapabilitiesFilter"), 1, 5)
    wanted = []
    for _ in range(2):
        asked = request(draw, (1,))
        for name in ("ignore_hosts", "force_hosts", "force_nodes", "requested_destination", "alternates", "explain"):
            asked.pop(name, None)
        wanted.append(asked)
    events = []
    for _ in range(chance.randint(4, 10)):
        asked = draw.one(*wanted) | {"now": draw.one(*_TIMES)}
        events.append((draw.one("ask", "ask", "place"), asked, filters))
        if draw.rarely(3):
            events.append(event(draw))
        elif draw.rarely(2):
            events.append(("set", chance.randrange(10), change(draw)))
    names = draw.some(OWN_WEIGHERS[:10], 1, 4)
    conf = {"weighers": names, "ram_weight_multiplier": draw.one(*MULTIPLIERS)}
    return {"conf": conf, "hosts": cluster(draw), "events": events}


def move_story(chance):
    """Instances that are placed, and then moved with others, while hosts change."""
    draw = Draw(chance)
    filters = filter_names(draw)
    events = []
    for _ in range(chance.randint(2, 4)):
        events.append(("place", request(draw, (1, 2, 4)), filters if draw.rarely(2) else ()))
        events.append(("move", request(draw, (1, 1, 2, 3)), filters))
        if draw.rarely(2):
            events.append(("set", chance.randrange(10), change(draw)))
    return {"conf": draw.one(*CONFIGURATIONS), "hosts": cluster(draw), "events": events}


def pool_story(chance):
    """Few kinds of requests, while hosts come, go and report, and while what was tried is kept or undone."""
    draw = Draw(chance)
    columns = draw.one("HostState", "GpuHost", "TurningHost", "BrokenHost") if draw.rarely(3) else None
    # Of these the first is computed by the class.
    read = (["TemperatureFilter"], ("num_instances",)) if columns == "BrokenHost" else ([], HOST_VALUES)
    # The same filters for kinds of requests that differ in little, as at a site.
    filters = [*read[0], *filter_names(draw, 2), *draw.any(third_party_filters.PLACEMENT_NAMES, 0, 2)]
    asked, group, wanted = request(draw, (1, 1, 1, 3)), _group(draw), []
    for _ in range(4):
        further = {"instance_group": group} if draw.rarely(2) else {}
        wanted.append({**asked, "memory_mb": draw.one(64, 512, 1024), **further})

    def step(kinds):
        kind = draw.one(*kinds)
        if kind in ("ask", "place", "other"):
            return kind, draw.one(*wanted), filters
        if kind == "add":
            return kind, chance.randrange(10), _host(draw)
        if kind == "try":
            return kind, draw.rarely(2), [step(kinds[:-3]) for _ in range(chance.randint(1, 4))]
        number = chance.randrange(10)
        if kind == "set":
            name = draw.one(*read[1])
            return kind, number, change(draw) if draw.rarely(2) else (name, draw.one(*HOST_VALUES[name]))
        if kind == "report":
            figures = {name: draw.one(*HOST_VALUES[name]) for name in draw.any(_MEASURED, 0, 4)}
            return kind, number, figures, draw.one(0, 0, 1, 9)
        return kind, number

    kinds = (*("ask", "place", "place", "other", "set", "set", "report", "report", "release"), "add", "remove", "try")
    story = {
        "conf": draw.one(*CONFIGURATIONS),
        "other_conf": draw.one(*CONFIGURATIONS),
        "hosts": cluster(draw),
        "events": [step(kinds) for _ in range(chance.randint(6, 14))],
    }
    return story if columns is None else {**story, "columns": columns}


_MEASURED = ("free_ram_mb", "free_disk_mb", "vcpus_used", "num_io_ops", "stats", "metrics", "hypervisor_type")


_LONG_FILTERS = (
    *("RamFilter", "CoreFilter", "NumInstancesFilter", "EverySecondFilter", "OnceFilter", "UuidFilter", "GpuFilter"),
    *("ServerGroupAntiAffinityFilter", "AverageFilter", "TagFilter", "FirstHalfFilter", "ComputeFilter", "EachFilter"),
)
_LONG_WEIGHERS = (
    *("StepsWeigher", "BetweenWeigher", "AtMostWeigher", "UuidWeigher", "GroupWeigher", "UsedShareWeigher"),
    *("AggregateMultiplierWeigher", "TagWeigher", "AnyExpressionWeigher", "NameWeigher", "UsedWeigher"),
)
LONG_CONFIGURATIONS = [
    {"weighers": ["UsedWeigher", "NameWeigher"]},
    {"weighers": ["NameWeigher", "StepsWeigher", "UsedWeigher"]},
    {"weighers": ["NameWeigher", "UsedWeigher", "RAMWeigher"], "ram_weight_multiplier": -1.0},
] + [
    {
        **configuration(random.Random(-nr), own=OWN_WEIGHERS[:8], others=_LONG_WEIGHERS),
        **({} if nr % 4 == 0 else {"host_subset_size": 1, "shuffle_best_same_weighed_hosts": False}),
    }
    for nr in range(1, 60)
]


def spread_story(chance):
    """Groups and projects that are spread over racks and zones, and filters that let hosts come back."""
    draw = Draw(chance)
    hosts = cluster(draw, most=draw.one(6, 20, 40))
    for host in hosts:
        host.update(total_usable_ram_mb=65536, free_ram_mb=draw.one(65536, 65536, 65024, 4096), vcpus_total=64)
        host.update(aggregates=draw.one(*_SPREAD_AGGREGATES), instances=draw.one((), (), ("i1",), ("i2", "i3")))
        if not draw.rarely(8):
            host["rack"] = draw.one("r1", "r2", "r3", "r1", 4, None, "")
    for host in draw.any(hosts, 0, 3):
        host["instances"] = {uuid: {"groups": ["web"], "project_id": "p1"} for uuid in (f"m-{host['host']}",)}
    events = []
    for _ in range(chance.randint(1, 3)):
        wanted = request(draw, (1, 2, 5, 9, 14, 40))
        wanted.pop("expression", None)
        if not draw.rarely(5):
            wanted["instance_group"] = _spread_group(draw)
        if draw.rarely(3):
            wanted["scheduler_hints"] = {"filtersched:spread": draw.one(*_SPREAD_TEXTS)}
        if draw.rarely(4):
            wanted["extra_specs"] = {"filtersched:spread": draw.one(*_SPREAD_TEXTS)}
        if not draw.rarely(3):
            wanted["project_id"] = "p1"
        if draw.rarely(3):
            wanted["instance_groups"] = [_further_group(draw, uuid) for uuid in draw.some(("site", "db"), 1, 2)]
        names = [draw.one(*_SPREAD_FILTERS) for _ in range(chance.randint(0, 3))]
        names.insert(chance.randint(0, len(names)), draw.one("TopologySpreadFilter", "GroupRulesFilter"))
        events.append((draw.one("ask", "place", "place", "list"), wanted, names))
        if draw.rarely(2):
            events.append(("set", chance.randrange(10), draw.one(change(draw), ("rack", draw.one("r1", "r9")))))
    return {"conf": draw.one(*SPREAD_CONFIGURATIONS), "hosts": hosts, "events": events}


def _spread_group(draw):
    if draw.rarely(3):
        policy = draw.one(None, "affinity", "anti-affinity")
        return {"uuid": draw.one("web", "web", None), "policy": policy, "rules": draw.one(*_GROUP_RULES)}
    rules = [draw.one(*_SPREAD_RULES) for _ in range(draw.one(1, 1, 1, 2))]
    return {
        "uuid": draw.one("web", "web", None),
        "policy": draw.one(None, "anti-affinity", "soft-anti-affinity"),
        "members": draw.some((*UUIDS, "u0-1"), 0, 3),
        "hosts": draw.one((), (), ("h1",), ("h1", "h2", "h1")),
        "rules": rules[0] if len(rules) == 1 else {"spread": rules},
    }


def _further_group(draw, uuid):
    return {
        "uuid": uuid,
        "policy": draw.one(None, "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"),
        "rules": draw.one({}, *_GROUP_RULES),
    }


_GROUP_RULES = (
    *({"apart_from": "web"}, {"apart_from": ["web", "db"], "domain": "rack"}, {"together": "rack"}),
    *({"together": "rack", "lookahead": True}, {"together": "host", "lookahead": True, "apart_from": "web"}),
    *({"together_with": {"group": "web", "domain": "zone"}}, {"together_with": "nobody", "together": "aggregate:rack"}),
    *({"apart_from": {"group": "web", "soft": True}}, {"together_with": {"group": "web", "soft": True}}),
    *({"max_server_per_host": 2}, {"apart_from": [{"group": "site", "domain": "aggregate:rack"}]}, {"apart_form": "x"}),
)
_SPREAD_AGGREGATES = (
    (),
    ({"name": "a", "metadata": {"rack": "x1", "availability_zone": "az1"}},),
    ({"name": "a", "metadata": {"rack": "x1", "availability_zone": "az1"}},),
    ({"name": "b", "metadata": {"rack": "x2", "availability_zone": "az2"}},),
    ({"name": "c", "metadata": {"rack": "x1, x3", "topology_spread_weight_multiplier": "2"}},),
)
_SPREAD_RULES = (
    *({"spread": "rack"}, {"spread": "rack", "max_per_domain": 2}, {"spread": "rack", "max_skew": 1}),
    *({"spread": "zone", "max_skew": 1}, {"spread": "aggregate:rack", "max_skew": 2}, {"spread": "instances"}),
    *({"spread": "rack", "shares": {"r1": 50, "r2": 30}}, {"spread": "zone", "shares": {"az1": 100}}),
    *({"spread": "zone", "max_per_domain": 9, "max_skew": 3}, {"spread": "rack", "max_skw": 1}),
)
_SPREAD_TEXTS = (
    *("rack max_skew=1", "zone max_per_domain=3; aggregate:rack max_skew=2", "rack shares=r1:20,4:30", "rack"),
    *('{"spread": "zone", "max_skew": 2}', "rack max_skew=0"),
)
_SPREAD_FILTERS = (
    *("RamFilter", "ComputeFilter", "ServerGroupAntiAffinityFilter", "AvailabilityZoneFilter", "OnceFilter"),
    *("EverySecondFilter", "UuidFilter", "GroupRulesFilter", *third_party_filters.PLACEMENT_NAMES),
)
SPREAD_CONFIGURATIONS = [
    {
        "weighers": random.Random(nr).sample((*OWN_WEIGHERS[:6], *_LONG_WEIGHERS[:3]), nr % 3)
        + ["TopologySpreadWeigher"] * (nr % 2)
        + ["GroupRulesWeigher"] * (nr % 3 == 0),
        "group_rules_weight_multiplier": float(nr % 4 - 1),
        "group_rules_missing_domain": "own" if nr % 5 == 0 else "refuse",
        "group_rules_unknown_group": "refuse" if nr % 7 == 0 else "pass",
        "topology_spread_weight_multiplier": random.Random(nr).choice((0.0, 1.0, 2.0, -1.0)),
        **({} if nr % 4 else {"host_subset_size": 2}),
        **({} if nr % 5 else {"shuffle_best_same_weighed_hosts": True}),
    }
    for nr in range(24)
]


def expression_story(chance):
    """Rules that operators write as text, in the configuration, in flavors and in aggregates."""
    draw = Draw(chance)
    hosts = cluster(draw, most=draw.one(4, 12))
    aggregates = [
        {"name": name, "metadata": {key: written(draw) for key in draw.some(_EXPRESSION_KEYS, 0, 2)}} for name in "abc"
    ]
    for host in hosts:
        host["aggregates"] = draw.some(aggregates, 0, 2)
        host["metrics"] = draw.one({}, {"load": 0.5}, {"load": 2}, {"load": 0.0})
    events = []
    for _ in range(chance.randint(1, 4)):
        wanted = request(draw, (1, 1, 2, 5, 9))
        wanted.pop("expression", None)
        wanted["extra_specs"] = {key: written(draw) for key in draw.some(_EXPRESSION_KEYS, 0, 2)}
        names = ["ExpressionFilter", *(draw.one(*OWN_FILTERS) for _ in range(chance.randint(0, 1)))]
        events.append((draw.one("ask", "place", "place", "list"), wanted, names))
        if draw.rarely(2):
            events.append(("set", chance.randrange(10), change(draw)))
    return {"conf": draw.one(*EXPRESSION_CONFIGURATIONS), "hosts": hosts, "events": events}


def written(draw, deep=3):
    """An expression as text; some are none."""
    if deep == 0 or draw.rarely(4):
        return draw.one(*_EXPRESSION_LEAVES)
    one, other = written(draw, deep - 1), written(draw, deep - 1)
    kind = draw.one("logic", "compare", "compare", "sum", "sum", "divide", "call", "not", "minus", "chain", "text")
    if kind == "text":
        return draw.one(*_EXPRESSION_TEXTS)
    forms = {
        "logic": ("({} and {})", "({} or {})"),
        "compare": ("({} < {})", "({} >= {})", "({} == {})", "({} != {})"),
        "sum": ("({} + {})", "({} - {})", "({} * {})"),
        "divide": ("({} / {})", "({} // {})", "({} % {})"),
        "call": ("min({}, {})", "max({}, {}, 3)", "abs({} - {})"),
        "not": ("(not {} or {})",),
        "minus": ("(-{} + {})",),
        "chain": ("(0 <= {} < {})", "({} < 4096 != {})"),
    }
    return draw.one(*forms[kind]).format(one, other)


_EXPRESSION_KEYS = ("filtersched:filter", "filtersched:weight")
_EXPRESSION_LEAVES = (
    *("free_ram_mb", "total_usable_ram_mb", "vcpus_used", "vcpus_total", "num_io_ops", "failed_builds"),
    *("metrics['load']", "metrics['none']", "stats['a']", "cpu_allocation_ratio", "hypervisor_version", "topic"),
    *("request.memory_mb", "request.vcpus", "request.project_id", "request.extra_specs['ssd']", "0", "1", "2.5"),
    *("traits", "1024", "num_instances"),
    *("True", "capabilities['rack']", "capabilities['enabled']", "free_ram_mb", "vcpus_total", "num_instances", "3"),
)
_EXPRESSION_TEXTS = (
    *("hypervisor_type == 'kvm'", "'SSD' in traits", "capabilities['rack'] in ('r1', 'r3')", "'rack' in capabilities"),
    *("host not in ('h1', 'h2')", "topic == request.project_id", "num_io_ops in (0, 3)", "'v' in hypervisor_type"),
    *("hypervisor_type < 'l'", "hypervisor_type == topic", "request.project_id == 'p1'", "topic > 3"),
    *("nonsense", "1 +"),
)
EXPRESSION_CONFIGURATIONS = [
    {
        "weighers": ["ExpressionWeigher", *random.Random(nr).sample(OWN_WEIGHERS[:6], nr % 3)],
        "weight_expression": written(Draw(random.Random(nr))) if nr % 2 else "",
        "filter_expression": written(Draw(random.Random(-nr))) if nr % 3 == 0 else "",
        "filter_expression_passes_unknown": nr % 4 == 0,
    }
    for nr in range(40)
]
ASKING = ("ask", "place", "list", "other")
_NUMBERS = st.integers(0, 2**63)
STORIES = _NUMBERS.map(lambda number: story(random.Random(number)))
LIVE_STORIES = _NUMBERS.map(lambda number: live_story(random.Random(number)))
MOVE_STORIES = _NUMBERS.map(lambda number: move_story(random.Random(number)))
POOL_STORIES = _NUMBERS.map(lambda number: pool_story(random.Random(number)))
LONG_STORIES = _NUMBERS.map(lambda number: long_story(random.Random(number)))
SPREAD_STORIES = _NUMBERS.map(lambda number: spread_story(random.Random(number)))
EXPRESSION_STORIES = _NUMBERS.map(lambda number: expression_story(random.Random(number)))
