"""What a request asks for and nothing in use reads."""

from __future__ import annotations

import pickle

import pytest

from filtersched import (
    BaseHostFilter,
    ChanceScheduler,
    FilterScheduler,
    Flavor,
    HostState,
    NoValidHost,
    RequestSpec,
    UnreadField,
    make_conf,
)
from filtersched.schedulers.unread import driver_reads


def unread(spec: RequestSpec, *filters: str, **conf) -> dict[str, UnreadField]:
    found = FilterScheduler(make_conf(enabled_filters=list(filters), **conf)).unread(spec)
    return {one.field: one for one in found}


def test_requests_of_one_flavor_are_told_apart_by_what_else_they_ask():
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    flavor = Flavor(vcpus=1)
    further = [{}, {"availability_zone": "az1"}, {"retry": {"hosts": ["a"]}}, {"force_hosts": ["a"]}, {}]
    found = [scheduler.unread(RequestSpec(flavor, **given)) for given in further]
    assert [[one.field for one in each] for each in found] == [
        ["vcpus"],
        ["vcpus", "availability_zone"],
        ["vcpus", "retry"],
        [],
        ["vcpus"],
    ]


def test_image_properties_that_are_equal_and_of_other_types_are_told_apart():
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    images = [{"properties": {"img_x": value}} for value in (1, True, 1.0, "1")]
    found = [scheduler.unread(RequestSpec(image=image)) for image in images]
    assert [str(one.value) for (one,) in found] == ["1", "True", "1.0", "1"]


@pytest.mark.parametrize(
    ("attributes", "field", "would_read"),
    [
        ({"flavor": Flavor(vcpus=500)}, "vcpus", "CoreFilter"),
        ({"flavor": Flavor(root_gb=1)}, "root_gb", "DiskFilter"),
        ({"flavor": Flavor(swap=1)}, "swap", "DiskFilter"),
        ({"flavor": Flavor(extra_specs={"resources:VGPU": 1})}, "extra_specs.resources:VGPU", "ResourceFilter"),
        ({"flavor": Flavor(extra_specs={"trait:A": "required"})}, "extra_specs.trait:A", "TraitsFilter"),
        (
            {"instance_group": {"policy": "anti-affinity"}},
            "instance_group.anti-affinity",
            "ServerGroupAntiAffinityFilter",
        ),
        ({"instance_group": {"policy": "affinity"}}, "instance_group.affinity", "ServerGroupAffinityFilter"),
        ({"availability_zone": "az1"}, "availability_zone", "AvailabilityZoneFilter"),
        ({"scheduler_hints": {"same_host": "u1"}}, "scheduler_hints.same_host", "SameHostFilter"),
        (
            {"image": {"properties": {"hw_architecture": "x86_64"}}},
            "image.properties.hw_architecture",
            "ImagePropertiesFilter",
        ),
        ({"retry": {"hosts": ["a"]}}, "retry", "RetryFilter"),
    ],
)
def test_field_that_no_plugin_in_use_reads_is_named_with_who_would(attributes, field, would_read):
    spec = RequestSpec(**attributes)
    found = unread(spec, "RamFilter", "ComputeFilter")
    assert list(found) == [field]
    assert found[field].would_read[0] == would_read
    assert unread(spec, "RamFilter", would_read) == {}


def test_field_that_no_plugin_at_all_reads_is_named_alone():
    (found,) = unread(RequestSpec(scheduler_hints={"group": "g1"}), "RamFilter").values()
    assert (found.would_read, found.may_read) == ((), ())


@pytest.mark.parametrize(
    ("attributes", "field", "would_read"),
    [
        ({"pci_requests": [{"count": 1, "spec": [{}]}]}, "pci_requests", ("PciPassthroughFilter",)),
        ({"numa_topology": {"cells": [{"id": 0}]}}, "numa_topology", ("NUMATopologyFilter",)),
        ({"flavor": Flavor(extra_specs={"hw:numa_nodes": "2"})}, "extra_specs.hw:numa_nodes", ("NUMATopologyFilter",)),
    ],
)
def test_cells_and_devices_that_no_filter_looks_at_are_named(attributes, field, would_read):
    found = unread(RequestSpec(**attributes), "RamFilter")
    assert (list(found), found[field].would_read) == ([field], would_read)


@pytest.mark.parametrize(
    "attributes",
    [
        {"scheduler_hints": {"_nova_check_type": ["resize"]}},
        {"project_id": "p", "user_id": "u", "request_id": "r"},
        {"image": {"id": "i"}},
        {"instance_group": {"policy": "soft-affinity"}},
        {"ignore_hosts": ["a"]},
        {"requested_destination": {"host": "a"}},
        {"pci_requests": {"requests": []}},
        {"flavor": Flavor(name="m1", id=7), "force_hosts": ["a"], "scheduler_hints": {"x": 1}},
    ],
)
def test_what_asks_nothing_or_is_read_is_not_named(attributes):
    assert unread(RequestSpec(**attributes), "RamFilter") == {}


def test_weigher_with_multiplier_0_reads_nothing():
    spec = RequestSpec(instance_group={"policy": "soft-affinity"})
    assert list(unread(spec, "RamFilter", soft_affinity_weight_multiplier=0.0)) == ["instance_group.soft-affinity"]


class SilentFilter(BaseHostFilter):
    """Pass every host."""

    def host_passes(self, host_state, spec):
        return True


def test_plugin_that_declares_nothing_may_read_it(monkeypatch):
    monkeypatch.setattr("filtersched.testing.SilentFilter", SilentFilter, raising=False)
    monkeypatch.setattr(SilentFilter, "__module__", "filtersched.testing")
    conf = make_conf(available_filters="filtersched.testing.SilentFilter", enabled_filters="SilentFilter")
    (found,) = FilterScheduler(conf).unread(RequestSpec(Flavor(vcpus=2)))
    assert found.may_read == ("SilentFilter",)
    assert str(found) == (
        "vcpus=2: only SilentFilter may read it; CoreFilter, ExactCoreFilter or AggregateCoreFilter would"
    )


def test_filters_of_the_request_count_and_not_the_configured_ones():
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    spec = RequestSpec(Flavor(memory_mb=1, vcpus=1))
    assert [one.field for one in scheduler.unread(spec, filters="CoreFilter")] == ["memory_mb"]
    assert [one.field for one in scheduler.unread(spec)] == ["vcpus"]


def test_driver_without_filters_reads_next_to_nothing():
    spec = RequestSpec(Flavor(memory_mb=1), ignore_hosts=["a"], requested_destination={"host": "a"})
    assert [one.field for one in ChanceScheduler(make_conf()).unread(spec)] == ["memory_mb", "requested_destination"]


def test_driver_that_decides_in_its_own_way_may_read_everything():
    class OwnScheduler(FilterScheduler):
        def narrow(self, hosts, spec):
            return hosts

    class SameScheduler(FilterScheduler):
        pass

    assert driver_reads(OwnScheduler) is None
    assert driver_reads(SameScheduler) == driver_reads(FilterScheduler)


@pytest.mark.parametrize("use_engine", [True, False])
def test_explanations_say_it_of_choices_and_refusals_and_when_pickled(use_engine):
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]), use_engine=use_engine)
    hosts = [HostState("a", total_usable_ram_mb=9, free_ram_mb=9)]
    (selection,) = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=1, vcpus=500)), hosts)
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(RequestSpec(Flavor(memory_mb=99, vcpus=500)), hosts)
    for explanation in (selection.explanation, caught.value.explanation):
        for one in (explanation, pickle.loads(pickle.dumps(explanation))):
            assert [(found.field, found.value) for found in one.unread] == [("vcpus", 500)]
            assert one.to_dict()["unread"][0]["would_read"][0] == "CoreFilter"


def test_sentence_names_the_field_what_is_asked_and_who_would():
    (found,) = unread(RequestSpec(Flavor(extra_specs={"trait:A": "required"}))).values()
    assert str(found) == "extra_specs.trait:A=required: nothing in use reads it; TraitsFilter would"
