"""HostState: what it accepts, what it refuses, how it changes and is copied."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
from collections import namedtuple
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pytest

from filtersched import (
    Aggregate,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InstanceGroup,
    InvalidHost,
    Metric,
    RequestSpec,
)
from filtersched.hosts.service import Service
from filtersched.requests.seal import sealed

NOW = datetime(2026, 1, 31, 12)


def full_host() -> HostState:
    """Every kind of value that the constructor takes."""
    return HostState(
        "cmp1",
        "node1",
        uuid="5e1",
        cell_uuid="cell1",
        total_usable_ram_mb=8192,
        free_ram_mb=-512,
        ram_allocation_ratio=1.5,
        vcpus_total=8,
        num_instances=1,
        instances={"i1": {"project_id": "p1", "image_properties": {"os": "linux"}}},
        aggregates=[{"name": "az1", "metadata": {"availability_zone": "az1"}, "id": 3}],
        metrics=[("cpu.percent", 0.5), ("cpu.percent", 1), ("heat", None)],
        service={"disabled": False, "updated_at": "2026-01-31T12:00:00", "created_at": NOW, "compute_node": [NOW]},
        capabilities={"gpus": [1, {"model": "x"}], "since": NOW, "tags": {"b", "a"}, "numbers": np.array([1.5])},
        stats={"since": {"boot": NOW}, "num_proj_p1": "3"},
        cpu_info=SimpleNamespace(topology=SimpleNamespace(cores=8), features=frozenset(("b", "a"))),
        numa_topology={"cells": [{"id": 0, "cpuset": {1, 0}}]},
        traits={"HW_AVX"},
        resources={"CUSTOM_FPGA": (4, 1)},
        supported_instances=[["x86_64", "kvm", "hvm"]],
        updated=NOW,
    )


def kind(value: object) -> str:
    """For a test's name: a number of thousands of digits has no text."""
    return value if isinstance(value, str) and len(value) < 40 else type(value).__name__


# -- making one -------------------------------------------------------------------------------


def test_a_name_is_enough():
    host = HostState("cmp1")
    assert (host.host, host.nodename, host.free_ram_mb, host.ram_allocation_ratio) == ("cmp1", "cmp1", 0, None)
    assert (host.instances, host.aggregates, host.capabilities, host.topic) == ({}, (), {}, "compute")


@pytest.mark.parametrize("name", ["", None, 5, b"cmp1"])
def test_name_that_is_none_is_refused(name):
    with pytest.raises(InvalidHost) as caught:
        HostState(name)
    assert (caught.value.attribute, caught.value.value) == ("host", name)


@pytest.mark.parametrize("nodename", ["", 5])
def test_node_name_that_is_none_is_refused(nodename):
    with pytest.raises(InvalidHost, match="nodename must be a name"):
        HostState("cmp1", nodename)


def test_unknown_keyword_is_refused_with_the_nearest_known_one():
    with pytest.raises(InvalidHost, match=r"'free_ram' is not an attribute of HostState. Did you mean 'free_ram_mb'"):
        HostState("cmp1", free_ram=512)


@pytest.mark.parametrize("keyword", ["limits", "copy", "_owner", "__class__", "num_instances_by_project"])
def test_what_is_no_attribute_of_a_host_is_no_keyword_either(keyword):
    with pytest.raises(InvalidHost) as caught:
        HostState("cmp1", **{keyword: {}})
    assert (caught.value.host, caught.value.attribute) == ("cmp1", keyword)


@pytest.mark.parametrize(
    "name",
    [
        "total_usable_ram_mb",
        "total_usable_disk_gb",
        "disk_mb_used",
        "vcpus_total",
        "vcpus_used",
        "num_instances",
        "num_io_ops",
        "failed_builds",
    ],
)
def test_size_may_be_zero_but_not_negative(name):
    assert getattr(HostState("cmp1", **{name: 0}), name) == 0
    with pytest.raises(InvalidHost, match="zero or more") as caught:
        HostState("cmp1", **{name: -1})
    assert (caught.value.host, caught.value.attribute, caught.value.value) == ("cmp1", name, -1)


@pytest.mark.parametrize("name", ["ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio"])
def test_ratio_of_zero_is_not_set_and_one_below_is_refused(name):
    assert getattr(HostState("cmp1", **{name: 0.0}), name) is None
    assert getattr(HostPool.from_columns(["a", "b"], **{name: np.array([0.0, 2.0])})["a"], name) is None
    assert getattr(HostPool.from_columns(["a", "b"], **{name: np.array([0, 2])})["b"], name) == 2.0
    with pytest.raises(InvalidHost, match="zero or more") as caught:
        HostState("cmp1", **{name: -1})
    assert (caught.value.host, caught.value.attribute, caught.value.value) == ("cmp1", name, -1)


@pytest.mark.parametrize("name", ["free_ram_mb", "free_disk_mb"])
def test_what_is_free_may_be_negative(name):
    assert getattr(HostState("cmp1", **{name: -1}), name) == -1


@pytest.mark.parametrize("name", ["free_ram_mb", "total_usable_ram_mb", "cpu_allocation_ratio"])
@pytest.mark.parametrize(
    "value",
    ["512", "", b"1", True, np.bool_(True), float("nan"), float("inf"), [1], 1j, 10**400, np.array([1])],
    ids=repr,
)
def test_size_that_is_no_finite_number_is_refused(name, value):
    with pytest.raises(InvalidHost) as caught:
        HostState("cmp1", **{name: value})
    assert caught.value.attribute == name


@pytest.mark.parametrize(
    "name", ["free_ram_mb", "total_usable_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "failed_builds"]
)
def test_size_that_is_none_is_refused(name):
    with pytest.raises(InvalidHost, match=f"host 'cmp1': {name} must be a finite number, not None") as caught:
        HostState("cmp1", **{name: None})
    assert caught.value.attribute == name


@pytest.mark.parametrize(
    "value", [10**150, -(10**150), 10**5000, 1e300, float("-inf")], ids=["1e150", "-1e150", "1e5000", "float", "inf"]
)
def test_number_whose_product_with_a_ratio_may_have_no_end_is_refused(value):
    with pytest.raises(InvalidHost, match="free_ram_mb must be a finite number below 1e150"):
        HostState("cmp1", free_ram_mb=value)


def test_numbers_of_numpy_become_those_of_python():
    host = HostState("cmp1", free_ram_mb=np.int64(5), vcpus_total=np.float32(0.5))
    assert (type(host.free_ram_mb), type(host.vcpus_total)) == (int, float)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aggregates", "az1"),
        ("aggregates", [5]),
        ("aggregates", ["az1"]),
        ("aggregates", [{"name": "az1", "meta": {}}]),
        ("aggregates", [{"metadata": "availability_zone"}]),
        ("aggregates", {"az1": {}}),
        ("metrics", "cpu"),
        ("metrics", [5]),
        ("metrics", [("a", 1, 2)]),
        ("instances", 5),
        ("instances", [5]),
        ("instances", {"i1": 5}),
        ("instances", {"i1": {"flavour": 1}}),
        ("instances", {1: {}}),
        ("instances", [{"project_id": "p1"}]),
        ("instances", {"i1": {"image_properties": "x"}}),
        ("capabilities", ["gpus"]),
        ("stats", 5),
        ("service", "disabled"),
        ("service", 5),
        ("service", {"updated_at": "yesterday"}),
        ("service", {"created_at": 5}),
        ("traits", "HW_AVX"),
        ("traits", [5]),
        ("traits", [["HW_AVX"]]),
        ("resources", {"FPGA": 4}),
        ("resources", {"FPGA": (4,)}),
        ("resources", {"FPGA": (4, -1)}),
        ("resources", {"FPGA": (4, None)}),
        ("resources", {"FPGA": "42"}),
        ("supported_instances", "x86_64"),
        ("updated", "yesterday"),
        ("updated", 5),
        ("cell_uuid", 5),
        ("host_ip", ["10.0.0.1"]),
        ("hypervisor_version", "6.0"),
    ],
)
def test_container_with_something_else_in_it_is_refused(name, value):
    with pytest.raises(InvalidHost) as caught:
        HostState("cmp1", **{name: value})
    assert (caught.value.host, caught.value.attribute) == ("cmp1", name)
    assert f"{name} must be" in str(caught.value)


def test_data_nested_too_deeply_is_refused():
    deep: dict = {}
    for _ in range(10_000):
        deep = {"in": deep}
    with pytest.raises(InvalidHost, match=r"capabilities must be plain data.* nested too deeply"):
        HostState("cmp1", capabilities=deep)


def test_none_means_nothing_known():
    host = HostState("cmp1", capabilities=None, service=None, stats=None, supported_instances=None, updated=None)
    assert (host.capabilities, host.service, host.stats, host.supported_instances) == ({}, {}, {}, None)


def test_instances_may_be_uuids_or_records_or_objects():
    other = SimpleNamespace(uuid="i3", project_id="p3", flavor=object())
    host = HostState("cmp1", instances=["i1", {"uuid": "i2", "project_id": "p"}, other])
    assert dict(host.instances) == {
        "i1": Instance("i1"),
        "i2": Instance("i2", project_id="p"),
        "i3": Instance("i3", project_id="p3"),
    }


def test_aggregates_and_metrics_of_another_library_are_copied():
    aggregate, metric = SimpleNamespace(metadata={"a": "b"}, name="az"), SimpleNamespace(name="x", value=1)
    host = HostState("cmp1", aggregates=[aggregate], metrics=[metric])
    aggregate.metadata["a"], metric.value = "c", 2
    assert host.aggregates == (Aggregate("az", {"a": "b"}),)
    assert host.metrics == (Metric("x", 1),)


@pytest.mark.parametrize(
    ("attribute", "given", "said"),
    [
        ("instances", lambda made: [made(uuid="i1", task_state="up")], "an instance.*: not read: task_state"),
        ("aggregates", lambda made: [made(name="a", metadata={}, colour="b")], "an aggregate.*: not read: colour"),
        ("metrics", lambda made: [made(name="load", value=1, source="os")], "a metric.*: not read: source"),
        ("service", lambda made: made(disabled=False, colour=1), "a service.*: not read: colour"),
        ("service", lambda made: made(disabled=False, **{"\x1b[31m": 1}), r"a service.*: not read: '\\x1b\[31m'$"),
        ("service", lambda made: made(disabled=False, compute_node=object()), "a service.*: not read: compute_node"),
    ],
)
def test_attributes_of_foreign_objects_that_are_not_read_are_named_in_the_log_once(caplog, attribute, given, said):
    class Made(SimpleNamespace):
        pass

    caplog.set_level(logging.INFO)
    for _turn in range(2):
        HostState("h", **{attribute: given(Made)})
    (record,) = caplog.records
    assert re.match(said, record.getMessage())


def test_metrics_may_be_pairs():
    pair = namedtuple("pair", "name value")
    assert HostState("cmp1", metrics=[["a", 1], pair("b", 2)]).metrics == (Metric("a", 1), Metric("b", 2))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-31T12:00:00", NOW),
        ("2026-01-31T12:00:00+00:00", NOW),
        ("2026-01-31T13:00:00+01:00", NOW),
        (NOW.replace(tzinfo=UTC), NOW),
        (datetime(2026, 1, 31, 7, tzinfo=timezone(timedelta(hours=-5))), NOW),
    ],
)
def test_times_are_kept_in_utc_without_saying_so(given, kept):
    assert HostState("cmp1", updated=given).updated == kept


def test_aggregate_with_metadata_that_is_none_is_refused():
    with pytest.raises(InvalidHost, match="metadata must be a mapping"):
        Aggregate("az1", "availability_zone")


# -- what is refused by name ------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, 1.5, ["p1", "p2"], {"a": "b"}, b"x"], ids=repr)
def test_aggregate_metadata_that_is_no_text_is_refused_by_name(value):
    with pytest.raises(InvalidHost, match=r"aggregate 'az1'.*'ssd' is") as caught:
        HostState("cmp1", aggregates=[{"name": "az1", "metadata": {"ssd": value}}])
    assert (caught.value.host, caught.value.attribute) == ("cmp1", "aggregates")
    with pytest.raises(InvalidHost, match=r"aggregate 'az1'.*'ssd' is"):
        Aggregate("az1", {"ssd": value})


def test_aggregate_metadata_with_another_key_than_text_is_refused():
    with pytest.raises(InvalidHost, match="text for keys and values"):
        Aggregate("az1", {1: "a"})


def test_aggregate_metadata_of_none_is_a_missing_key():
    host = HostState("cmp1", aggregates=[{"name": "az1", "metadata": {"zone": None, "ssd": "true"}}])
    assert host.aggregates[0].metadata == {"ssd": "true"}
    assert Aggregate("az1", None).metadata == {}


@pytest.mark.parametrize("value", ["3", True, float("nan"), float("inf"), -float("inf"), 10**5000, [1]], ids=kind)
def test_metric_that_is_no_finite_number_is_refused_by_name(value):
    for metrics in ({"load": value}, [("load", value)], [SimpleNamespace(name="load", value=value)]):
        with pytest.raises(InvalidHost, match="'load' must be a finite number") as caught:
            HostState("cmp1", metrics=metrics)
        assert (caught.value.host, caught.value.attribute) == ("cmp1", "metrics")


def test_metric_without_a_value_is_a_missing_metric():
    assert HostState("cmp1", metrics={"load": None, "heat": 2}).metrics == (Metric("heat", 2),)


@pytest.mark.parametrize("key", ["num_proj_p1", "num_os_type_linux", "num_vm_active", "num_task_None"])
@pytest.mark.parametrize("value", ["many", None, [1], "9" * 5000], ids=kind)
def test_statistic_that_counts_and_is_no_whole_number_is_refused_by_name(key, value):
    with pytest.raises(InvalidHost, match=f"whole numbers for counts, and '{key}' is") as caught:
        HostState("cmp1", stats={key: value})
    assert caught.value.attribute == "stats"


def test_instance_under_the_uuid_of_another_is_refused():
    with pytest.raises(InvalidHost, match="'i1' leads to 'i2'"):
        HostState("cmp1", instances={"i1": Instance("i2")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 10**5000) for name in ("free_ram_mb", "vcpus_total", "ram_allocation_ratio", "hypervisor_version")),
        ("capabilities", {"gpus": 10**5000}),
        ("stats", {"gpus": [10**5000]}),
        ("service", {"report_count": 10**5000}),
        ("resources", {"FPGA": (10**5000, 0)}),
        ("instances", {"i1": {"instance_type_id": 10**5000}}),
        ("aggregates", [{"name": "a", "id": 10**5000}]),
        ("cpu_info", {"cores": 10**5000}),
        ("numa_topology", 10**5000),
        ("uuid", 10**5000),
        ("updated", 10**5000),
        ("updated", "0001-01-01T00:00:00+05:30"),
        ("updated", "9999-12-31T23:59:59-05:30"),
        ("updated", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        ("service", {"updated_at": "0001-01-01T00:00:00+05:30"}),
    ],
    ids=kind,
)
def test_number_or_time_beyond_the_ends_is_refused_by_name(name, value):
    with pytest.raises(InvalidHost) as caught:
        HostState("cmp1", **{name: value})
    assert (caught.value.host, caught.value.attribute) == ("cmp1", name)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", [10**5000, ["x"], "", None], ids=kind)
def test_host_whose_name_is_none_is_refused_whatever_it_is(name):
    with pytest.raises(InvalidHost, match="host must be a name"):
        HostState(name)


# -- changing one -----------------------------------------------------------------------------


def test_given_containers_are_copied_and_read_only():
    given = {"gpus": [1]}
    host = HostState("cmp1", capabilities=given)
    given["gpus"].append(2)
    assert host.capabilities == {"gpus": (1,)}
    with pytest.raises(TypeError, match="read-only"):
        host.capabilities["gpus"] = ()


def test_assigned_values_are_checked_like_given_ones():
    host = HostState("cmp1", vcpus_used=1)
    with pytest.raises(InvalidHost, match="vcpus_used"):
        host.vcpus_used = -1
    assert host.vcpus_used == 1


def test_plug_ins_may_add_attributes():
    host = HostState("cmp1")
    host.rack = "r1"
    assert (host.rack, host.copy().rack) == ("r1", "r1")


def test_deleting_an_attribute_leaves_its_default():
    host = HostState("cmp1", free_ram_mb=5)
    del host.free_ram_mb
    assert host.free_ram_mb == 0
    host.limits["a"] = 1
    del host.limits
    assert host.limits == {}
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del host.host


def test_equality_is_identity():
    assert HostState("cmp1") != HostState("cmp1")


# -- copying and writing down -----------------------------------------------------------------


def test_copy_changes_alone():
    host = full_host()
    other = host.copy()
    other.free_ram_mb = 1
    other.limits["memory_mb"] = 2
    assert (host.free_ram_mb, host.limits) == (-512, {})
    assert other.aggregates is host.aggregates


def test_copy_shares_no_list_that_a_subclass_added():
    class Racked(HostState):
        pass

    host = Racked("cmp1")
    host.devices, host.slots, host.tags = ["d1"], {"s": 1}, {"t"}
    other = host.copy()
    other.devices.append("d2")
    other.slots["u"] = 2
    other.tags.add("u")
    assert (host.devices, host.slots, host.tags) == (["d1"], {"s": 1}, {"t"})
    assert type(other) is Racked


@pytest.mark.parametrize(
    "through",
    [
        HostState.copy,
        copy.copy,
        copy.deepcopy,
        lambda host: pickle.loads(pickle.dumps(host)),
        lambda host: HostState.from_dict(host.to_dict()),
        lambda host: HostState.from_dict(json.loads(json.dumps(host.to_dict()))),
    ],
    ids=["copy", "copy.copy", "deepcopy", "pickle", "dict", "json"],
)
def test_everything_known_of_a_host_survives(through):
    host = full_host()
    again = through(host)
    assert again is not host
    assert vars(again) == vars(host)


def test_host_that_is_written_to_meanwhile_can_be_written_down_and_copied():
    host = HostState("cmp1", capabilities={"a": 1})

    class Meddling(Service):
        """Writes to the host, as another thread may, while it is being written down."""

        def items(self):
            host.rack = "r1"
            return super().items()

    host.service = Meddling(disabled=True)
    assert host.to_dict()["service"] == {"disabled": True}
    assert (host.rack, host.copy().rack) == ("r1", "r1")


def test_written_down_host_is_plain_data_with_a_version():
    assert HostState("cmp1", traits=["b", "a"], updated=NOW, instances=["i1"]).to_dict() == {
        "version": 1,
        "host": "cmp1",
        "nodename": "cmp1",
        "traits": ["a", "b"],
        "updated": "2026-01-31T12:00:00",
        "instances": {"i1": {"uuid": "i1"}},
    }


@pytest.mark.parametrize(
    ("data", "attribute"),
    [
        ({"host": "cmp1", "version": 2}, "version"),
        ({"free_ram_mb": 1}, "host"),
        ({}, "host"),
        ({"host": "c", 1: 2}, None),
        ([], None),
        ("c", None),
    ],
)
def test_what_is_no_host_is_not_read(data, attribute):
    with pytest.raises(InvalidHost) as caught:
        HostState.from_dict(data)
    assert caught.value.attribute == attribute


# -- taking and giving back -------------------------------------------------------------------

FLAVOR = Flavor(
    memory_mb=2048, vcpus=2, root_gb=10, ephemeral_gb=5, swap=512, id=7, extra_specs={"resources:CUSTOM_FPGA": "2"}
)


def test_instance_takes_memory_disk_cpus_and_resources_but_no_swap():
    host = full_host()
    host.consume_from_request(RequestSpec(FLAVOR, instance_uuid="i9", now=NOW))
    assert (host.free_ram_mb, host.free_disk_mb, host.vcpus_used) == (-2560, -15 * 1024, 2)
    assert (host.num_instances, host.num_io_ops, host.resources) == (2, 1, {"CUSTOM_FPGA": (4, 3)})
    assert (host.updated, host.disk_mb_used, host.failed_builds) == (NOW, 0, 0)
    assert "i9" not in host.instances


def test_instance_of_a_group_is_on_the_host_from_then_on():
    host = HostState("cmp1")
    group = InstanceGroup(policy="affinity")
    host.consume_from_request(RequestSpec(FLAVOR, instance_uuid="i9", project_id="p", instance_group=group))
    assert dict(host.instances) == {
        "i9": Instance("i9", project_id="p", instance_type_id=7, flavor=FLAVOR, consumed={"num_io_ops": 1})
    }


def test_instance_of_a_group_without_a_uuid_is_not_noted():
    host = HostState("cmp1")
    host.consume_from_request(RequestSpec(instance_group=InstanceGroup(policy="affinity")))
    assert host.instances == {}


def test_resource_that_the_host_does_not_have_is_not_made_up():
    host = HostState("cmp1", resources={"OTHER": (1, 0)})
    host.consume_from_request(RequestSpec(FLAVOR))
    assert host.resources == {"OTHER": (1, 0)}


def test_giving_back_undoes_taking():
    host = full_host()
    before = vars(host).copy()
    spec = RequestSpec(FLAVOR, instance_uuid="i9", instance_group=InstanceGroup(policy="affinity"), now=NOW)
    host.consume_from_request(spec)
    assert vars(host) != before
    host.release_request(spec)
    assert host.num_io_ops == 0
    assert {name: getattr(host, name) for name in before} == before


def test_counters_stop_at_zero():
    host = HostState("cmp1")
    host.release_request(RequestSpec(FLAVOR))
    assert (host.vcpus_used, host.num_instances, host.num_io_ops) == (0, 0, 0)


def test_record_of_an_instance_takes_under_its_old_name():
    host = HostState("cmp1", free_ram_mb=100, free_disk_mb=5000)
    host.consume_from_instance({"memory_mb": 10, "vcpus": 1, "root_gb": 2, "ephemeral_gb": 1})
    assert (host.free_ram_mb, host.free_disk_mb, host.vcpus_used, host.num_instances) == (90, 5000 - 3072, 1, 1)


def test_counts_of_the_first_releases_are_read_from_the_statistics():
    host = HostState(
        "cmp1", stats={"num_proj_p1": "3", "num_os_type_linux": 2, "num_vm_active": 1, "num_task_None": 4, "x": 9}
    )
    assert (host.num_instances_by_project, host.num_instances_by_os_type) == ({"p1": 3}, {"linux": 2})
    assert (host.vm_states, host.task_states) == ({"active": 1}, {"None": 4})


# -- while a decision is made -----------------------------------------------------------------


def test_host_is_sealed_during_a_decision_and_its_copy_is_not():
    host = HostState("cmp1", free_ram_mb=5)

    def decide() -> HostState:
        with pytest.raises(InvalidHost, match="only answers") as caught:
            host.free_ram_mb = 6
        assert caught.value.attribute == "free_ram_mb"
        with pytest.raises(InvalidHost, match="only answers"):
            del host.free_ram_mb
        own = host.copy()
        own.free_ram_mb = 7
        return own

    own = sealed(decide)
    assert (host.free_ram_mb, own.free_ram_mb) == (5, 7)
    host.free_ram_mb = 6
    assert host.free_ram_mb == 6


def test_limits_written_during_a_decision_are_gone_afterwards():
    host = HostState("cmp1")
    host.limits["kept"] = 1

    def decide() -> None:
        host.limits["memory_mb"] = 2
        assert host.limits == {"kept": 1, "memory_mb": 2}
        assert host.copy().limits == {"kept": 1, "memory_mb": 2}
        host.limits = {"other": 3}
        assert host.limits == {"other": 3}

    sealed(decide)
    assert host.limits == {"kept": 1}


def test_decision_within_a_decision_leaves_the_outer_one_as_it_is():
    host = HostState("cmp1")

    def decide() -> None:
        host.limits["outer"] = 1
        assert sealed(lambda: dict(host.limits)) == {}
        assert host.limits == {"outer": 1}

    sealed(decide)
    assert host.limits == {}


@pytest.mark.parametrize("name", ["copy", "to_dict", "from_dict", "vm_states", "__class__", "attributes", "_checks"])
def test_a_method_is_no_attribute_to_assign(name):
    host = HostState("cmp1")
    with pytest.raises(InvalidHost, match="cannot be assigned") as caught:
        setattr(host, name, 3)
    assert (caught.value.host, caught.value.attribute, caught.value.value) == ("cmp1", name, 3)
    assert host.copy().host == "cmp1"
