"""Filters and weighers written for Nova, of both eras, run with one import line changed."""

import importlib
import textwrap

import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.settings import make_conf

FIRST_FILTER_SCHEDULER = """
    from nova.scheduler import filters


    class QuietNeighbourFilter(filters.BaseHostFilter):

        def host_passes(self, host_state, filter_properties):
            instance_type = filter_properties['instance_type']
            hints = filter_properties.get('scheduler_hints') or {}
            context = filter_properties['context']
            properties = filter_properties['request_spec']['instance_properties']
            if hints.get('quiet') != 'yes' or context.is_admin:
                return True
            if properties.get('project_id') in host_state.capabilities.get('noisy', ()):
                return False
            specs = instance_type.get('extra_specs', {})
            if 'cpus' in specs and host_state.vcpus_total < int(specs['cpus']):
                return False
            return host_state.free_ram_mb >= 2 * instance_type['memory_mb']
"""

TODAY = """
    from nova.scheduler import filters


    class RackFilter(filters.BaseHostFilter):

        run_filter_once_per_request = True
        RUN_ON_REBUILD = False

        def host_passes(self, host_state, spec_obj):
            wanted = spec_obj.flavor.extra_specs.get('acme:rack')
            if 'extra_specs' not in spec_obj.flavor or not wanted:
                return True
            if spec_obj.image and spec_obj.image.properties.get('any_rack'):
                return True
            avoid = spec_obj.get_scheduler_hint('avoid_rack', '')
            racks = {agg.metadata['rack'] for agg in host_state.aggregates if 'rack' in agg.metadata}
            group = spec_obj.instance_group
            if group and group.policy == 'anti-affinity' and host_state.host in group.hosts:
                return False
            return wanted in racks and avoid not in racks
"""

WEIGHERS = """
    from nova.scheduler import weights


    class TodayWeigher(weights.BaseHostWeigher):

        minval = 0

        def weight_multiplier(self, host_state):
            return 2.0

        def _weigh_object(self, host_state, weight_properties):
            return host_state.free_ram_mb


    class KiloWeigher(TodayWeigher):

        def weight_multiplier(self):
            return -1.0


    class GrizzlyWeigher(weights.BaseHostWeigher):

        def _weight_multiplier(self):
            return -1.0

        def _weigh_object(self, host_state, weight_properties):
            return host_state.free_ram_mb


    class WholeListWeigher(weights.BaseHostWeigher):

        def weigh_objects(self, weighed_obj_list, weight_properties):
            return [float(weighed.obj.host == weight_properties.get_scheduler_hint('like'))
                    for weighed in weighed_obj_list]
"""

IMPORTS = {"filters": "filters", "weights": "weighers as weights"}


@pytest.fixture
def ported(tmp_path, monkeypatch):
    """Write a plug-in's source to a module that can be imported, its one import of Nova changed."""

    def port(name, source):
        changed = textwrap.dedent(source)
        for theirs, ours in IMPORTS.items():
            changed = changed.replace(f"from nova.scheduler import {theirs}", f"from filtersched import {ours}")
        assert changed.count("from filtersched import") == 1
        assert "nova" not in changed
        (tmp_path / f"{name}.py").write_text(changed)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(importlib.sys.modules, name, raising=False)
        return name

    return port


def chosen(spec, hosts, **options):
    scheduler = FilterScheduler(make_conf(**{"scheduler_weight_classes": []} | options))
    return [selection.host for selection in scheduler.select_destinations(spec, hosts)]


def test_a_filter_of_the_first_filter_scheduler_runs_on_its_filter_properties(ported):
    path = ported("essex_plugins", FIRST_FILTER_SCHEDULER) + ".QuietNeighbourFilter"
    options = {"scheduler_available_filters": [path], "scheduler_default_filters": ["QuietNeighbourFilter"]}
    hosts = [
        HostState("noisy", free_ram_mb=9999, vcpus_total=8, capabilities={"noisy": ["p1"]}),
        HostState("small", free_ram_mb=2047, vcpus_total=8),
        HostState("narrow", free_ram_mb=9999, vcpus_total=3),
        HostState("good", free_ram_mb=2048, vcpus_total=8),
    ]
    properties = {
        "instance_type": {"memory_mb": 1024, "extra_specs": {"cpus": "4"}},
        "scheduler_hints": {"quiet": "yes"},
        "request_spec": {"num_instances": 1, "instance_properties": {"project_id": "p1"}},
    }
    assert chosen(RequestSpec.from_filter_properties(properties), hosts, **options) == ["good"]
    del properties["scheduler_hints"]
    assert chosen(RequestSpec.from_filter_properties(properties), hosts, **options) == ["noisy"]


def test_a_filter_of_the_first_filter_scheduler_runs_on_a_request_of_today(ported):
    path = ported("essex_plugins_too", FIRST_FILTER_SCHEDULER) + ".QuietNeighbourFilter"
    spec = RequestSpec({"memory_mb": 1024}, project_id="p1", scheduler_hints={"quiet": ["yes"]}, num_instances=2)
    hosts = [HostState("small", free_ram_mb=2047), HostState("good", free_ram_mb=3072)]
    options = {"scheduler_available_filters": [path], "scheduler_default_filters": ["QuietNeighbourFilter"]}
    assert chosen(spec, hosts, **options) == ["good", "good"]
    spec.num_instances = 3
    with pytest.raises(NoValidHost) as caught:
        chosen(spec, hosts, **options)
    assert caught.value.index == 2


@pytest.mark.parametrize(
    ("request_of_today", "expected"),
    [
        ({}, "r1"),
        ({"flavor": {"extra_specs": {"acme:rack": "2"}}}, "r2"),
        ({"flavor": {"extra_specs": {"acme:rack": "2"}}, "image": {"properties": {"any_rack": "1"}}}, "r1"),
        ({"flavor": {"extra_specs": {"acme:rack": "2"}}, "scheduler_hints": {"avoid_rack": ["3"]}}, "r2"),
        ({"flavor": {"extra_specs": {"acme:rack": "2"}}, "scheduler_hints": {"avoid_rack": "2"}}, None),
        (
            {
                "flavor": {"extra_specs": {"acme:rack": "2"}},
                "instance_group": {"policy": "anti-affinity", "hosts": ["r2"]},
            },
            "r22",
        ),
    ],
)
def test_a_filter_of_today_runs_on_the_attributes_of_a_request(ported, request_of_today, expected):
    path = ported("modern_plugins", TODAY) + ".RackFilter"
    hosts = [
        HostState("r1", aggregates=[{"metadata": {"rack": "1"}}]),
        HostState("r2", aggregates=[{"metadata": {"rack": "2"}}]),
        HostState("r22", aggregates=[{"metadata": {"rack": "2"}}, {"metadata": {"ssd": "1"}}]),
    ]
    options = {"scheduler_available_filters": [path], "scheduler_default_filters": ["RackFilter"]}
    if expected is None:
        with pytest.raises(NoValidHost):
            chosen(RequestSpec(**request_of_today), hosts, **options)
    else:
        assert chosen(RequestSpec(**request_of_today), hosts, **options) == [expected]


@pytest.mark.parametrize(
    ("weigher", "expected"),
    [("TodayWeigher", "large"), ("KiloWeigher", "small"), ("GrizzlyWeigher", "small"), ("WholeListWeigher", "small")],
)
def test_a_weigher_of_any_age_runs_with_the_multiplier_it_had(ported, weigher, expected):
    path = ported("old_weighers", WEIGHERS) + f".{weigher}"
    hosts = [HostState("middle", free_ram_mb=2), HostState("large", free_ram_mb=4), HostState("small", free_ram_mb=1)]
    spec = RequestSpec(scheduler_hints={"like": "small"})
    options = {"scheduler_default_filters": [], "scheduler_weight_classes": [path]}
    assert chosen(spec, hosts, **options) == [expected]
