"""Expressions: what the grammar means for one host, what it refuses, and its bounds."""

from __future__ import annotations

import pytest

from filtersched import Flavor, HostState, RequestSpec
from filtersched.plugins.expression_nodes import BadExpression
from filtersched.plugins.expressions import parse

HOST = HostState(
    "cmp1",
    total_usable_ram_mb=1000,
    free_ram_mb=250,
    vcpus_total=8,
    vcpus_used=6,
    hypervisor_type="QEMU",
    traits=["HW_GPU", "SSD"],
    metrics={"net.load": 0.5},
    capabilities={"rack": "r1", "slots": 4, "on": True},
)
SPEC = RequestSpec(
    Flavor(vcpus=2, memory_mb=100, extra_specs={"gold": "yes"}),
    project_id="p1",
    scheduler_hints={"near": ["r1"]},
    image={"properties": {"os": "linux"}},
)


def value(text):
    return parse(text).weight(HOST, SPEC)


def holds(text, unknown=False):
    return parse(text).holds(HOST, SPEC, unknown=unknown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("free_ram_mb / total_usable_ram_mb", 0.25),
        ("0.7 * (vcpus_total - vcpus_used) / vcpus_total - 0.3 * metrics['net.load']", 0.7 * 2 / 8 - 0.3 * 0.5),
        ("2 + 3 * 4", 14.0),
        ("-vcpus_used + +1", -5.0),
        ("7 // 2 + 7 % 4", 6.0),
        ("min(vcpus_total, 3, 9) + max(1, 2) + abs(-4)", 9.0),
        ("vcpus_total > 4", 1.0),
        ("capabilities['slots'] * request.vcpus", 8.0),
        ("capabilities['on'] + 1", 2.0),
    ],
)
def test_numbers_are_worked_out_with_pythons_precedence(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "free_ram_mb / total_usable_ram_mb > 0.1 and num_io_ops < 4",
        "not vcpus_used > 6 and (1 > 2 or vcpus_total == 8)",
        "0 < vcpus_used < vcpus_total <= 8",
        "hypervisor_type == 'QEMU' and hypervisor_type != 'xen'",
        "'HW_GPU' in traits and 'FPGA' not in traits",
        "'rack' in capabilities and capabilities['rack'] in ('r1', 'r2')",
        "'EM' in hypervisor_type",
        "request.project_id == 'p1' and request.extra_specs['gold'] == 'yes'",
        "request.scheduler_hints['near'] == capabilities['rack']",
        "request.image_properties['os'] in ['linux']",
        "vcpus_total in (-8, 8)",
        "traits",
        "host not in ('cmp2',)",
    ],
)
def test_conditions_hold_as_in_python(text):
    assert holds(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "metrics['none'] > 0",
        "1 / num_io_ops > 0",
        "vcpus_total % 0 == 0",
        "hypervisor_type > 3",
        "hypervisor_type + 1 > 0",
        "cpu_allocation_ratio > 0",
        "not metrics['none'] > 0",
        "1e99 * 1e99 * 1e99 * 1e99 > 0",
        "3 in vcpus_total",
        "stats['a'] == 'x'",
        "metrics['none'] > 0 or True",
    ],
)
def test_without_a_value_the_answer_is_the_one_for_unknown(text):
    assert (holds(text), holds(text, unknown=True), value(text)) == (False, True, 0.0)


def test_what_is_decided_before_an_unknown_part_is_decided():
    assert holds("True or metrics['none'] > 0")
    assert not holds("False and metrics['none'] > 0", unknown=True)
    assert not holds("9 < vcpus_used < metrics['none']", unknown=True)


def test_parts_without_a_value_are_named():
    found = parse("metrics['a'] > stats['b'] + free_ram_mb").unknowns(HOST, SPEC)
    assert found == ["metrics['a']", "stats['b']"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("free_ram > 1", "names 'free_ram', which hosts do not have. Did you mean 'free_ram_mb'"),
        ("memory_mb > 1", "Did you mean 'request.memory_mb'?"),
        ("request.memory > 1", "which requests do not have. Did you mean 'memory_mb'"),
        ("request.extra_specs == 'x'", "write request.extra_specs['key']"),
        ("request.vcpus['a']", "it has no items"),
        ("host.free_ram_mb", "only 'request' has attributes"),
        ("metrics[0]", "a key is text in quotes"),
        ("maxi(1, 2)", "which is no function. Did you mean 'max'"),
        ("abs(1, 2)", "abs with 2 values, it takes 1"),
        ("max(1)", "max with 1 values, it takes 2 or more"),
        ("max(1, key=2)", "it takes 2 or more"),
        ("1 +", "cannot be read: invalid syntax"),
        ("", "cannot be read"),
        ("a = 1", "cannot be read"),
        ("2 ** 9", "allowed are names"),
        ("1 if True else 2", "allowed are names"),
        ("[one for one in traits]", "allowed are names"),
        ("lambda: 1", "allowed are names"),
        ("__import__('os')", "no function"),
        ("().__class__", "only 'request' has attributes"),
        ("None", "constants are numbers"),
        ("1e200", "too large"),
        ("b'x'", "constants are numbers"),
        ("vcpus_total in (1, vcpus_used)", "a list with something else"),
        ("'a\\x41' == host", "a backslash"),
        ("x" * 1001, "1001 characters, at most 1000"),
        ("+".join(["1"] * 60), "nested more than 50 deep"),
        ("(" * 300 + "1" + ")" * 300, "cannot be read"),
        ("-" * 400 + "1", "nested more than 50 deep"),
        ("a" + ".a" * 400, "nested too deeply"),
        ("1\x00", "cannot be read"),
    ],
)
def test_what_the_grammar_lacks_is_an_error_that_says_it(text, said):
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert said in str(caught.value)


def test_long_chain_of_conditions_is_one_level():
    assert holds(" and ".join(["vcpus_total > 1"] * 50))


def test_lines_may_be_broken():
    assert holds("vcpus_total > 1\n and vcpus_used > 1\n")


class PowerHost(HostState):
    """A host that declares a number."""

    power_w: float = 0.0


def test_attributes_of_a_class_of_your_own_are_names():
    host = PowerHost("a", power_w=5.0)
    assert parse("power_w < 6").holds(host, SPEC, unknown=False)
    assert not parse("power_w < 6").holds(HOST, SPEC, unknown=False)
