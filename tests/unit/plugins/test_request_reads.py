"""Declared reads down to the keys."""

from __future__ import annotations

import pytest

from filtersched import BaseHostFilter, ConfigurationError, FilterScheduler, HostState, RequestSpec, make_conf
from filtersched.plugins.plugin import declaration_of, meets_of
from filtersched.plugins.request_reads import attributes_of, covers


@pytest.mark.parametrize(
    ("declared", "field", "meant"),
    [
        ("vcpus", "vcpus", True),
        ("vcpus", "memory_mb", False),
        ("extra_specs", "extra_specs.trait:X", True),
        ("extra_specs.*", "extra_specs.ssd", True),
        ("extra_specs.*", "extra_specs.trait:X", False),
        ("extra_specs.trait*:*", "extra_specs.trait1:X", True),
        ("extra_specs.trait*:*", "extra_specs.resources:X", False),
        ("extra_specs.acme:*", "extra_specs.acme:rack:row", True),
        ("extra_specs.a.b", "extra_specs.axb", False),
        ("scheduler_hints.group", "scheduler_hints.group", True),
        ("scheduler_hints.group", "scheduler_hints.groups", False),
        ("resources", "extra_specs.resources1:VGPU", True),
        ("resources.VGPU", "extra_specs.resources:FPGA", False),
        ("flavor", "swap", True),
        ("flavor", "extra_specs.a:b", True),
        ("flavor.vcpus", "vcpus", True),
        ("flavor.extra_specs.a:b", "extra_specs.a:b", True),
        ("flavor.name", "vcpus", False),
        ("image", "image.properties.os", True),
        ("image.properties", "image.properties.os", True),
        ("image.id", "image.properties.os", False),
        ("instance_group.affinity", "instance_group.anti-affinity", False),
    ],
)
def test_declared_name_means_its_own_fields_only(declared, field, meant):
    assert covers(declared, field) is meant


def test_attributes_are_those_before_the_dots_each_once():
    assert attributes_of(["extra_specs.a:*", "now", "extra_specs.b"]) == ("extra_specs", "now")


class RackFilter(BaseHostFilter):
    """Refuse hosts outside the rack that the hint names."""

    host_reads = ("capabilities.rack",)
    spec_reads = ("scheduler_hints.rack",)

    def host_passes(self, host_state, spec):
        wanted = spec.scheduler_hints.get("rack")
        return wanted is None or host_state.capabilities.get("rack") in wanted


@pytest.mark.parametrize("use_engine", [True, False])
def test_plugin_that_declares_keys_decides_the_same_on_both_paths(use_engine, monkeypatch):
    monkeypatch.setattr("filtersched.testing.RackFilter", RackFilter, raising=False)
    monkeypatch.setattr(RackFilter, "__module__", "filtersched.testing")
    conf = make_conf(available_filters="filtersched.testing.RackFilter", enabled_filters="RackFilter")
    scheduler = FilterScheduler(conf, use_engine=use_engine)
    hosts = [HostState("a", capabilities={"rack": "r1"}), HostState("b", capabilities={"rack": "r2"})]
    for rack, host in (("r2", "b"), ("r1", "a"), ("r2", "b")):
        (selection,) = scheduler.select_destinations(RequestSpec(scheduler_hints={"rack": rack, "x": "1"}), hosts)
        assert selection.host == host


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("scheduler_hints.", "has no key after the dot"),
        (".rack", "does not begin with the name of an attribute"),
        ("vcpus.count", "has a key, and vcpus has no items"),
    ],
)
def test_declared_name_that_cannot_be_is_an_error_by_plugin_and_name(name, problem):
    class OddFilter(RackFilter):
        host_reads = ("host",)
        spec_reads = (name,)

    with pytest.raises(ConfigurationError) as caught:
        declaration_of(OddFilter)
    assert str(caught.value) == f"OddFilter.spec_reads: {name!r} {problem}."


def test_plugin_meets_what_it_reads_unless_it_says_so():
    class ComparingFilter(RackFilter):
        spec_meets = ()
        host_reads = ("capabilities",)

    class AgainFilter(ComparingFilter):
        spec_reads = ("vcpus",)

    class SilentFilter(RackFilter):
        def host_passes(self, host_state, spec):
            return True

    assert meets_of(RackFilter) == ("scheduler_hints.rack",)
    assert meets_of(ComparingFilter) == ()
    assert meets_of(AgainFilter) == ("vcpus",)
    assert meets_of(SilentFilter) is None
