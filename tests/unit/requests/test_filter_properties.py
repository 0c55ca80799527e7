"""The filter_properties mapping of the first filter scheduler, written and read."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from types import SimpleNamespace

import pytest

from filtersched import Destination, Flavor, Image, InstanceGroup, InvalidRequest, RequestSpec, Retry

# As a scheduler of the first releases handed it to its filters.
CALLER = SimpleNamespace(user_id="u1", project_id="p1", is_admin=False)
OLD = {
    "context": CALLER,
    "request_spec": {
        "instance_properties": {
            "project_id": "p1",
            "user_id": "u1",
            "uuid": "i1",
            "image_ref": "img",
            "availability_zone": "az1",
            "memory_mb": 512,
            "vcpus": 1,
            "root_gb": 1,
            "ephemeral_gb": 0,
            "os_type": "linux",
            "launch_index": 3,
        },
        "instance_type": {"id": 7, "name": "m1.tiny", "memory_mb": 512, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0},
        "image": {"id": "img", "properties": {"architecture": "x86_64"}, "min_ram": 0},
        "num_instances": 2,
        "security_group": "default",
    },
    "instance_type": {
        "id": 7,
        "name": "m1.tiny",
        "memory_mb": 512,
        "vcpus": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "extra_specs": {"gpu": "yes"},
        "deleted": False,
    },
    "config_options": {"option": 1},
    "scheduler_hints": {"different_host": ["i8", "i9"], "same_host": "i7"},
    "ignore_hosts": ["cmp9"],
    "retry": {"num_attempts": 1, "hosts": ["cmp3"]},
    "our_own_key": {"x": [1]},
}


# -- reading ----------------------------------------------------------------------------------


def test_old_mapping_becomes_a_request():
    spec = RequestSpec.from_filter_properties(OLD)
    assert spec.flavor == Flavor(512, 1, 1, 0, id=7, name="m1.tiny", extra_specs={"gpu": "yes"})
    assert spec.image == Image("img", properties={"architecture": "x86_64"})
    assert (spec.num_instances, spec.instance_uuid, spec.availability_zone) == (2, "i1", "az1")
    assert (spec.project_id, spec.user_id, spec.security_groups) == ("p1", "u1", ("default",))
    assert (spec.get_scheduler_hint("different_host"), spec.get_scheduler_hint("same_host")) == (["i8", "i9"], "i7")
    assert (spec.ignore_hosts, spec.retry) == (("cmp9",), Retry(1, ["cmp3"]))
    assert (spec.context, spec.config_options) == (CALLER, {"option": 1})


def test_old_mapping_reads_back_with_every_key_it_had():
    spec = RequestSpec.from_filter_properties(OLD)
    assert spec["our_own_key"] == {"x": (1,)}
    assert spec["request_spec"]["instance_properties"]["os_type"] == "linux"
    assert spec["request_spec"]["instance_properties"]["launch_index"] == 3
    assert spec["retry"] == {"num_attempts": 1, "hosts": ["cmp3"]}
    assert spec["ignore_hosts"] == ["cmp9"]
    assert spec["scheduler_hints"] == {"different_host": ["i8", "i9"], "same_host": "i7"}


# As compute sends it back after a failed build, and as later releases fill the records.
RESCHEDULED = {
    "instance_type": {"memory_mb": 512, "vcpus": 1, "root_gb": 1, "deleted": False, "is_public": True},
    "request_spec": {
        "image": {"id": "img", "min_ram": 64, "owner": None},
        "instance_properties": {"os_type": "linux", "metadata": {"a": "b"}, "uuid": "i1"},
        "block_device_mapping": [],
    },
    "context": {"user_id": "u1", "roles": ["member"]},
    "retry": {
        "num_attempts": 2,
        "hosts": [["cmp3", "cmp3.example.net"]],
        "exc": ["Traceback (most recent call last):\n", "NoSpace\n"],
        "exc_reason": "no space",
    },
    "requested_destination": {"host": "cmp4", "aggregates": ["a1"], "forbidden_aggregates": None},
    "instance_group": {"policy": "affinity", "name": "web", "user_id": "u1"},
    "ignore_hosts": [],
    "our_own_key": {"since": "2026"},
}


def test_further_keys_of_every_record_are_kept():
    spec = RequestSpec.from_filter_properties(RESCHEDULED)
    assert spec.retry == Retry(2, [["cmp3", "cmp3.example.net"]])
    assert (spec["retry"]["exc_reason"], spec["retry"]["exc"][1]) == ("no space", "NoSpace\n")
    assert spec["requested_destination"]["aggregates"] == ("a1",)
    assert spec["instance_group"].name == "web"
    assert (spec["instance_type"]["deleted"], spec.flavor.is_public) == (False, True)
    assert spec["request_spec"]["image"]["min_ram"] == 64
    assert spec["request_spec"]["instance_properties"]["metadata"] == {"a": "b"}
    assert (spec["context"].roles, spec["context"]["user_id"], spec.user_id) == (("member",), "u1", "u1")
    assert (spec["ignore_hosts"], spec["request_spec"]["block_device_mapping"]) == ((), ())


def test_further_keys_come_back_from_what_is_written_down():
    spec = RequestSpec.from_filter_properties(RESCHEDULED)
    again = RequestSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert dict(again) == dict(spec)
    for name in ("flavor", "image", "retry", "requested_destination", "instance_group", "context"):
        assert getattr(again, name).further == getattr(spec, name).further != {}
    assert again.further == spec.further


def test_mapping_that_said_more_before_an_assignment_says_it_no_longer():
    spec = RequestSpec.from_filter_properties({"ignore_hosts": ["cmp1"], "limits": {"a": 1}})
    spec.ignore_hosts = ()
    spec.limits = None
    assert (spec.get("ignore_hosts"), spec.get("limits")) == (None, None)


def test_further_key_that_is_no_plain_data_is_refused_by_name():
    with pytest.raises(InvalidRequest, match="our_own_key must be plain data") as caught:
        RequestSpec.from_filter_properties({"our_own_key": object()})
    assert caught.value.field == "our_own_key"


class Record:
    """An object of another library, with what it may have to load first."""

    fields = {"policy": 0, "members": 0, "name": 0, "hosts": 0}
    policy, members, name = "affinity", ["i1"], "web"

    @property
    def hosts(self):
        raise NotImplementedError


def test_further_attributes_of_objects_are_kept():
    spec = RequestSpec.from_filter_properties(
        {"instance_group": Record(), "instance_type": SimpleNamespace(memory_mb=5, extra="x", session=object())}
    )
    assert spec.instance_group == InstanceGroup("affinity", members=["i1"], name="web")
    assert (spec.instance_group.name, spec.flavor.further) == ("web", {"extra": "x"})


class PlainContext:
    """Of a service that knows no way to write it down."""

    def __init__(self):
        self.user_id, self.project_id, self.is_admin = "u1", "p1", True
        self.auth_token, self.user_password, self.session = "hidden", "hidden", object()
        self.roles, self.domain = ["member"], None


class NovaContext(PlainContext):
    """As Nova's: it says itself what can be written down, the token among it."""

    def to_dict(self):
        return {
            **{"user": "u1", "user_id": "u1", "project_id": "p1", "is_admin": True, "domain": None},
            **{"auth_token": "hidden", "roles": ["member"], "timestamp": datetime(2026, 1, 31, 12)},
        }


class DescribedContext:
    """Says who asks in what it can be written down as, and nowhere else."""

    def to_dict(self):
        return {**WHO, "roles": ["member"]}


class BrokenContext:
    """Tells who asks, and nothing else."""

    user_id, project_id, is_admin = "u1", "p1", True

    def to_dict(self):
        raise RuntimeError("no session")


WHO = {"user_id": "u1", "project_id": "p1", "is_admin": True}


@pytest.mark.parametrize(
    ("kind", "further"),
    [
        (PlainContext, {"further": {"roles": ["member"]}}),
        (NovaContext, {"further": {"user": "u1", "roles": ["member"], "timestamp": "2026-01-31T12:00:00"}}),
        (DescribedContext, {"further": {"roles": ["member"]}}),
        (BrokenContext, {}),
    ],
)
def test_context_of_a_running_service_stays_the_object_and_is_written_without_its_secrets(kind, further):
    context = kind()
    spec = RequestSpec.from_filter_properties({"context": context})
    assert spec["context"] is context
    written = spec.to_dict()
    assert written["context"] == {**WHO, **further}
    read = RequestSpec.from_dict(json.loads(json.dumps(written)))
    assert read.to_dict() == written
    assert [read["context"][name] for name in WHO] == list(WHO.values())


def test_context_that_does_not_say_who_asks_is_an_error_by_name():
    class Context:
        @property
        def user_id(self):
            raise RuntimeError("no session")

    spec = RequestSpec(context=Context())
    for read in (lambda: RequestSpec.from_filter_properties({"context": Context()}), spec.to_dict):
        with pytest.raises(InvalidRequest, match="cannot be read, RuntimeError: no session") as caught:
            read()
        assert caught.value.field == "context.user_id"


def test_what_cannot_be_written_of_a_context_is_named_in_the_log(caplog):
    class Context(PlainContext):
        pass

    with caplog.at_level(logging.INFO):
        RequestSpec(context=Context()).to_dict()
        RequestSpec(context=Context()).to_dict()
    (record,) = caplog.records
    assert record.getMessage().startswith("a context, an object of tests.")
    assert record.getMessage().endswith("Context: not read: session")


def test_attribute_of_an_object_that_is_no_plain_data_is_named_in_the_log(caplog):
    class Type(SimpleNamespace):
        pass

    with caplog.at_level(logging.INFO):
        RequestSpec(Type(memory_mb=5, extra="x", session=object()))
    (record,) = caplog.records
    assert record.getMessage().startswith("flavor, an object of ")
    assert record.getMessage().endswith("Type: not read: session")


def test_given_mapping_stays_as_it_is():
    given = {"request_spec": {"instance_uuids": ["i1", "i2"]}, "own": [1]}
    spec = RequestSpec.from_filter_properties(given)
    given["own"].append(2)
    spec.instance_uuid = "i1"
    assert spec["own"] == (1,)
    assert given == {"request_spec": {"instance_uuids": ["i1", "i2"]}, "own": [1, 2]}


def test_uuids_count_and_not_the_number():
    spec = RequestSpec.from_filter_properties({"request_spec": {"instance_uuids": ["a", "b"], "num_instances": 5}})
    assert (spec.num_instances, spec.instance_uuids) == (2, ("a", "b"))


def test_without_a_flavor_the_sizes_of_the_instance_count():
    instance = {"memory_mb": 64, "vcpus": 2, "id": 99, "name": "instance-1"}
    spec = RequestSpec.from_filter_properties(
        {"instance_type": None, "request_spec": {"instance_properties": instance}}
    )
    assert spec.flavor == Flavor(64, 2)


def test_query_of_the_first_release_is_a_hint():
    spec = RequestSpec.from_filter_properties({"query": '[">", "$free_ram_mb", 1]', "scheduler_hints": None})
    assert spec.get_scheduler_hint("query") == '[">", "$free_ram_mb", 1]'
    assert spec["query"] == '[">", "$free_ram_mb", 1]'


def test_group_keys_of_later_releases_make_a_group():
    spec = RequestSpec.from_filter_properties(
        {"group_hosts": ["cmp1"], "group_policies": ["affinity"], "group_members": ["i1"], "group_uuid": "g"}
    )
    assert spec.instance_group == InstanceGroup("affinity", {}, ["cmp1"], ["i1"], "g")


def test_empty_mapping_is_an_empty_request():
    assert RequestSpec.from_filter_properties({}).flavor == Flavor()


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        (None, None),
        ([], None),
        ({"request_spec": 5}, "request_spec"),
        ({"request_spec": {"instance_properties": [1]}}, "instance_properties"),
        ({"instance_type": 5}, "instance_type"),
        ({"instance_type": {"memory_mb": "512"}}, "flavor.memory_mb"),
        ({"scheduler_hints": ["same_host"]}, "scheduler_hints"),
        ({"request_spec": {"num_instances": 0}}, "num_instances"),
        ({"ignore_hosts": 5}, "ignore_hosts"),
        ({"request_spec": {"security_group": 5}}, "security_group"),
    ],
)
def test_mapping_that_makes_no_sense_is_refused_by_name(properties, field):
    with pytest.raises(InvalidRequest) as caught:
        RequestSpec.from_filter_properties(properties)
    assert caught.value.field == field


# -- writing ----------------------------------------------------------------------------------


def test_request_of_today_can_be_read_as_the_old_mapping():
    spec = RequestSpec(
        Flavor(512, 1, 2, 3, id=7),
        image=Image("img"),
        num_instances=2,
        instance_uuid="i1",
        project_id="p1",
        user_id="u1",
        availability_zone="az1",
        security_groups=["default"],
    )
    assert spec["instance_type"]["memory_mb"] == 512
    assert spec["request_spec"]["instance_type"] is spec["instance_type"]
    assert spec["request_spec"]["num_instances"] == 2
    assert spec["request_spec"]["security_group"] == ["default"]
    assert spec["request_spec"]["image"]["id"] == "img"
    assert spec["request_spec"]["instance_properties"] == {
        "project_id": "p1",
        "user_id": "u1",
        "uuid": "i1",
        "image_ref": "img",
        "availability_zone": "az1",
        "instance_type_id": 7,
        "memory_mb": 512,
        "vcpus": 1,
        "root_gb": 2,
        "ephemeral_gb": 3,
    }
    assert (spec["context"].user_id, spec["context"].elevated().is_admin) == ("u1", True)


def test_keys_without_anything_to_say_are_left_out():
    assert sorted(RequestSpec()) == ["config_options", "context", "instance_type", "request_spec", "scheduler_hints"]
    assert RequestSpec().get("ignore_hosts") is None
    assert "image" not in RequestSpec()["request_spec"]


def test_lists_come_as_lists_and_single_hints_unwrapped():
    spec = RequestSpec(ignore_hosts=["a"], force_nodes=["n"], scheduler_hints={"one": ["x"], "two": ["x", "y"]})
    assert (spec["ignore_hosts"], spec["force_nodes"]) == (["a"], ["n"])
    assert spec["scheduler_hints"] == {"one": "x", "two": ["x", "y"]}


def test_tried_hosts_come_as_names_or_as_pairs():
    assert RequestSpec(retry=Retry(2, ["a", ["b", "n"]]))["retry"] == {"num_attempts": 2, "hosts": ["a", ["b", "n"]]}


def test_group_keys_are_there_only_with_a_group():
    assert not [key for key in RequestSpec() if key.startswith("group_")]
    spec = RequestSpec(instance_group=InstanceGroup("affinity", {}, ["cmp1"], ["i1"], "g"))
    assert (spec["group_hosts"], spec["group_policies"], spec["group_members"]) == (["cmp1"], ["affinity"], ["i1"])
    assert (spec["group_uuid"], spec["group_updated"]) == ("g", True)


def test_destination_is_there_under_its_name():
    assert RequestSpec(requested_destination=Destination("cmp1"))["requested_destination"]["host"] == "cmp1"


def test_mapping_follows_the_attributes():
    spec = RequestSpec(Flavor(512))
    assert spec["instance_type"]["memory_mb"] == 512
    spec.flavor = Flavor(1024)
    spec.ignore_hosts = ["cmp1"]
    assert (spec["instance_type"]["memory_mb"], spec["ignore_hosts"]) == (1024, ["cmp1"])


def test_request_is_a_mapping_that_cannot_be_written_to():
    with pytest.raises(TypeError):
        RequestSpec()["query"] = "x"
