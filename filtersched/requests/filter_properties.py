"""The `filter_properties` of the first filter scheduler, made from a request and read into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filtersched.columns.frozen import EMPTY
from filtersched.errors import InvalidRequest
from filtersched.requests.request_values import (
    Flavor,
    Image,
    InstanceGroup,
    RequestContext,
    attributes_of,
    checked_names,
)

_SAME_NAME = (
    "ignore_hosts",
    "force_hosts",
    "force_nodes",
    "requested_destination",
    "retry",
    "limits",
    "config_options",
    "pci_requests",
)


def view(spec: Any) -> dict[str, Any]:
    """What an old filter reads, made from a RequestSpec; keys without anything to say are left out."""
    flavor, image, group, retry = spec.flavor, spec.image, spec.instance_group, spec.retry
    hints = {name: unwrapped(value) for name, value in spec.scheduler_hints.items()}
    record = dict(spec._given.get("request_spec") or {})
    record["instance_properties"] = {
        **(record.get("instance_properties") or {}),
        "project_id": spec.project_id,
        "user_id": spec.user_id,
        "uuid": spec.instance_uuid,
        "image_ref": image.id if image else None,
        "availability_zone": spec.availability_zone,
        "instance_type_id": flavor.id,
        **{name: flavor[name] for name in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")},
    }
    record.update(instance_type=flavor, num_instances=spec.num_instances)
    record.setdefault("security_group", list(spec.security_groups))
    if spec.instance_uuids:
        record["instance_uuids"] = list(spec.instance_uuids)
    if image is not None:
        record["image"] = image
    context = spec.context or RequestContext(user_id=spec.user_id, project_id=spec.project_id)
    view = {
        "context": context,
        "request_spec": record,
        "instance_type": flavor,
        "config_options": spec.config_options,
        "scheduler_hints": hints,
        "query": hints.get("query"),
        "ignore_hosts": list(spec.ignore_hosts),
        "force_hosts": list(spec.force_hosts),
        "force_nodes": list(spec.force_nodes),
        "requested_destination": spec.requested_destination,
        "limits": spec.limits,
        "pci_requests": spec.pci_requests,
        "instance_group": group,
    }
    if retry is not None:
        tried = [one.host if one.nodename is None else list(one) for one in retry.hosts]
        view["retry"] = {"num_attempts": retry.num_attempts, "hosts": tried}
    if group is not None:
        view["group_hosts"] = list(group.hosts)
        view["group_policies"] = list(group.policies)
        view["group_members"] = list(group.members)
        view["group_uuid"] = group.uuid
        view["group_updated"] = True
    always = ("context", "request_spec", "instance_type", "config_options", "scheduler_hints")
    return {key: value for key, value in view.items() if key in always or value not in (None, [], EMPTY)}


def attributes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The RequestSpec attributes that a `filter_properties` dict tells of."""
    request = _mapping_in(properties, "request_spec")
    instance = _mapping_in(request, "instance_properties")
    context = properties.get("context")
    uuids = request.get("instance_uuids") or ()
    told = {
        "flavor": _flavor_of(properties.get("instance_type") or request.get("instance_type"), instance),
        "image": _image_of(request.get("image"), instance),
        "num_instances": len(uuids) or request.get("num_instances", 1),
        "instance_uuids": uuids,
        "instance_uuid": instance.get("uuid"),
        "project_id": instance.get("project_id", getattr(context, "project_id", None)),
        "user_id": instance.get("user_id", getattr(context, "user_id", None)),
        "availability_zone": instance.get("availability_zone"),
        "scheduler_hints": _hints_of(properties),
        "security_groups": checked_names("security_group", request.get("security_group")),
        "instance_group": _group_of(properties),
        "context": context,
        **{name: properties.get(name) for name in _SAME_NAME},
    }
    return {name: value for name, value in told.items() if value is not None}


def _mapping_in(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = source.get(name) or {}
    if not isinstance(found, Mapping):
        raise InvalidRequest(f"{name} must be a mapping, not {found!r}", field=name, value=found)
    return found


def _flavor_of(instance_type: Any, instance: Mapping[str, Any]) -> Flavor | None:
    source = instance_type or instance
    if isinstance(source, Flavor):
        return source
    if not isinstance(source, Mapping):
        source = attributes_of(source, Flavor.__dataclass_fields__, "instance_type")
    known = {name: source[name] for name in Flavor.__dataclass_fields__ if source.get(name) is not None}
    if instance_type is None:
        for name in ("id", "name"):
            known.pop(name, None)
    return Flavor(**known)


def _image_of(image: Any, instance: Mapping[str, Any]) -> Image | None:
    if not image:
        return Image(id=instance["image_ref"]) if instance.get("image_ref") else None
    if not isinstance(image, Mapping):
        image = attributes_of(image, Image.__dataclass_fields__, "image")
    known = {name: image[name] for name in Image.__dataclass_fields__ if image.get(name) is not None}
    return Image(**{"id": instance.get("image_ref"), **known})


def _hints_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    hints = _mapping_in(properties, "scheduler_hints")
    query = properties.get("query")
    return dict(hints) if query is None else {**hints, "query": query}


def _group_of(properties: Mapping[str, Any]) -> InstanceGroup | None:
    if properties.get("instance_group") is not None:
        return InstanceGroup.of(properties["instance_group"], "instance_group")
    if "group_hosts" not in properties:
        return None
    policies = list(properties.get("group_policies") or ())
    return InstanceGroup(
        policy=policies[0] if policies else None,
        hosts=properties["group_hosts"],
        members=properties.get("group_members") or (),
        uuid=properties.get("group_uuid"),
    )


def unwrapped(hint: Any) -> Any:
    if isinstance(hint, tuple):
        return hint[0] if len(hint) == 1 else list(hint)
    return hint
