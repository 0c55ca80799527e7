"""RequestSpec: what it accepts, what it refuses, hints, shorthands, copies."""

from __future__ import annotations

import copy
import json
import pickle
from collections import deque
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest

from filtersched import Destination, Flavor, HostState, Image, InstanceGroup, InvalidRequest, RequestSpec, Retry
from filtersched.filters.different_host_filter import DifferentHostFilter
from filtersched.filters.same_host_filter import SameHostFilter
from filtersched.requests.request_values import HostNode, RequestContext

NOW = datetime(2026, 1, 31, 12)


def kind(value: object) -> str:
    """For a test's name: a number of thousands of digits has no text."""
    return type(value).__name__


def full_spec() -> RequestSpec:
    """Every kind of value that the constructor takes."""
    return RequestSpec(
        Flavor(2048, 2, 10, 5, 512, name="m1", id=7, extra_specs={"hw:cpu_policy": "shared"}),
        image=Image("img", properties={"hw_architecture": "x86_64"}),
        num_instances=2,
        instance_uuids=["i1", "i2"],
        project_id="p1",
        availability_zone="az1",
        scheduler_hints={"different_host": {"i8", "i9"}, "query": '["=", 1, 1]', "after": NOW},
        ignore_hosts=["cmp9"],
        force_hosts="cmp1",
        requested_destination=Destination("cmp1", cell="c1"),
        instance_group=InstanceGroup("anti-affinity", {"max_server_per_host": 2}, ["cmp1"], ["i8"], "g1"),
        retry=Retry(2, [["cmp2", "node2"], "cmp3"]),
        limits={"memory_mb": 5, "until": NOW},
        pci_requests=SimpleNamespace(requests=[SimpleNamespace(count=1, spec=[{"vendor_id": "8086"}])]),
        context={"user_id": "u1", "roles": {"member"}},
        further={"since": NOW, "numbers": np.array([1.5])},
        now=NOW,
        arrives_at=1.5,
        departs_at=3,
    )


def test_a_request_without_anything_asks_for_one_instance_of_nothing():
    spec = RequestSpec()
    assert (spec.num_instances, spec.memory_mb, spec.vcpus, spec.image, spec.ignore_hosts) == (1, 0, 0, None, ())


def test_sizes_of_the_flavor_are_shorthands_of_the_request():
    spec = full_spec()
    assert (spec.memory_mb, spec.vcpus, spec.root_gb, spec.ephemeral_gb, spec.swap) == (2048, 2, 10, 5, 512)
    assert spec.extra_specs == {"hw:cpu_policy": "shared"}


def test_unknown_keyword_is_refused_with_the_nearest_known_one():
    with pytest.raises(InvalidRequest, match=r"no .num_instance. in a request\. Did you mean .num_instances") as caught:
        RequestSpec(num_instance=2)
    assert (caught.value.field, caught.value.value) == ("num_instance", 2)


@pytest.mark.parametrize("keyword", ["memory_mb", "_given", "__class__", "is_rebuild", "group_policy"])
def test_what_follows_from_others_is_no_keyword(keyword):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec(**{keyword: 1})
    assert caught.value.field == keyword


@pytest.mark.parametrize("count", [1, 1_000_000])
def test_smallest_and_largest_number_of_instances(count):
    assert RequestSpec(num_instances=count).num_instances == count


@pytest.mark.parametrize("count", [0, -1, 1_000_001, 10**9, 1.0, 1.5, "2", None, True, [1]])
def test_number_of_instances_out_of_bounds_is_refused(count):
    with pytest.raises(InvalidRequest, match="num_instances must be a whole number from 1 to 1000000") as caught:
        RequestSpec(num_instances=count)
    assert (caught.value.field, caught.value.value) == ("num_instances", count)


@pytest.mark.parametrize("field", ["memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap"])
@pytest.mark.parametrize("size", [-1, "512", None, float("nan"), float("inf"), True, [1], 10**400])
def test_size_of_a_flavor_that_cannot_be_is_refused(field, size):
    with pytest.raises(InvalidRequest) as caught:
        Flavor(**{field: size})
    assert caught.value.field == f"flavor.{field}"


def test_unknown_keyword_of_a_flavor_is_refused_from_code_and_from_data():
    with pytest.raises(InvalidRequest, match="Did you mean 'memory_mb'"):
        Flavor(memory=512)
    with pytest.raises(InvalidRequest, match="Did you mean 'memory_mb'") as caught:
        RequestSpec({"memory": 512})
    assert caught.value.field == "flavor.memory"


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"flavor": 5}, "flavor"),
        ({"flavor": {"extra_specs": ["a"]}}, "flavor.extra_specs"),
        ({"flavor": {"extra_specs": {1: "a"}}}, "flavor.extra_specs"),
        ({"image": "img"}, "image"),
        ({"image": {"properties": 5}}, "image.properties"),
        ({"scheduler_hints": ["query"]}, "scheduler_hints"),
        ({"scheduler_hints": {1: 2}}, "scheduler_hints"),
        ({"ignore_hosts": 5}, "ignore_hosts"),
        ({"ignore_hosts": [5]}, "ignore_hosts"),
        ({"force_nodes": [["a"]]}, "force_nodes"),
        ({"project_id": 5}, "project_id"),
        ({"availability_zone": ["az1"]}, "availability_zone"),
        ({"instance_group": {"policy": "affinity", "rules": 5}}, "instance_group.rules"),
        ({"instance_group": {"hosts": 5}}, "instance_group.hosts"),
        ({"instance_group": {"polcy": "affinity"}}, "instance_group.polcy"),
        ({"retry": {"num_attempts": "x"}}, "retry.num_attempts"),
        ({"retry": {"num_attempts": -1}}, "retry.num_attempts"),
        ({"retry": {"hosts": 5}}, "retry.hosts"),
        ({"retry": {"hosts": [["a", "b", "c"]]}}, "retry.hosts"),
        ({"retry": {"hosts": [5]}}, "retry.hosts"),
        ({"requested_destination": {"hosts": "a"}}, "requested_destination.hosts"),
        ({"arrives_at": -1}, "arrives_at"),
        ({"departs_at": "soon"}, "departs_at"),
        ({"now": "soon"}, "now"),
    ],
)
def test_value_that_cannot_be_is_refused_by_name(attributes, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec(**attributes)
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["scheduler_hints", "limits", "config_options"])
def test_data_nested_too_deeply_is_refused(field):
    deep: dict = {}
    for _ in range(10_000):
        deep = {"in": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply") as caught:
        RequestSpec(**{field: deep})
    assert caught.value.field == field


def test_assigned_values_are_checked_like_given_ones():
    spec = RequestSpec()
    with pytest.raises(InvalidRequest):
        spec.num_instances = 0
    spec.flavor = {"memory_mb": 5}
    assert (spec.num_instances, spec.memory_mb) == (1, 5)


def test_none_is_the_same_as_not_given():
    spec = RequestSpec(None, image=None, ignore_hosts=None, scheduler_hints=None, retry=None, instance_group=None)
    assert (spec.flavor, spec.ignore_hosts, spec.scheduler_hints) == (Flavor(), (), {})


def test_parts_may_be_objects_of_another_library():
    spec = RequestSpec(SimpleNamespace(memory_mb=5, vcpus=1, other="x"), image=SimpleNamespace(id="img"))
    assert (spec.flavor, spec.image) == (Flavor(5, 1), Image("img"))


def test_one_name_is_a_list_of_it():
    assert RequestSpec(ignore_hosts="cmp1").ignore_hosts == ("cmp1",)


def test_time_with_a_zone_is_kept_in_utc():
    assert RequestSpec(now=NOW.replace(tzinfo=UTC)).now == NOW
    assert RequestSpec(now="2026-01-31T14:00:00+02:00").now == NOW


# -- the ends of numbers and times -----------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        *(({"flavor": {size: 10**5000}}, f"flavor.{size}") for size in ("memory_mb", "vcpus", "swap", "rxtx_factor")),
        *(({"flavor": {"memory_mb": size}}, "flavor.memory_mb") for size in (10**100, 1e100, float("inf"))),
        ({"flavor": {"id": 10**5000}}, "flavor.id"),
        ({"flavor": {"id": [1]}}, "flavor.id"),
        ({"flavor": {"name": b"x"}}, "flavor.name"),
        ({"flavor": {"extra_specs": {"a": 10**5000}}}, "flavor.extra_specs"),
        ({"flavor": {"further": {"memory_mb": 5}}}, "flavor.further"),
        ({"image": {"id": 10**5000}}, "image.id"),
        ({"image": {"properties": {"a": 10**5000}}}, "image.properties"),
        ({"num_instances": 10**5000}, "num_instances"),
        ({"project_id": 10**5000}, "project_id"),
        ({"scheduler_hints": {"a": 10**5000}}, "scheduler_hints"),
        ({"ignore_hosts": [10**5000]}, "ignore_hosts"),
        ({"limits": {"a": [10**5000]}}, "limits"),
        ({"instance_group": {"rules": {"a": 10**5000}}}, "instance_group.rules"),
        ({"instance_group": {"policy": 10**5000}}, "instance_group.policy"),
        ({"instance_group": {"members": [10**5000]}}, "instance_group.members"),
        ({"retry": {"num_attempts": -(10**5000)}}, "retry.num_attempts"),
        ({"retry": {"num_attempts": 10**5000}}, "retry.num_attempts"),
        ({"retry": {"hosts": [[10**5000, "n"]]}}, "retry.hosts"),
        ({"retry": {"hosts": 10**5000}}, "retry.hosts"),
        ({"requested_destination": {"host": 10**5000}}, "requested_destination.host"),
        ({"requested_destination": {"allow_cross_cell_move": 10**5000}}, "requested_destination.allow_cross_cell_move"),
        ({"numa_topology": 10**5000}, "numa_topology"),
        ({"arrives_at": 10**5000}, "arrives_at"),
        ({"now": 10**5000}, "now"),
        ({"now": "0001-01-01T00:00:00+05:30"}, "now"),
        ({"now": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))}, "now"),
        ({"context": {"user_id": 10**5000}}, "context.user_id"),
        ({"further": {"a": 10**5000}}, "further"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_number_or_time_beyond_the_ends_is_refused_by_name(attributes, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec(**attributes)
    assert caught.value.field == field
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("amount", ["9" * 151, "9" * 5000, 10**299], ids=["151", "5000", "number"])
def test_amount_of_hundreds_of_digits_is_refused_by_name(amount):
    with pytest.raises(InvalidRequest, match="resources:CUSTOM_FPGA must be") as caught:
        RequestSpec(Flavor(extra_specs={"resources:CUSTOM_FPGA": amount})).resources  # noqa: B018
    assert caught.value.field == "resources:CUSTOM_FPGA"
    assert len(str(caught.value)) < 1000


# -- hints ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "read"),
    [("a", "a"), (["a"], "a"), (["a", "b"], ["a", "b"]), ([], []), (0, 0), ([None], None), ({"x": 1}, {"x": 1})],
)
def test_hint_of_exactly_one_item_is_unwrapped(hint, read):
    assert RequestSpec(scheduler_hints={"name": hint}).get_scheduler_hint("name", "default") == read


U1, U2 = UUID(int=1), UUID(int=2)
TEXT1, TEXT2 = f"{U1}", f"{U2}"


@pytest.mark.parametrize(
    ("hint", "kept"),
    [
        ({"b", "a"}, ("a", "b")),
        (frozenset(("b", "a")), ("a", "b")),
        ({"b": 1, "a": 2}.keys(), ("a", "b")),
        ({1: "b", 2: "a"}.values(), ("b", "a")),
        ((name for name in "ba"), ("b", "a")),
        (deque(["b", "a"]), ("b", "a")),
        (U1, (TEXT1,)),
        ([U2, U1], (TEXT2, TEXT1)),
        ({U2, U1}, (TEXT1, TEXT2)),
        (datetime(2026, 1, 31, 12), ("2026-01-31T12:00:00",)),
        ([datetime(2026, 1, 31, tzinfo=UTC)], ("2026-01-31T00:00:00+00:00",)),
        (np.array(["a", "b"]), ("a", "b")),
        (set(), ()),
        ({"a": U1}, ({"a": TEXT1},)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_hint_of_any_kind_is_kept_as_a_list_of_plain_data(hint, kept):
    assert RequestSpec(scheduler_hints={"name": hint}).scheduler_hints == {"name": kept}


@pytest.mark.parametrize("hint", [b"x", object(), [1j], float("nan"), 10**5000, {1: 2}, {"a": b"x"}], ids=kind)
def test_hint_that_cannot_be_plain_data_is_refused_by_name(hint):
    with pytest.raises(InvalidRequest, match="under 'different_host") as caught:
        RequestSpec(scheduler_hints={"different_host": hint})
    assert caught.value.field == "scheduler_hints"


@pytest.mark.parametrize("uuids", [{"u1"}, frozenset(("u1", "u9")), {"u1": 0}.keys(), iter(["u1"])], ids=kind)
def test_instances_to_avoid_or_to_join_may_come_in_any_container(uuids):
    uuids = tuple(uuids)
    host = HostState("a", instances=["u1"])
    assert not DifferentHostFilter().host_passes(host, RequestSpec(scheduler_hints={"different_host": set(uuids)}))
    assert SameHostFilter().host_passes(host, RequestSpec(scheduler_hints={"same_host": iter(uuids)}))


def test_missing_hint_is_the_default():
    assert RequestSpec().get_scheduler_hint("name") is None
    assert RequestSpec(scheduler_hints={"other": 1}).get_scheduler_hint("name", 5) == 5


@pytest.mark.parametrize(
    ("hint", "rebuild"),
    [(["rebuild"], True), ("rebuild", True), (["rebuild", "x"], False), ([], False), (["resize"], False)],
)
def test_request_is_a_rebuild_if_the_hint_is_exactly_that(hint, rebuild):
    assert RequestSpec(scheduler_hints={"_nova_check_type": hint}).is_rebuild is rebuild


# -- resources --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra_specs", "asked"),
    [
        ({}, {}),
        ({"resources:CUSTOM_FPGA": "2"}, {"CUSTOM_FPGA": 2}),
        ({"resources:VGPU": 1, "resources1:VGPU": " 2 ", "resources_x:VGPU": "0"}, {"VGPU": 3}),
        ({"resources:": "1", "resource:VGPU": "1", "trait:VGPU": "required"}, {}),
    ],
)
def test_resources_asked_for_are_added_up_by_name(extra_specs, asked):
    assert RequestSpec(Flavor(extra_specs=extra_specs)).resources == asked


@pytest.mark.parametrize("amount", ["-1", "1.5", "", "two", None])
def test_amount_that_is_no_whole_number_is_refused(amount):
    with pytest.raises(InvalidRequest, match="whole number") as caught:
        RequestSpec(Flavor(extra_specs={"resources:VGPU": amount})).resources  # noqa: B018
    assert caught.value.field == "resources:VGPU"


def test_resources_follow_the_flavor():
    spec = RequestSpec(Flavor(extra_specs={"resources:VGPU": "1"}))
    assert spec.resources == {"VGPU": 1}
    spec.flavor = Flavor()
    assert spec.resources == {}


# -- parts ------------------------------------------------------------------------------------


def test_flavor_can_be_read_as_a_mapping_and_be_a_key():
    flavor = Flavor(512, extra_specs={"a": ["b"]})
    assert (flavor["memory_mb"], flavor.get("swap"), flavor.get("bogus"), "vcpus" in flavor) == (512, 0, None, True)
    assert {flavor: 1}[Flavor(512, extra_specs={"a": ["b"]})] == 1
    with pytest.raises(KeyError):
        flavor["resources"]
    with pytest.raises(AttributeError):
        flavor.memory_mb = 5


def test_group_has_one_policy_or_none():
    assert (InstanceGroup("affinity").policies, InstanceGroup().policies) == (("affinity",), ())


def test_group_with_members_keeps_the_known_ones_first_and_once():
    assert InstanceGroup(members=["a", "b"]).with_members(["b", "c"]).members == ("a", "b", "c")


def test_group_lists_a_host_once_per_instance():
    assert InstanceGroup(hosts=["h"]).with_host("h").hosts == ("h", "h")


def test_tried_hosts_are_pairs_that_may_lack_the_node():
    assert Retry(1, ["a", ["b", "n"]]).hosts == (HostNode("a"), HostNode("b", "n"))
    assert Retry(1, [["b", "n"]]).hosts[0].hypervisor_hostname == "n"


def test_caller_becomes_an_administrator_in_a_copy():
    caller = RequestContext("u", "p")
    assert (caller.elevated(), caller.is_admin) == (RequestContext("u", "p", is_admin=True), False)


def test_instance_record_says_who_and_what():
    record = full_spec().as_instance()
    assert (record.project_id, record.instance_type_id, record.image_ref) == ("p1", 7, "img")
    assert record.image_properties == {"hw_architecture": "x86_64"}


# -- copying and writing down -----------------------------------------------------------------


def given(spec: RequestSpec) -> dict:
    return {name: value for name, value in vars(spec).items() if not name.startswith("_")}


def test_equality_is_identity():
    assert RequestSpec() != RequestSpec()
    assert len({RequestSpec(), RequestSpec()}) == 2


def test_copy_changes_alone():
    spec = full_spec()
    other = spec.copy()
    assert dict(spec) == dict(other)
    other.ignore_hosts = ()
    other.instance_uuid = "i1"
    assert (spec.ignore_hosts, spec.instance_uuid) == (("cmp9",), None)
    assert "ignore_hosts" not in other


@pytest.mark.parametrize(
    "through",
    [
        RequestSpec.copy,
        copy.copy,
        copy.deepcopy,
        lambda spec: pickle.loads(pickle.dumps(spec)),
        lambda spec: RequestSpec.from_dict(spec.to_dict()),
        lambda spec: RequestSpec.from_dict(json.loads(json.dumps(spec.to_dict()))),
    ],
    ids=["copy", "copy.copy", "deepcopy", "pickle", "dict", "json"],
)
def test_everything_asked_for_survives(through):
    spec = full_spec()
    dict(spec)
    again = through(spec)
    assert again is not spec
    assert given(again) == given(spec)
    assert dict(again) == dict(spec)


def test_written_down_request_is_plain_data_with_a_version():
    spec = RequestSpec(Flavor(512, 1), scheduler_hints={"same_host": "i1"}, arrives_at=1, now=NOW)
    assert spec.to_dict() == {
        "version": 1,
        "flavor": {"memory_mb": 512, "vcpus": 1, "root_gb": 0, "ephemeral_gb": 0, "swap": 0},
        "scheduler_hints": {"same_host": ["i1"]},
        "arrives_at": 1,
        "now": "2026-01-31T12:00:00",
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [({"version": 2}, "version"), ({"bogus": 1}, "bogus"), ({1: 2}, "a request"), (5, None), ("x", None), ([], None)],
)
def test_what_is_no_request_is_not_read(data, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec.from_dict(data)
    assert caught.value.field == field


def test_reading_changes_no_given_data():
    data = {"version": 1, "num_instances": 2}
    RequestSpec.from_dict(data)
    assert data == {"version": 1, "num_instances": 2}
