"""Cases: a small cluster, a request and a configuration, as plain data that JSON can carry.

Made with a random generator, out of numbers from short ladders, so that hosts tie, fill up, and
fall just below and just above what is asked.
"""

import random

from hypothesis import strategies as st

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.settings import make_conf
from tests.differential import oracle

NOW = "2026-01-31T12:00:00"
UUIDS = [f"i{nr}" for nr in range(12)]
MULTIPLIERS = [
    "ram_weight_multiplier",
    "cpu_weight_multiplier",
    "disk_weight_multiplier",
    "io_ops_weight_multiplier",
    "num_instances_weight_multiplier",
    "build_failure_weight_multiplier",
    "hypervisor_version_weight_multiplier",
    "cross_cell_move_weight_multiplier",
]
NEVER_NEGATIVE = ["soft_affinity_weight_multiplier", "soft_anti_affinity_weight_multiplier"]
NUMBERS = [1.0, 1.0, -1.0, -1.0, 0.0, 2.0, 0.5, 1000.0, 0.1]
NUMBER_TEXTS = ["1.0", "-1", "0", "2.5", "0.1", "much", "1,2"]


class Draw:
    """Draws from one random generator."""

    def __init__(self, chance: random.Random):
        self.chance = chance

    def one(self, *choices):
        return choices[self.chance.randrange(len(choices))]

    def some(self, items, least, most):
        """Some of the items in random order, each at most once."""
        return self.chance.sample(items, min(self.chance.randint(least, most), len(items)))

    def any(self, items, least, most):
        """Items in random order, some perhaps more than once."""
        return [self.one(*items) for _ in range(self.chance.randint(least, most))]

    def rarely(self, nr=4):
        """True one time in `nr`."""
        return self.chance.randrange(nr) == 0


def make_case(chance, *, largest=8, most_instances=6, draws=True):
    """A whole case. draws : choose among several and shuffle too, now and then."""
    draw = Draw(chance)
    case = {
        "hosts": _hosts(draw, largest),
        "request": _request(draw, most_instances),
        "conf": _conf(draw, draws),
        "seed": chance.getrandbits(32),
    }
    given = (case["request"][name] for name in ("ignore_hosts", "force_hosts", "force_nodes"))
    if case["hosts"] and any(given) and draw.rarely():
        # Only where hosts are looked up by name is it said what the same name twice means.
        first, again = draw.one(*case["hosts"]), draw.one(*case["hosts"])
        case["hosts"].append({**again, "host": first["host"], "nodename": first["nodename"]})
    return case


def make_cases(chance, count, *, use_engine=True, alike=4, **how):
    """Cases of which so many in a row share the configuration, each with a scheduler for it."""
    for nr in range(count):
        case = make_case(chance, **how)
        if nr % alike == 0:
            conf = case["conf"]
            scheduler = scheduler_of(conf, use_engine)
        yield {**case, "conf": conf}, scheduler


def cases(**how):
    """Whole cases for hypothesis, which makes a failing one small."""
    return st.randoms(use_true_random=False).map(lambda chance: make_case(chance, **how))


def _hosts(draw, largest):
    """Hosts, some with names that differ in case only and some that are nodes of one host."""
    key = draw.one(*MULTIPLIERS, *NEVER_NEGATIVE)
    in_cluster = [_aggregate(draw, key) for _ in range(draw.one(0, 1, 2, 3))]
    names = [(f"cmp{nr}", f"cmp{nr}") for nr in range(draw.chance.randint(0 if draw.rarely(9) else 2, largest))]
    if len(names) > 2 and draw.rarely():
        names[:2] = [("CMP2", "node-a"), ("cmp2", "node-b")]
    draw.chance.shuffle(names)
    room = draw.one(1, 1, 2)  # how near to full the cluster is
    kinds = [_host(draw, in_cluster, room) for _ in range(draw.one(1, 2, 4, largest))]
    return [{**draw.one(*kinds), "host": host, "nodename": node} for host, node in names]


def _aggregate(draw, key):
    metadata = {}
    if draw.one(True, False):
        metadata["availability_zone"] = draw.one("az1", "az2", "az1, az2", "nova")
    if draw.one(True, False):
        metadata[key] = draw.one(*NUMBER_TEXTS)
    return {"name": f"agg-{draw.chance.randrange(99)}", "metadata": metadata}


def _host(draw, in_cluster, room):
    ram, disk, vcpus = draw.one(0, 1024, 4096, 4096, 8192), draw.one(0, 10, 40, 40), draw.one(0, 2, 4, 4, 8)
    return {
        "cell_uuid": draw.one(None, "cell-b") if draw.rarely() else "cell-a",
        "total_usable_ram_mb": ram * room,
        "free_ram_mb": ram * room - draw.one(0, 0, 512, 1024, 1025, 6144),
        "ram_allocation_ratio": draw.one(None, None, 1.0, 4.0, 0.0),
        "total_usable_disk_gb": disk * room,
        "free_disk_mb": disk * room * 1024 - draw.one(0, 0, 1024, 10240, 51200),
        "disk_allocation_ratio": draw.one(None, None, 1.0, 2.0),
        "vcpus_total": vcpus * room,
        "vcpus_used": draw.one(0, 0, 1, 2, 9),
        "cpu_allocation_ratio": draw.one(None, None, 1.0, 16.0, 0.0),
        "num_instances": draw.one(0, 0, 1, 3),
        "num_io_ops": draw.one(0, 0, 1, 3),
        "failed_builds": draw.one(0, 0, 0, 2),
        "hypervisor_version": draw.one(None, 5000000, 6000000),
        "instances": draw.some(UUIDS, 0, 3),
        "aggregates": draw.some(in_cluster, 0, 2),
        "service": _service(draw) if draw.rarely() else {},
    }


def _service(draw):
    service = {"disabled": draw.rarely()}
    if draw.rarely():
        service["forced_down"] = draw.one(True, False, 1, None)
    if draw.one(True, False):
        # Exactly service_down_time ago, a second more, in the future.
        service["last_seen_up"] = draw.one("2026-01-31T11:59:00", "2026-01-31T11:58:59", "2026-01-31T12:00:59")
    if draw.rarely():
        service["state"] = draw.one("up", "down")
    if draw.one(True, False):
        service["availability_zone"] = draw.one("az1", "az3")
    return service


def _request(draw, most_instances):
    count = draw.chance.randint(1, most_instances)
    # A move names one instance though the request was once for several.
    named = draw.chance.randint(1, count) if draw.one(True, False) else 0
    asked = {
        "flavor": {
            "memory_mb": draw.one(0, 512, 512, 1024, 2048, 4097),
            "vcpus": draw.one(0, 1, 1, 2, 5),
            "root_gb": draw.one(0, 1, 1, 10),
            "ephemeral_gb": draw.one(0, 0, 5),
            "swap": draw.one(0, 0, 1, 1024),
        },
        "num_instances": count,
        "uuids": draw.chance.sample(UUIDS[:4] + [f"new-{nr}" for nr in range(most_instances)], named),
        "availability_zone": draw.one("az1", "az2", "nova") if draw.rarely() else None,
        "group": _group(draw) if draw.rarely(3) else None,
        "hints": {},
        "ignore_hosts": None,
        "force_hosts": None,
        "force_nodes": None,
        "destination": None,
        "now": NOW,
    }
    for name in ("different_host", "same_host"):
        if draw.rarely(5):
            asked["hints"][name] = draw.any(UUIDS, 1, 2)
    if draw.rarely(6):
        asked["hints"]["_nova_check_type"] = draw.one(["rebuild"], ["resize"], ["rebuild", "resize"])
    if draw.rarely(5):
        asked["ignore_hosts"] = draw.any(["cmp0", "CMP1", "cmp2", "gone"], 0, 2)
    if draw.rarely(8):
        asked["force_hosts"] = draw.any(["cmp0", "CMP1", "cmp2", "cmp3", "gone"], 0, 3)
    if draw.rarely(8):
        asked["force_nodes"] = draw.any(["cmp0", "cmp1", "node-a", "node-b", "CMP2"], 0, 3)
    if draw.rarely(5):
        asked["destination"] = {
            "host": draw.one(None, None, "cmp0", "cmp2", "CMP2"),
            "node": draw.one(None, "", "cmp0", "node-b"),
            "cell": draw.one(None, "cell-a", "cell-b"),
            "allow_cross_cell_move": draw.one(True, False),
        }
    return asked


def _group(draw):
    return {
        "policy": draw.one("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"),
        "rules": draw.one({}, {}, {"max_server_per_host": 2}, {"max_server_per_host": "2"}),
        "hosts": draw.any(["cmp0", "cmp1"], 1, 2) if draw.rarely() else [],
        "members": draw.some(UUIDS, 0, 4),
    }


def _conf(draw, draws):
    return {
        "filters": draw.any(sorted(oracle.FILTERS), 0 if draw.rarely(9) else 2, 6),
        "weighers": draw.any(list(oracle.WEIGHERS), 0 if draw.rarely(9) else 2, 6),
        "ram_allocation_ratio": draw.one(1.5, 1.0),
        "cpu_allocation_ratio": draw.one(16.0, 1.0),
        "disk_allocation_ratio": 1.0,
        "service_down_time": 60,
        "max_io_ops_per_host": draw.one(8, 4, 2, 0),
        "max_instances_per_host": draw.one(50, 4, 2),
        "host_subset_size": draw.one(2, 3, 100) if draws and draw.rarely() else 1,
        "shuffle": draws and draw.rarely(),
        "max_attempts": draw.one(3, 1, 2),
        "alternates": draw.one(True, False),
        **{name: draw.one(*NUMBERS) for name in MULTIPLIERS},
        **{name: abs(draw.one(*NUMBERS)) for name in NEVER_NEGATIVE},
    }


# A case given to the library

_NOT_OPTIONS = ("filters", "weighers", "shuffle", "alternates", "host_subset_size")


def options_of(conf):
    """The options for the configuration of a case."""
    options = {name: value for name, value in conf.items() if name not in _NOT_OPTIONS}
    return {
        "scheduler_default_filters": conf["filters"],
        "scheduler_weight_classes": conf["weighers"],
        "shuffle_best_same_weighed_hosts": conf["shuffle"],
        "scheduler_host_subset_size": conf["host_subset_size"],
        "scheduler_max_attempts": options.pop("max_attempts"),
        **options,
    }


def scheduler_of(conf, use_engine=True, profiles=None):
    """The library's scheduler for the configuration of a case, and for those of profiles by name."""
    further = {name: options_of(one) for name, one in (profiles or {}).items()}
    return FilterScheduler(make_conf(profiles=further, **options_of(conf)), use_engine=use_engine)


def spec_of(request):
    """The library's request for that of a case."""
    hints, group, destination = request["hints"], request["group"], request["destination"]
    return RequestSpec(
        flavor=request["flavor"],
        image=request.get("image"),
        num_instances=request["num_instances"],
        project_id=request.get("project_id"),
        availability_zone=request["availability_zone"],
        instance_group=group,
        scheduler_hints=hints,
        ignore_hosts=request["ignore_hosts"],
        force_hosts=request["force_hosts"],
        force_nodes=request["force_nodes"],
        requested_destination=destination,
        now=request["now"],
    )


def hosts_of(case):
    """The library's hosts for those of a case."""
    return [HostState(**facts) for facts in case["hosts"]]


def decide(case, hosts=None, scheduler=None):
    """What the library decides for a case, in the oracle's words."""
    scheduler = scheduler_of(case["conf"]) if scheduler is None else scheduler
    try:
        selections = scheduler.select_destinations(
            spec_of(case["request"]),
            hosts_of(case) if hosts is None else hosts,
            case["request"]["uuids"],
            return_alternates=case["conf"]["alternates"],
            seed=case["seed"],
        )
    except NoValidHost as refusal:
        return {"failed": refusal.index, "steps": [_steps(refusal.explanation)]}
    return {
        "chosen": [
            {
                "host": one.host,
                "nodename": one.nodename,
                "weight": one.weight,
                "limits": dict(one.limits),
                "alternates": [[other.host, other.nodename] for other in one.alternates],
            }
            for one in selections
        ],
        "steps": [_steps(one.explanation) for one in selections],
        **({"seed": selections[0].seed} if case["seed"] is None else {}),
    }


def _steps(explanation):
    # The restatement of the rules tells which filters ran, and not what the request itself excludes.
    return [[step.name, step.before, step.after] for step in explanation.steps if not step.by_request]


def smaller(case, still_wrong):
    """A case that is wrong in the same way, with as few hosts, filters, weighers and wishes as can be."""
    shrunk = True
    while shrunk:
        shrunk = False
        for attempt in _attempts(case):
            try:
                wrong = still_wrong(attempt)
            except Exception:
                continue
            if wrong:
                case, shrunk = attempt, True
                break
    return case


def _attempts(case):
    for part, name in (("hosts", None), ("conf", "filters"), ("conf", "weighers"), ("request", "uuids")):
        items = case[part] if name is None else case[part][name]
        for at in range(len(items)):
            fewer = items[:at] + items[at + 1 :]
            yield {**case, part: fewer if name is None else {**case[part], name: fewer}}
    request = case["request"]
    for name in ("availability_zone", "group", "ignore_hosts", "force_hosts", "force_nodes", "destination"):
        if request[name] is not None:
            yield {**case, "request": {**request, name: None}}
    if request["num_instances"] > 1:
        yield {**case, "request": {**request, "num_instances": request["num_instances"] - 1}}
    if request["hints"]:
        yield {**case, "request": {**request, "hints": {}}}
    for at, host in enumerate(case["hosts"]):
        for name, plain in (("aggregates", []), ("instances", []), ("service", {})):
            if host[name]:
                yield {**case, "hosts": [*case["hosts"][:at], {**host, name: plain}, *case["hosts"][at + 1 :]]}
