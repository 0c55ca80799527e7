"""Stories in which the engine once decided in another way than the handlers, or an engine a little
simpler would; as small as they get.
"""

from __future__ import annotations

_ONE = [{"host": "h0", "nodename": "n0"}]
_TWO = [{"host": "h0", "nodename": "n0"}, {"host": "h1", "nodename": "n1"}]
_BOTH = ("+", (">", "num_io_ops", 0), ("<", "num_io_ops", 2))


def _rank(rank):
    return [{"name": rank, "metadata": {"rank": rank}}]


_COOL = [{**one, "kind": "BrokenHost"} for one in _TWO]
_BROKEN = [_TWO[0], {**_TWO[1], "hypervisor_type": "broken"}]
_ALL_REFUSED_AT_LAST = ("ask", {"num_instances": 4, "memory_mb": 1, "vcpus": 5}, ["UuidFilter"])

_SOFT = ["ServerGroupSoftAffinityWeigher", "ServerGroupSoftAntiAffinityWeigher", "RAMWeigher"]

STORIES = {
    "room is asked for where there are no hosts": {
        "conf": {},
        "hosts": [],
        "events": [("place", {}, ["DiskFilter"]), ("ask", {}, ["DiskFilter"])],
    },
    "soft groups of many instances, some of them on hosts already": {
        "conf": {"weighers": _SOFT},
        "hosts": [
            {**_TWO[0], "free_ram_mb": 4, "instances": {"i1": {}, "i9": {}}},
            {**_TWO[1], "free_ram_mb": 9},
            {**_TWO[0], "host": "h2", "free_ram_mb": 9, "instances": {"i3": {}}},
        ],
        "events": [
            (
                "ask",
                {
                    "num_instances": 5,
                    "memory_mb": 1,
                    "uuids": uuids,
                    "instance_group": {"policy": policy, "members": ["i1", "i3"]},
                },
                ["RamFilter"],
            )
            for policy in ("soft-affinity", "soft-anti-affinity")
            for uuids in ("new", "known")
        ],
    },
    "hosts drawn by weights that are added as they are, also of a host that is left alone": {
        "conf": {"weighers": ["RAMWeigher", "IoOpsWeigher", "RawWeigher", "LuckWeigher"], "stochastic": True},
        "hosts": [{**one, "num_io_ops": 1, "free_ram_mb": 100} for one in _TWO],
        "events": [
            ("ask", {"num_instances": 5, "memory_mb": 30, "alternates": True, "seed": seed}, ["OnceFilter"])
            for seed in range(6)
        ]
        + [("ask", {"num_instances": 2, "ignore_hosts": ["h0"]}, [])],
    },
    "weights and multipliers that are 0.0 here and -0.0 there": {
        "conf": {"weighers": ["SignWeigher", "SignColumnWeigher", "IoOpsWeigher"]},
        "hosts": [
            {**_TWO[0], "num_io_ops": 1, "aggregates": _rank("1")},
            _TWO[1],
            {**_TWO[0], "host": "h2", "num_io_ops": 1, "failed_builds": 1},
        ],
        "events": [("ask", {"num_instances": count}, []) for count in (1, 4)],
    },
    "a zero whose sign a filter reads": {
        "conf": {},
        "hosts": [_TWO[0], {**_TWO[1], "num_instances": 1}],
        "events": [("ask", {"num_instances": count}, ["SignFilter"]) for count in (1, 3)],
    },
    "a host that is ignored and cannot be read": {
        "conf": {"weighers": ["TemperatureWeigher"]},
        "hosts": [*_COOL, {**_TWO[1], "host": "h2", "kind": "BrokenHost", "hypervisor_type": "xen"}],
        "events": [
            ("ask", {"num_instances": count, "ignore_hosts": ["h2"]}, ["TemperatureFilter"]) for count in (1, 3)
        ],
    },
    "a host that is refused before and cannot be read": {
        "conf": {},
        "hosts": [*_COOL, {**_TWO[1], "host": "h2", "kind": "BrokenHost", "failed_builds": 1, "num_io_ops": 9}],
        "events": [("ask", {"num_instances": count}, ["IoOpsFilter", "SensorFilter"]) for count in (1, 3)],
    },
    "a host that can be read no more": {
        "conf": {"weighers": ["TemperatureWeigher"]},
        "hosts": _COOL,
        "events": [
            ("ask", {}, ["SensorFilter", "TemperatureFilter"]),
            ("set", 1, ("failed_builds", 1)),
            ("ask", {"ignore_hosts": ["h1"]}, ["SensorFilter", "TemperatureFilter"]),
            ("set", 1, ("hypervisor_type", "xen")),
            ("ask", {"ignore_hosts": ["h1"]}, ["SensorFilter", "TemperatureFilter"]),
            ("ask", {}, ["SensorFilter", "TemperatureFilter"]),
            ("set", 1, ("failed_builds", 0)),
            ("ask", {"num_instances": 3}, ["SensorFilter"]),
            ("set", 1, ("hypervisor_type", "kvm")),
            ("ask", {"num_instances": 3}, ["SensorFilter", "TemperatureFilter"]),
        ],
    },
    "what is noted of a filter that fails without reading anything": {
        "conf": {},
        "hosts": _TWO,
        "events": [("ask", {"vcpus": 2, "memory_mb": 512, "ignore_hosts": ["h0"]}, ["ReadsNothingFilter"])],
    },
    "what is noted of a weigher that fails without reading anything": {
        "conf": {"weighers": ["ReadsNothingWeigher"]},
        "hosts": _TWO,
        "events": [("ask", {"vcpus": 2, "memory_mb": 512}, [])],
    },
    "what is noted of a multiplier that fails for a host": {
        "conf": {"weighers": ["FailingMultiplierWeigher"]},
        "hosts": _BROKEN,
        "events": [("ask", {}, [])],
    },
    "what is noted of an answer that is neither true nor false": {
        "conf": {},
        "hosts": _BROKEN[::-1],
        "events": [("ask", {}, ["NoTruthFilter"]), ("ask", {"ignore_hosts": ["h1"]}, ["NoTruthFilter"])],
    },
    "what is noted of one exception that is raised again and again": {
        "conf": {},
        "hosts": [*_BROKEN, {**_BROKEN[1], "host": "h2"}],
        "events": [
            ("ask", {}, ["SameErrorFilter"]),
            ("ask", {"ignore_hosts": ["h1"]}, ["SameErrorFilter"]),
            ("ask", {"memory_mb": 300.3}, ["SameErrorFilter"]),
            ("ask", {}, ["SameErrorFilter"]),
        ],
    },
    "hosts that are refused for a later instance, in the order of the list": {
        "conf": {"weighers": ["NameWeigher"]},
        "hosts": [{**one, "free_ram_mb": ram} for one, ram in zip(_TWO, (2048, 8192), strict=True)],
        "events": [_ALL_REFUSED_AT_LAST],
    },
    "hosts that are refused for a later instance, in the order that draws made": {
        "conf": {"weighers": ["RAMWeigher"], "host_subset_size": 2},
        "hosts": [{**one, "free_ram_mb": ram} for one, ram in zip(_TWO, (2048, 8192), strict=True)],
        "events": [_ALL_REFUSED_AT_LAST],
    },
    "a filter that drops from the list it is given": {
        "conf": {},
        "hosts": [{**_TWO[0], "num_io_ops": 1}, _TWO[1]],
        "events": [("ask", {}, ["DroppingFilter"])],
    },
    "a filter that takes hosts out of the list it is given": {
        "conf": {},
        "hosts": [{**_TWO[0], "num_instances": 1}, _TWO[1]],
        "events": [("ask", {"num_instances": 2}, ["EmptyingFilter", "DroppingFilter"])],
    },
    "a weigher that sorts the list it is given": {
        "conf": {"weighers": ["SortingWeigher"]},
        "hosts": _TWO[::-1],
        "events": [("ask", {"num_instances": 3}, [])],
    },
    "a weigher that writes to the list it is given": {
        "conf": {"weighers": ["PuttingWeigher", "PlaceWeigher"]},
        "hosts": [{**_TWO[0], "num_io_ops": 1}, _TWO[1]],
        "events": [("ask", {"num_instances": 3}, [])],
    },
    "a first attempt, with a record of retries that names no host": {
        "conf": {},
        "hosts": _ONE,
        "events": [("ask", {"retry": {"num_attempts": 1}}, ["RetryFilter"])],
    },
    "an attribute that only some requests have": {
        "conf": {},
        "hosts": _ONE,
        "events": [("ask", {}, ["CustomRequestFilter"]), ("ask", {"tenant_limit": 1}, ["CustomRequestFilter"])],
    },
    "an object of the request that is gone, and another at its address": {
        "conf": {},
        "hosts": _ONE,
        "events": [("ask", {"caller": [topic]}, ["CallerFilter"]) for topic in ("compute", "volume") * 4],
    },
    "filtering ended by None says nothing of the filters before": {
        "conf": {},
        "hosts": _ONE,
        "events": [("ask", {"num_instances": 3}, ["TagFilter", "EndFilter"])],
    },
    "a filter that has no say on a rebuild is a step all the same": {
        "conf": {},
        "hosts": _ONE,
        "events": [
            ("ask", {"num_instances": 2, "scheduler_hints": {"_nova_check_type": ["rebuild"]}}, ["NumInstancesFilter"])
        ],
    },
    "a depleted host in other aggregates": {
        "conf": {"weighers": ["RAMWeigher"]},
        "hosts": [{**one, "kind": "TurningHost", "free_ram_mb": 4096} for one in _TWO],
        "events": [("ask", {"num_instances": 3, "memory_mb": 1}, [])],
    },
    "draws made before a filter returned a stranger": {
        "conf": {"weighers": ["IoOpsWeigher"], "host_subset_size": 2},
        "hosts": _TWO,
        "events": [("ask", {"num_instances": 4, "seed": seed}, ["StrangerFilter"]) for seed in range(8)],
    },
    "draws made before a weight was too large": {
        "conf": {"weighers": ["HugeWeigher"], "host_subset_size": 2},
        "hosts": _TWO,
        "events": [("ask", {"num_instances": 8, "seed": seed}, []) for seed in range(8)],
    },
    "limits written before a filter returned a stranger": {
        "conf": {},
        "hosts": [{**one, "num_io_ops": 1} for one in _TWO],
        "events": [("ask", {"num_instances": 3}, ["LimitFilter", "StrangerFilter"])],
    },
    "a filter behind one that leaves nothing is not asked whether it runs": {
        "conf": {},
        "hosts": _ONE,
        "events": [("ask", {"num_instances": 4}, ["UuidFilter", "HowManyFilter", "ImpatientFilter"])],
    },
    "a filter fails when asked whether it runs, behind another failure": {
        "conf": {"weighers": ["IoOpsWeigher"]},
        "hosts": [{**_ONE[0], "kind": "FragileHost", "num_instances": 2}],
        "events": [("ask", {"num_instances": 3}, ["ImpatientFilter", "StrangerFilter"])],
    },
    "a host that outgrows the scale from its middle": {
        "conf": {"weighers": ["NameWeigher", "UsedWeigher"]},
        "hosts": [
            {"host": "h12", "nodename": "n12"},
            {"host": "h13", "nodename": "n13"},
            {"host": "h14", "nodename": "n14", "vcpus_used": 3},
        ],
        "events": [("ask", {"num_instances": 3, "vcpus": 2}, [])],
    },
    "a number that grows too large for a column within a request": {
        "conf": {"weighers": ["PlaceWeigher"]},
        "hosts": [{**one, "kind": "WornHost"} for one in _TWO],
        "events": [("ask", {"num_instances": 6, "expression": ("<", "failed_builds", 5)}, ["AnyExpressionFilter"])],
    },
    "a filter that runs out of an iterator": {
        "conf": {},
        "hosts": [{**_ONE[0], "hypervisor_type": "broken", "topic": "volume"}],
        "events": [("ask", {}, ["BrokenValueFilter"])],
    },
    "a multiplier in one of numpy's short floats": {
        "conf": {"weighers": ["NumpyMultiplierWeigher", "IoOpsWeigher"]},
        "hosts": [{**_TWO[0], "num_io_ops": 2}, {**_TWO[1], "num_io_ops": 1}, {"host": "h2", "nodename": "n2"}],
        "events": [("ask", {"num_instances": 3}, [])],
    },
    "a multiplier that fails for the aggregates of a refused host": {
        "conf": {"weighers": ["AggregateMultiplierWeigher"]},
        "hosts": [*_TWO, {"host": "h2", "nodename": "n2", "aggregates": _rank("none"), "hypervisor_type": "xen"}],
        "events": [("ask", {}, ["RebuildFilter"]), ("ask", {}, [])],
    },
    "a multiplier that is text": {
        "conf": {"weighers": ["TextMultiplierWeigher"]},
        "hosts": [*_TWO, {"host": "h2", "nodename": "n2", "aggregates": [{"name": "text"}], "hypervisor_type": "xen"}],
        "events": [("ask", {}, ["RebuildFilter"]), ("ask", {}, [])],
    },
    "truth values that are added up": {
        "conf": {"weighers": ["AnyExpressionWeigher"]},
        "hosts": [*_TWO, {"host": "h2", "nodename": "n2", "num_io_ops": 1}],
        "events": [
            ("ask", {"expression": ("==", _BOTH, 2)}, ["AnyExpressionFilter"]),
            ("ask", {"weight": _BOTH}, []),
            ("ask", {"weight": ("neg", (">", "num_io_ops", 0))}, []),
        ],
    },
    "truth values of numpy's that are subtracted": {
        "conf": {},
        "hosts": _TWO,
        "events": [
            ("ask", {"expression": ("-", ("not", "num_io_ops"), ("not", "num_io_ops"))}, ["AnyExpressionFilter"])
        ],
    },
    "a function of an attribute that fails for a host after its last instance": {
        "conf": {"weighers": ["PlaceWeigher"]},
        "hosts": _TWO,
        "events": [("ask", {"num_instances": count}, ["TruthFilter", "EachFilter"]) for count in range(2, 9)],
    },
    "a function of an attribute that fails for a host refused since": {
        "conf": {"weighers": ["RAMWeigher"]},
        "hosts": [{**one, "hypervisor_type": "kvm", "free_ram_mb": 8192} for one in _TWO],
        "events": [("ask", {"num_instances": 9}, ["OddMemoryFilter", "NumInstancesFilter", "EachFilter"])],
    },
    "what a function of values reads of the request for some of them only": {
        "conf": {},
        "hosts": [{"host": "h0", "nodename": "n0"}],
        "events": [
            ("ask", {"vcpus": 4}, ["ClosureFilter"]),
            ("set", 0, ("num_io_ops", 2)),
            ("ask", {"vcpus": 1}, ["ClosureFilter"]),
            ("ask", {"vcpus": 4}, ["ClosureFilter"]),
        ],
    },
    "a rule that reads the uuid of large requests only": {
        "conf": {"weighers": ["CuriousWeigher"]},
        "hosts": _TWO,
        "events": [
            ("ask", {"num_instances": 4, "memory_mb": memory_mb, "vcpus": vcpus}, ["CuriousFilter"])
            for memory_mb in (0, 2)
            for vcpus in (1, 2)
        ],
    },
    "a host that becomes the best while no end of a scale moves": {
        "conf": {"weighers": ["RAMWeigher", "IoOpsWeigher"]},
        "hosts": [
            {"host": f"h{nr}", "nodename": f"n{nr}", "free_ram_mb": ram, "num_io_ops": io}
            for nr, (ram, io) in enumerate([(1000, 10), (0, 0), (500, 0), (400, 0), (450, 0)])
        ],
        "events": [
            ("ask", {}, []),
            ("ask", {}, []),
            ("ask", {}, []),
            ("set", 3, ("free_ram_mb", 600)),
            ("ask", {}, []),
            ("set", 3, ("free_ram_mb", 10)),
            ("ask", {}, []),
        ],
    },
    "a body that looks no further where all hosts are alike": {
        "conf": {},
        "hosts": _TWO,
        "events": [
            ("ask", {"vcpus": 4, "seed": 1}, ["SameFilter"]),
            ("set", 0, ("hypervisor_type", "xen")),
            ("ask", {"vcpus": 1, "seed": 1}, ["SameFilter"]),
            ("ask", {"vcpus": 4, "seed": 1}, ["SameFilter"]),
        ],
    },
    "what the class of a pool from columns computes, after a host has gone": {
        "columns": "BrokenHost",
        "conf": {},
        "hosts": _TWO,
        "events": [
            ("ask", {}, ["TemperatureFilter"]),
            ("remove", 1),
            ("set", 0, ("num_instances", 1)),
            ("ask", {"vcpus": 2}, ["TemperatureFilter"]),
        ],
    },
}
