"""The library decides as Nova itself does.

Nova runs in a process of its own, by the Python that FILTERSCHED_NOVA_PYTHON names; `tox -e peer`
makes one. Skipped without it. What the library does otherwise on purpose is not drawn here: see
docs/compatibility.
"""

import os
import random

import pytest

from benchmarks.nova_peer.client import VARIABLE, NovaPeer, nova_python
from filtersched.hosts.host_state import HostState
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.settings import make_conf
from tests.differential import cases, oracle
from tests.differential.cases import Draw

PYTHON = nova_python()

pytestmark = pytest.mark.skipif(PYTHON is None, reason=f"{VARIABLE} names no Python with Nova in it")

EXAMPLES = int(os.environ.get("FILTERSCHED_EXAMPLES", "4000")) // 5

FILTERS = [
    "AggregateImagePropertiesIsolation",
    "AggregateInstanceExtraSpecsFilter",
    "AggregateIoOpsFilter",
    "AggregateMultiTenancyIsolation",
    "AggregateNumInstancesFilter",
    "AggregateTypeAffinityFilter",
    "AllHostsFilter",
    "ComputeCapabilitiesFilter",
    "ComputeFilter",
    "DifferentHostFilter",
    "ImagePropertiesFilter",
    "IoOpsFilter",
    "IsolatedHostsFilter",
    "JsonFilter",
    "MetricsFilter",
    "NumInstancesFilter",
    "SameHostFilter",
    "ServerGroupAffinityFilter",
    "ServerGroupAntiAffinityFilter",
    "SimpleCIDRAffinityFilter",
]
WEIGHERS = [*oracle.WEIGHERS, "MetricsWeigher", "ImagePropertiesWeigher"]

EXTRA_SPECS = [
    ("ssd", "true"),
    ("aggregate_instance_extra_specs:ssd", "true"),
    ("aggregate_instance_extra_specs:ssd", "<or> true <or> false"),
    ("aggregate_instance_extra_specs:rack", "> 2"),
    ("aggregate_instance_extra_specs:rack", ">= 2"),
    ("aggregate_instance_extra_specs:rack", "= 2"),
    ("capabilities:hypervisor_type", "s== QEMU"),
    ("capabilities:hypervisor_type", "<in> EM"),
    ("capabilities:cpu_info:arch", "x86_64"),
    ("capabilities:cpu_info:topology:cores", "<= 8"),
    ("capabilities:opt1", "1"),
    ("free_ram_mb", ">= 1024"),
    ("vcpus_total", "<or> 4 <or> 8"),
    ("opt1", "s!= 1"),
    ("unheard_of", "1"),
    ("hw:cpu_policy", "dedicated"),
    ("trait:HW_X", "required"),
]
QUERIES = [
    '[">=", "$free_ram_mb", 1024]',
    '["and", [">=", "$free_ram_mb", 1024], ["<", "$num_io_ops", 3]]',
    '["or", ["=", "$host", "cmp1"], ["in", "$vcpus_total", 4, 8]]',
    '["not", [">", "$num_instances", 0]]',
    '["=", "$unheard_of", 2, 2]',
    '["and", ["not", true]]',
    '["not", true, false]',
    "[]",
]
IMAGES = [
    {"os_distro": "windows"},
    {"hw_architecture": "x86_64", "os_distro": "linux"},
    {"img_hv_type": "qemu", "hw_vm_mode": "hvm"},
    {"hw_architecture": "aarch64"},
    {"hw_architecture": "x86_64", "img_hv_requested_version": ">=6.0"},
]


@pytest.fixture(scope="module")
def nova():
    with NovaPeer(PYTHON) as peer:
        yield peer


def make_case(chance):
    """A case with all that today's Nova looks at, and no more."""
    case = cases.make_case(chance, draws=False)
    draw = Draw(chance)
    _settings(draw, case["conf"])
    aggregates = [_aggregate(draw) for _ in range(3)]
    for host in case["hosts"]:
        _host(draw, host, case["conf"], aggregates)
    request = case["request"]
    _request(draw, request)
    if request["group"] is not None and "ImagePropertiesWeigher" in case["conf"]["weighers"]:
        # Nova notes a group's new instance without the image that it was made from.
        case["conf"]["weighers"] = [name for name in case["conf"]["weighers"] if name != "ImagePropertiesWeigher"]
    return case


def _settings(draw, conf):
    conf["filters"] = draw.any(FILTERS, 1, 5)
    conf["weighers"] = draw.any(WEIGHERS, 1, 5)
    conf["isolated_images"] = draw.one([], ["img1"])
    conf["isolated_hosts"] = draw.one([], ["cmp1", "cmp2"])
    conf["restrict_isolated_hosts_to_isolated_images"] = draw.one(True, False)
    conf["weight_setting"] = draw.one([], ["load=-1.0"], ["load=0.5", "heat=2"], ["heat=0", "no ratio"])
    conf["weight_multiplier"] = draw.one(1.0, -1.0, 0.0)
    conf["required"] = draw.rarely()
    conf["weight_of_unavailable"] = draw.one(-10000.0, 5.0)
    conf["image_props_weight_multiplier"] = draw.one(0.0, 1.0, -2.0)
    conf["image_props_weight_setting"] = draw.one([], ["os_distro=2"], ["os_distro=0.5", "hw_architecture=-1"])


def _aggregate(draw):
    choices = {
        "ssd": draw.one("true", "false", "true,false"),
        "rack": draw.one("1", "2", "2,3"),
        "filter_tenant_id": draw.one("p1", "p1, p2"),
        "filter_tenant_id2": "p2",
        "instance_type": draw.one("small", "small, large"),
        "os_distro": draw.one("windows", "linux,windows"),
        "max_io_ops_per_host": draw.one("1", "3", "1,2"),
        "max_instances_per_host": draw.one("1", "3", "x"),
        "metrics_weight_multiplier": draw.one("0", "-2", "1.5"),
    }
    names = draw.some(sorted(choices), 0, 3)
    return {"name": f"more-{draw.chance.randrange(99)}", "metadata": {name: choices[name] for name in names}}


def _host(draw, host, conf, aggregates):
    host["aggregates"] = host["aggregates"] + draw.some(aggregates, 0, 2)
    # Nova knows no host without a service; its records fill in a ratio that is None or 0.0.
    host["service"] = {"disabled": False, "last_seen_up": cases.NOW, **host["service"]}
    for name in ("ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio"):
        host[name] = host[name] or conf[name]
    host["host_ip"] = draw.one("10.0.0.1", "10.0.1.1", "192.168.0.9")
    host["hypervisor_type"] = draw.one("QEMU", "QEMU", "ironic")
    host["stats"] = draw.one({}, {"opt1": "1"}, {"opt1": "2"})
    host["cpu_info"] = draw.one('{"arch": "x86_64", "topology": {"cores": 8}}', '{"arch": "aarch64"}', "")
    qemu = [["x86_64", "qemu", "hvm"], ["i686", "qemu", "hvm"]]
    host["supported_instances"] = draw.one(qemu, [["x86_64", "kvm", "hvm"]], [])
    host["metrics"] = draw.one({"load": 1.0, "heat": 3}, {"load": 2.0}, {"load": 1.0, "heat": 1}, {})
    host["images"] = {name: draw.one(*IMAGES, {}) for name in host["instances"]}


def _request(draw, request):
    count = request["num_instances"]
    request["uuids"] = request["uuids"] or [f"named-{nr}" for nr in range(count)]
    if request["group"] is not None:
        # Who places a group makes its new instances members before; the library does it itself.
        members = request["group"]["members"]
        request["group"]["members"] = [*members, *(name for name in request["uuids"] if name not in members)]
    request["project_id"] = draw.one("p1", "p2", "p3")
    request["flavor"]["name"] = draw.one("small", "large", "huge")
    request["flavor"]["extra_specs"] = dict(draw.any(EXTRA_SPECS, 0, 2))
    request["image"] = {"id": draw.one("img1", "img2"), "properties": draw.one(*IMAGES)} if draw.one(1, 0) else None
    if draw.one(True, False):
        request["hints"]["query"] = [draw.one(*QUERIES)]
    if draw.rarely():
        request["hints"]["build_near_host_ip"] = ["10.0.0.77"]
        request["hints"]["cidr"] = [draw.one("/24", "/16", "/32")]


def ours(case):
    """What the library decides, in Nova's words."""
    conf = dict(case["conf"])
    named = {"filters": "enabled_filters", "weighers": "weight_classes", "max_attempts": "scheduler_max_attempts"}
    named |= {name: f"metrics_{name}" for name in ("weight_setting", "weight_multiplier", "required")}
    named |= {"weight_of_unavailable": "metrics_weight_of_unavailable", "shuffle": "shuffle_best_same_weighed_hosts"}
    alternates = conf.pop("alternates")
    scheduler = FilterScheduler(make_conf(**{named.get(name, name): value for name, value in conf.items()}))
    hosts = []
    for facts in case["hosts"]:
        images = facts["images"]
        instances = {uuid: {"image_properties": images[uuid]} for uuid in facts["instances"]}
        known = {name: value for name, value in facts.items() if name != "images"}
        hosts.append(HostState(**{**known, "instances": instances}))
    try:
        selections = scheduler.select_destinations(
            cases.spec_of(case["request"]), hosts, case["request"]["uuids"], return_alternates=alternates
        )
    except NoValidHost:
        return {"failed": True}
    except Exception:
        return {"raised": True}
    return {
        "chosen": [
            {
                "host": one.host,
                "nodename": one.nodename,
                "weight": one.weight,
                "alternates": [[other.host, other.nodename] for other in one.alternates],
            }
            for one in selections
        ]
    }


def theirs(nova, case):
    answer = nova.decide(case)
    return {"raised": True} if "raised" in answer else answer


@pytest.mark.parametrize("batch", range(4))
def test_random_clusters_are_decided_as_by_nova(nova, batch):
    chance = random.Random(batch)
    for _ in range(EXAMPLES // 4):
        case = make_case(chance)
        if ours(case) != theirs(nova, case):
            small = cases.smaller(case, lambda one: ours(one) != theirs(nova, one))
            assert ours(small) == theirs(nova, small), small


def test_the_cases_are_worth_deciding(nova):
    answers = [nova.decide(make_case(random.Random(nr))) for nr in range(200)]
    placed = [one for one in answers if "chosen" in one]
    assert len(placed) > 60
    assert sum(1 for one in placed if any(host["weight"] for host in one["chosen"])) > 30
    assert sum(1 for one in answers if "failed" in one) > 30
    assert 0 < sum(1 for one in answers if "raised" in one) < 40
