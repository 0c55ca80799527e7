"""Columnar filters say the same of many hosts at once as of one after another."""

import importlib
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched.columns.column import Column, NotVectorizable
from filtersched.engine.views import ColumnView, spec_view
from filtersched.filters.compute_filter import ComputeFilter
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.loading import describe_plugins
from filtersched.plugins.configurable import declared_options
from filtersched.plugins.plugin import declaration_of, overrides_of
from filtersched.requests.request_spec import RequestSpec

COLUMNAR = [
    getattr(importlib.import_module(module), name)
    for one in describe_plugins()
    for module, _colon, name in [one.target.partition(":")]
    if one.kind == "filter" and module.startswith("filtersched.") and one.declaration and one.declaration.columnar
]
NOW = datetime(2026, 1, 31, 12, 0, 0)
RATIOS = st.sampled_from([None, 0.0, 0.3, 1.0, 1.5])
KEYS = sorted({override.key for each in COLUMNAR for override in overrides_of(each).values()})
METADATA = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["0.5", "1", "2", "x"]))
AGGREGATES = st.lists(st.fixed_dictionaries({"metadata": METADATA}), max_size=2)
SERVICES = st.fixed_dictionaries(
    {},
    optional={
        "disabled": st.booleans(),
        "updated_at": st.sampled_from([0, 60, 60.000001, -61]).map(lambda age: NOW - timedelta(seconds=age)),
    },
)
HOSTS = st.fixed_dictionaries(
    {
        "topic": st.sampled_from(["compute", "volume"]),
        "total_usable_ram_mb": st.integers(0, 4),
        "free_ram_mb": st.integers(-3, 4),
        "ram_allocation_ratio": RATIOS,
        "total_usable_disk_gb": st.integers(0, 2),
        "free_disk_mb": st.sampled_from([-1024, 0, 1023, 1024, 2048]),
        "disk_allocation_ratio": RATIOS,
        "vcpus_total": st.sampled_from([None, 0, 1, 2, 4]),
        "vcpus_used": st.integers(0, 4),
        "cpu_allocation_ratio": RATIOS,
        "num_instances": st.integers(0, 3),
        "num_io_ops": st.integers(0, 3),
        "instances": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
        "aggregates": AGGREGATES,
        "service": SERVICES,
        "capabilities": st.sampled_from([{}, {"enabled": False}, {"gpu": "1"}, {"gpu": "4", "enabled": True}]),
    }
)
UUIDS = st.lists(st.sampled_from(["a", "b", "x"]), max_size=2)
REQUESTS = st.builds(
    lambda sizes, gpu, image, different, same: RequestSpec(
        {**sizes, "extra_specs": gpu},
        image=image,
        scheduler_hints={"different_host": different, "same_host": same},
        now=NOW,
    ),
    st.fixed_dictionaries(
        {name: st.integers(0, 3) for name in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap")}
    ),
    st.sampled_from([{}, {"gpu": ">= 2"}, {"capabilities:gpu": "1"}, {"hw:gpu": "9"}]),
    st.sampled_from([None, {"id": "secret"}, {"id": "public"}]),
    UUIDS,
    UUIDS,
)
OPTIONS = {
    "ram_allocation_ratio": 1.25,
    "cpu_allocation_ratio": 2.0,
    "disk_allocation_ratio": 1.0,
    "max_instances_per_host": 2,
    "max_io_ops_per_host": 2,
    "service_down_time": 60,
    "isolated_images": ["secret"],
    "isolated_hosts": ["cmp0", "cmp2"],
    "restrict_isolated_hosts_to_isolated_images": True,
}


def bound(filter_class, **options):
    made = filter_class()
    defaults = {opt.dest: opt.default for _group, opt in declared_options(filter_class)}
    made.bind(defaults | OPTIONS | options)
    return made


def verdicts_of_columns(plugin, hosts, spec):
    declared = declaration_of(type(plugin))
    reads = declared.host_reads(plugin, spec) if callable(declared.host_reads) else declared.host_reads
    columns = ColumnView(type(plugin).__name__, reads, HostRows(hosts))
    verdict = plugin.host_passes(columns, spec_view(type(plugin).__name__, declared.spec_reads)(spec))
    return verdict.values.tolist() if isinstance(verdict, Column) else [bool(verdict)] * len(hosts)


@pytest.mark.parametrize("filter_class", COLUMNAR, ids=lambda filter_class: filter_class.__name__)
@settings(max_examples=50)
@given(facts=st.lists(HOSTS, min_size=1, max_size=4), spec=REQUESTS, restrict=st.booleans())
def test_columns_and_single_hosts_get_the_same_verdict(filter_class, facts, spec, restrict):
    hosts = [HostState(f"cmp{n}", **each) for n, each in enumerate(facts)]
    plugin = bound(filter_class, restrict_isolated_hosts_to_isolated_images=restrict)
    assert verdicts_of_columns(plugin, hosts, spec) == [bool(plugin.host_passes(host, spec)) for host in hosts]


@pytest.mark.parametrize("filter_class", COLUMNAR, ids=lambda filter_class: filter_class.__name__)
@settings(max_examples=50)
@given(facts=HOSTS, spec=REQUESTS)
def test_a_refusal_can_be_explained_and_leaves_host_and_request_alone(filter_class, facts, spec):
    host = HostState("cmp0", **facts)
    before = host.to_dict(), spec.to_dict()
    plugin = bound(filter_class)
    if not plugin.host_passes(host, spec):
        assert str(plugin.rejection_reason(host, spec)) not in ("", "None")
    plugin.limits(host, spec)
    assert (host.to_dict(), spec.to_dict()) == before


def test_a_capability_that_cannot_be_compared_is_left_to_the_hosts_in_play():
    hosts = [HostState("cmp0", capabilities={"gpu": "plenty"}), HostState("cmp1", capabilities={"gpu": "1"})]
    with pytest.raises(NotVectorizable):
        verdicts_of_columns(bound(ComputeFilter), hosts, RequestSpec({"extra_specs": {"gpu": ">= 1"}}))
