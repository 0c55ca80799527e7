"""What the library's weighers promise of themselves is true."""

import random
from importlib.metadata import entry_points
from types import SimpleNamespace

import numpy as np
import pytest
from oslo_config import cfg

from filtersched.columns.column import Column
from filtersched.engine.views import ColumnView
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState, Instance
from filtersched.plugins.plugin import declaration_of
from filtersched.plugins.request_reads import attributes_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.testing import prepared
from filtersched.weighers import BaseWeigher

WEIGHERS = sorted(
    (point.load() for point in entry_points(group="filtersched.weighers") if point.value.startswith("filtersched.")),
    key=lambda cls: cls.__name__,
)
OPTIONS = {
    "weight_setting": ["m=1"],
    "required": False,
    "image_props_weight_multiplier": 1.0,
    "capability_weight_setting": ["gpus=1", "region:eu=2"],
    "topology_spread_weight_multiplier": 1.0,
    "dedication_weight_multiplier": 1.0,
    "share_weight_multiplier": 1.0,
    "group_rules_weight_multiplier": 1.0,
    "wish_weight_multiplier": 1.0,
    "image_cache_weight_multiplier": 1.0,
    "previous_host_weight_multiplier": 1.0,
    "measured_load_weight_multiplier": 1.0,
    "measured_load_metric": "m",
    "weight_expression": "free_ram_mb / vcpus_total + capabilities['gpus']",
}
COLUMNAR = [weigher for weigher in WEIGHERS if weigher.columnar]


def made(weigher_class):
    weigher = weigher_class()
    defaults = {opt.dest: opt.default for opt in weigher_class.options}
    weigher.bind(defaults | {name: value for name, value in OPTIONS.items() if name in defaults})
    return weigher


def a_host(chance, name):
    uuids = chance.sample(["i1", "i2", "i3", "i4"], chance.randrange(4))
    return HostState(
        name,
        cell_uuid=chance.choice([None, "c1", "c2"]),
        free_ram_mb=chance.randrange(-4096, 65536),
        free_disk_mb=chance.randrange(-4096, 65536),
        vcpus_total=chance.randrange(64),
        vcpus_used=chance.randrange(64),
        cpu_allocation_ratio=chance.choice([None, 0.0, 1.0, 16.0]),
        num_instances=chance.randrange(8),
        num_io_ops=chance.randrange(8),
        failed_builds=chance.randrange(8),
        hypervisor_version=chance.choice([None, 5000000, 6000000]),
        instances={
            uuid: Instance(uuid, project_id=chance.choice("pq"), image_properties={"os": chance.choice("xy")})
            for uuid in uuids
        },
        metrics=chance.choice([{}, {"m": 3}]),
        metric_history=chance.choice([{}, {"m": [1, 3]}]),
        unmeasured_vcpus=chance.choice([0, 2]),
        images=chance.choice([{}, {"img": 5, "other": 7}]),
        capabilities=chance.choice([{}, {"gpus": 2}, {"region": "eu"}]),
        stats=chance.choice([{}, {"gpus": 2}, {"num_proj_p": 1}]),
        traits=chance.choice([[], ["HW_GPU_API_VULKAN"]]),
        pci_stats=chance.choice([None, [{"vendor_id": "8086", "product_id": "154c", "count": 3}]]),
        aggregates=[{"metadata": {"metrics_weight_multiplier": chance.choice(["0", "1"])}}],
    )


def a_spec(chance):
    return RequestSpec(
        flavor={
            "memory_mb": 512,
            "extra_specs": chance.choice([{}, {"gpus": "1"}, {"filtersched:dedicated": "strict"}]),
        },
        image=chance.choice([None, {"id": "img", "properties": {"os": "x"}}]),
        project_id=chance.choice([None, "p"]),
        instance_uuid=chance.choice([None, "i1"]),
        scheduler_hints=chance.choice([{}, {"prefer_host": ["h1", "capabilities.region:eu*2"], "avoid_host": "h2"}]),
        instance_group=chance.choice(
            [
                None,
                {"policy": "soft-affinity", "members": ["i1", "i2"]},
                {"policy": "soft-anti-affinity", "members": ["i3"], "rules": {"spread": "hypervisor_version"}},
            ]
        ),
        requested_destination=chance.choice([None, {"cell": "c1", "allow_cross_cell_move": True}]),
    )


@pytest.fixture
def cases():
    chance = random.Random(20260131)
    found = [(a_spec(chance), [a_host(chance, f"h{nr}") for nr in range(20)]) for _ in range(30)]
    return [(prepared(spec, hosts), hosts) for spec, hosts in found]


def test_all_of_them_are_looked_at():
    assert len(WEIGHERS) >= 15
    assert {weigher.__name__ for weigher in COLUMNAR} == {
        "BuildFailureWeigher",
        "CPUWeigher",
        "DedicationWeigher",
        "DiskWeigher",
        "ExpressionWeigher",
        "GroupRulesWeigher",
        "IoOpsWeigher",
        "NumInstancesWeigher",
        "PCIWeigher",
        "PlainInstanceWeigher",
        "ProjectSpreadWeigher",
        "RAMWeigher",
        "ServerGroupSoftAffinityWeigher",
        "ServerGroupSoftAntiAffinityWeigher",
        "ShareWeigher",
        "WishWeigher",
        "ImageCacheWeigher",
        "MeasuredLoadWeigher",
        "PreviousHostWeigher",
        "TopologySpreadWeigher",
    }


@pytest.mark.parametrize("weigher_class", WEIGHERS)
def test_each_is_declared_and_says_in_one_sentence_what_it_prefers(weigher_class):
    assert declaration_of(weigher_class) is not None
    first = weigher_class.__doc__.partition("\n")[0]
    assert first.startswith("Prefer ")
    assert issubclass(weigher_class, BaseWeigher)


@pytest.mark.parametrize("weigher_class", WEIGHERS)
def test_each_option_says_what_happens_at_zero_or_at_nothing(weigher_class):
    for opt in weigher_class.options:
        assert len(opt.help) > 60
        if isinstance(opt, cfg.FloatOpt) and opt.dest.endswith("multiplier"):
            assert " 0: " in opt.help or " 0 disables the weigher." in opt.help


@pytest.mark.parametrize("weigher_class", WEIGHERS)
def test_with_the_declared_attributes_alone_the_answer_is_the_same(weigher_class, cases):
    weigher = made(weigher_class)
    seen = set()
    for spec, hosts in cases:
        spec_view = SimpleNamespace(**{name: getattr(spec, name) for name in attributes_of(weigher_class.spec_reads)})
        reads = weigher.host_reads(spec_view) if callable(weigher.host_reads) else weigher.host_reads
        for host in hosts:
            names = [name for name in attributes_of(reads) if hasattr(host, name)]
            view = SimpleNamespace(**{name: getattr(host, name) for name in names})
            weight = weigher._weigh_object(host, spec)
            assert weigher._weigh_object(view, spec_view) == weight
            seen.add(weight)
    assert len(seen) > 1, "the hosts made here do not tell anything about this weigher"


@pytest.mark.parametrize("weigher_class", COLUMNAR)
@pytest.mark.parametrize("rows", [1, 20])
def test_a_column_gets_the_answers_of_its_hosts(weigher_class, rows, cases):
    weigher = made(weigher_class)
    for spec, every_host in cases:
        hosts = every_host[:rows]
        reads = weigher.host_reads(spec) if callable(weigher.host_reads) else weigher.host_reads
        answer = weigher._weigh_object(ColumnView("", reads, HostRows(hosts)), spec)
        values = np.broadcast_to(answer.values if isinstance(answer, Column) else answer, (rows,))
        assert list(values) == [weigher._weigh_object(host, spec) for host in hosts]


@pytest.mark.parametrize("weigher_class", WEIGHERS)
def test_host_and_request_come_back_unchanged(weigher_class, cases):
    weigher = made(weigher_class)
    for spec, hosts in cases:
        before = [host.to_dict() for host in hosts], spec.to_dict()
        for host in hosts:
            weigher._weigh_object(host, spec)
        assert ([host.to_dict() for host in hosts], spec.to_dict()) == before
