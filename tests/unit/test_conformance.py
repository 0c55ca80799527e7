"""Every installed filter and weigher of ours keeps the rules that `filtersched.testing` checks."""

from importlib.metadata import entry_points

import pytest

from filtersched.hosts.cpu_features import CpuFeatures
from filtersched.plugins.configurable import declared_options
from filtersched.testing import (
    SameAnswerWarning,
    check_filter,
    check_weigher,
    make_spec,
    prepared,
    sample_hosts,
    sample_specs,
)


def installed(group):
    points = [point for point in entry_points(group=group) if point.value.startswith("filtersched.")]
    return {point.name: point.load() for point in sorted(points)}


FILTERS = installed("filtersched.filters")
WEIGHERS = installed("filtersched.weighers")

# Settings under which a plug-in that does nothing by default has something to do.
SETTINGS = {
    "IsolatedHostsFilter": {"isolated_hosts": ["host-4", "host-5"], "isolated_images": ["image-1"]},
    "CapabilityWeigher": {"capability_weight_setting": ["load=1.0"]},
    "MetricsFilter": {"weight_setting": ["cpu.percent=-1.0"]},
    "MetricsWeigher": {"weight_setting": ["cpu.percent=-1.0"], "required": False},
    "ImagePropertiesFilter": {"image_properties_default_architecture": "x86_64"},
    "ImagePropertiesWeigher": {"image_props_weight_multiplier": 1.0},
    "AggregateImagePropertiesIsolation": {
        "aggregate_image_properties_isolation_namespace": "os",
        "aggregate_image_properties_isolation_separator": "_",
    },
    "DedicationWeigher": {"dedication_weight_multiplier": 1.0},
    "PrefilterFilter": {
        "enable_isolated_aggregate_filtering": True,
        "image_metadata_prefilter": True,
        "compute_status_prefilter": True,
    },
    "GroupRulesFilter": {"group_rules_missing_domain": "own"},
    "GroupRulesWeigher": {"group_rules_weight_multiplier": 1.0},
    "ShareWeigher": {"share_weight_multiplier": 1.0},
    "WishWeigher": {"wish_weight_multiplier": 1.0},
    "ImageCacheWeigher": {"image_cache_weight_multiplier": 1.0},
    "MeasuredLoadWeigher": {"measured_load_weight_multiplier": 1.0},
    "PreviousHostWeigher": {"previous_host_weight_multiplier": 1.0},
    "ExpressionFilter": {"filter_expression": "free_ram_mb / total_usable_ram_mb > 0.5 or 'HW_GPU' in traits"},
    "ExpressionWeigher": {"weight_expression": "free_ram_mb / total_usable_ram_mb - metrics['cpu.percent']"},
}

_TOGETHER = {
    "uuid": "g",
    "members": ["instance-1", "instance-2"],
    "rules": {"together": "zone", "apart_from": "g"},
}


def moving(features):
    """A request whose instance moves from a CPU with these features."""
    spec = make_spec(instance_uuid="instance-1")
    spec.__dict__["_source_cpus"] = {"instance-1": CpuFeatures("", frozenset(features))}
    return spec


# Requests that make a difference to a plug-in for which the samples make none.
REQUESTS = {
    "DedicationFilter": [make_spec(extra_specs={"filtersched:dedicated": "strict"}, project_id="p1")],
    "DedicationWeigher": [make_spec(extra_specs={"filtersched:dedicated": "preferred"}, project_id="p1")],
    "GroupRulesFilter": [make_spec(instance_group=_TOGETHER)],
    "MigrationCompatibilityFilter": [moving(["avx"]), moving(["avx512f"])],
    "ProvidersFilter": [make_spec(extra_specs={"resources1:VGPU": "3", "resources2:VGPU": "1"})],
    "NUMATopologyFilter": [make_spec(extra_specs={"hw:numa_nodes": "1"})],
    "WishWeigher": [make_spec(scheduler_hints={"prefer_host": ["zone:z1", "stats.load:1"], "avoid_host": "host-4"})],
    "PciPassthroughFilter": [make_spec(pci_requests=[{"count": 1, "spec": [{"vendor_id": "8086"}]}])],
}

# Answers the same for every host, under its default options.
DOES_NOTHING = (
    *("AllHostsFilter", "ExpressionFilter", "IsolatedHostsFilter", "MetricsFilter"),
    *("CapabilityWeigher", "DedicationWeigher", "ExpressionWeigher", "ImagePropertiesWeigher", "MetricsWeigher"),
    *("GroupRulesWeigher", "ImageCacheWeigher", "PrefilterFilter", "PreviousHostWeigher", "ShareWeigher"),
    *("WishWeigher", "MeasuredLoadWeigher"),
)


def bound(plugin_class, settings):
    plugin = plugin_class()
    options = {opt.dest: opt.default for _group, opt in declared_options(plugin_class)}
    assert settings.keys() <= options.keys()
    plugin.bind(options | settings)
    return plugin


@pytest.mark.parametrize("name", sorted(set(FILTERS) - set(DOES_NOTHING)))
def test_filter_keeps_the_rules(name):
    check_filter(FILTERS[name], None, [*sample_specs(), *REQUESTS.get(name, ())])


@pytest.mark.parametrize("name", sorted(set(WEIGHERS) - set(DOES_NOTHING)))
def test_weigher_keeps_the_rules(name):
    check_weigher(WEIGHERS[name])


@pytest.mark.parametrize("name", DOES_NOTHING)
def test_plugin_that_does_nothing_keeps_the_rules_with_a_warning(name):
    with pytest.warns(SameAnswerWarning, match=f"{name} gave 3. hosts the same answer"):
        check_filter(FILTERS[name]) if name in FILTERS else check_weigher(WEIGHERS[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_plugin_keeps_the_rules_when_it_has_something_to_do(name):
    check, plugins = (check_filter, FILTERS) if name in FILTERS else (check_weigher, WEIGHERS)
    check(bound(plugins[name], SETTINGS[name]), sample_hosts(), [*sample_specs(), *REQUESTS.get(name, ())])


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"AllHostsFilter"}))
def test_samples_make_a_filter_refuse_and_pass_and_give_its_reasons(name):
    rule = bound(FILTERS[name], SETTINGS.get(name, {}))
    verdicts, reasons = set(), set()
    hosts = sample_hosts()
    for spec in (prepared(spec, hosts) for spec in [*sample_specs(), *REQUESTS.get(name, ())]):
        for host in hosts:
            passes = bool(rule.host_passes(host, spec))
            verdicts.add(passes)
            if not passes:
                reasons.add(rule.rejection_reason(host, spec))
    assert verdicts == {True, False}
    assert None not in reasons


@pytest.mark.parametrize("name", sorted(FILTERS | WEIGHERS))
def test_description_begins_with_one_sentence_that_says_what_it_does(name):
    first = (FILTERS | WEIGHERS)[name].__doc__.split("\n\n")[0]
    assert first.endswith(".")
    assert first.split()[0] in {"Refuse", "Keep", "Pass", "Prefer", "Spread", "Avoid", "Let", "Place"}


@pytest.mark.parametrize("name", sorted(FILTERS | WEIGHERS))
def test_every_option_says_what_its_values_do(name):
    for _group, option in declared_options((FILTERS | WEIGHERS)[name]):
        assert len(option.help) > 40, option.name
