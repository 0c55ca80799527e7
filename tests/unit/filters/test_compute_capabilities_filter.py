import json

import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.compute_capabilities_filter import ComputeCapabilitiesFilter


def passes(host, extra_specs):
    return ComputeCapabilitiesFilter().host_passes(host, RequestSpec(flavor={"extra_specs": extra_specs}))


def host(**attributes):
    return HostState("cmp1", **attributes)


def test_flavor_without_extra_specs_passes():
    assert passes(host(), {})


@pytest.mark.parametrize(
    ("stats", "extra_specs", "expected"),
    [
        ({"opt1": 1}, {"opt1": "1"}, True),
        ({"opt1": 1}, {"opt1": "2"}, False),
        ({"opt1": 1, "opt2": 2}, {"opt1": "1", "opt2": "2"}, True),
        ({"opt1": 1, "opt2": 2}, {"opt1": "1", "opt2": "3"}, False),
        ({"opt1": 1}, {"capabilities:opt1": "1"}, True),
        ({"opt1": "10"}, {"opt1": ">= 10"}, True),
        ({"opt1": "9"}, {"opt1": ">= 10"}, False),
        ({"opt1": "kvm"}, {"opt1": "<or> xen <or> kvm"}, True),
    ],
)
def test_statistic_is_compared_as_text_by_the_operators_of_extra_specs(stats, extra_specs, expected):
    assert passes(host(stats=stats), extra_specs) is expected


def test_statistic_that_is_a_number_is_not_told_from_the_same_text():
    assert passes(host(stats={"opt1": 1}), {"opt1": "1"})
    assert passes(host(stats={"opt1": "1"}), {"opt1": "1"})


@pytest.mark.parametrize(("free", "expected"), [(299, False), (300, True), (301, True)])
def test_bare_name_of_an_attribute_is_judged(free, expected):
    assert passes(host(free_ram_mb=free), {"free_ram_mb": ">= 300"}) is expected


def test_bare_name_that_is_neither_attribute_nor_statistic_is_ignored():
    assert passes(host(), {"colour": "green"})


def test_scoped_name_that_is_neither_attribute_nor_statistic_refuses():
    assert not passes(host(), {"capabilities:colour": "green"})


@pytest.mark.parametrize("key", ["quota:cpu_shares", "trait:HW_GPU", "aggregate_instance_extra_specs:opt1", ":opt1"])
def test_other_scopes_are_ignored(key):
    assert passes(host(stats={"opt1": 1}), {key: "nothing has this"})


def test_attribute_that_is_none_gives_way_to_the_statistic_of_its_name():
    assert passes(host(hypervisor_type=None, stats={"hypervisor_type": "kvm"}), {"hypervisor_type": "kvm"})


def test_attribute_wins_over_the_statistic_of_its_name():
    both = host(hypervisor_type="xen", stats={"hypervisor_type": "kvm"})
    assert passes(both, {"hypervisor_type": "xen"})
    assert not passes(both, {"hypervisor_type": "kvm"})


def test_bare_name_of_an_attribute_that_is_none_without_a_statistic_refuses():
    assert not passes(host(), {"hypervisor_type": "kvm"})


CPU = {"vendor": "Intel", "topology": {"cores": 4}, "features": ["sse", "avx"]}


@pytest.mark.parametrize("cpu_info", [CPU, json.dumps(CPU)], ids=["a mapping", "JSON text"])
@pytest.mark.parametrize(
    ("key", "req", "expected"),
    [
        ("capabilities:cpu_info:vendor", "Intel", True),
        ("capabilities:cpu_info:vendor", "AMD", False),
        ("capabilities:cpu_info:topology:cores", ">= 4", True),
        ("capabilities:cpu_info:topology:cores", ">= 5", False),
        ("capabilities:cpu_info:features", "<in> avx", True),
        ("capabilities:cpu_info:features", "['sse', 'avx']", True),
        ("capabilities:cpu_info:topology:threads", "1", False),
        ("capabilities:cpu_info:vendor:name", "Intel", False),
    ],
)
def test_path_walks_mappings_and_json_text(cpu_info, key, req, expected):
    assert passes(host(cpu_info=cpu_info), {key: req}) is expected


@pytest.mark.parametrize("text", ["", "{", "not json", "[" * 100_000], ids=["empty", "cut", "words", "deep"])
def test_text_that_is_no_json_refuses_where_a_path_goes_on(text):
    assert not passes(host(cpu_info=text), {"capabilities:cpu_info:vendor": "Intel"})


def test_whole_text_of_an_attribute_is_compared():
    assert passes(host(cpu_info="vendor=Intel"), {"capabilities:cpu_info": "vendor=Intel"})
    assert not passes(host(cpu_info="vendor=Intel"), {"capabilities:cpu_info": ""})


@pytest.mark.parametrize("found", [[1, 2], 7, None, True], ids=repr)
def test_path_through_something_without_names_refuses(found):
    assert not passes(host(stats={"opt1": found}), {"capabilities:opt1:x": "7"})


@pytest.mark.parametrize("key", ["capabilities:", "capabilities::", "capabilities:stats:", "capabilities:stats::x"])
def test_path_with_an_empty_name_refuses(key):
    assert not passes(host(stats={"opt1": "1"}), {key: "1"})


def test_capabilities_is_an_attribute_like_any_other():
    announced = host(capabilities={"gpu": "yes"})
    assert passes(announced, {"capabilities:capabilities:gpu": "yes"})
    assert passes(announced, {"capabilities": "<in> gpu"})
    assert not passes(announced, {"capabilities:gpu": "yes"})


def test_attribute_that_a_plugin_added_is_judged():
    rack = host()
    rack.rack = "r12"
    assert passes(rack, {"rack": "r12"})
    assert not passes(rack, {"rack": "r13"})


@pytest.mark.parametrize(("bits", "expected"), [(45, False), (46, True), (47, True)])
def test_address_width_asked_by_hw_is_at_least(bits, expected):
    assert passes(host(cpu_info={"maxphysaddr": {"bits": bits}}), {"hw:maxphysaddr_bits": "46"}) is expected


def test_address_width_that_the_host_does_not_tell_refuses():
    assert not passes(host(cpu_info={}), {"hw:maxphysaddr_bits": "46"})


def test_number_compared_with_a_word_is_an_invalid_request():
    with pytest.raises(ValueError, match=">= 300"):
        passes(host(stats={"opt1": "many"}), {"opt1": ">= 300"})


@pytest.mark.parametrize("name", ["copy", "consume_from_request", "_owner", "__dict__", "__class__", "limits"])
def test_methods_private_names_and_limits_are_no_attributes(name):
    assert passes(host(), {name: "x"})
    assert not passes(host(), {f"capabilities:{name}": "<in> o"})


def test_name_with_a_dot_is_a_statistic_and_never_a_path_through_attributes():
    assert passes(host(free_ram_mb=300), {"free_ram_mb.real": "1"})
    assert not passes(host(stats={"cpu.percent": 90}), {"cpu.percent": "<= 80"})


def test_reads_are_the_beginnings_of_the_paths_and_the_statistics():
    asked = {"free_ram_mb": ">= 1", "capabilities:cpu_info:vendor": "x", "capabilities:_owner": "x", "hw:numa": "1"}
    spec = RequestSpec(flavor={"extra_specs": asked})
    assert ComputeCapabilitiesFilter().host_reads(spec) == ("free_ram_mb", "cpu_info", "stats")
    assert ComputeCapabilitiesFilter().host_reads(RequestSpec()) == ()


def test_is_asked_for_the_first_instance_only_and_not_on_a_rebuild():
    rule = ComputeCapabilitiesFilter()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert not rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


@pytest.mark.parametrize(
    ("attributes", "extra_specs", "said"),
    [
        ({"free_ram_mb": 200}, {"free_ram_mb": ">= 300"}, "free_ram_mb is '200', the flavor asks '>= 300'"),
        ({}, {"capabilities:cpu_info:vendor": "x"}, "cpu_info:vendor is not known, the flavor asks 'x'"),
        ({"free_ram_mb": 300}, {"free_ram_mb": ">= 300"}, None),
    ],
)
def test_reason_says_what_is_asked_and_what_there_is(attributes, extra_specs, said):
    spec = RequestSpec(flavor={"extra_specs": extra_specs})
    assert ComputeCapabilitiesFilter().rejection_reason(host(**attributes), spec) == said
