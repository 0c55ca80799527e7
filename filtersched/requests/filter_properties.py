"""The `filter_properties` of the first filter scheduler, made from a request and read into one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sized
from types import SimpleNamespace
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.columns.plain_data import attributes_of, plain_ones
from filtersched.errors import InvalidRequest, must_be
from filtersched.requests.record import Record, checked_data, checked_names
from filtersched.requests.request_values import (
    Destination,
    Flavor,
    Image,
    InstanceGroup,
    RequestContext,
    Retry,
)

LOG = logging.getLogger(__name__)

_SAME_NAME = ("ignore_hosts", "force_hosts", "force_nodes", "limits", "config_options", "pci_requests")
_RECORDS: dict[str, type[Record]] = {
    "requested_destination": Destination,
    "instance_group": InstanceGroup,
    "retry": Retry,
}
_GROUP_KEYS = ("group_hosts", "group_policies", "group_members", "group_uuid", "group_updated")
# What `attributes` reads and `view` writes; the rest of a mapping stays unmodified.
_KNOWN = frozenset(("context", "request_spec", "instance_type", "scheduler_hints", "query", *_SAME_NAME, *_RECORDS))
_KNOWN_IN_REQUEST = frozenset(("instance_properties", "instance_type", "num_instances", "instance_uuids", "image"))
_SIZES = ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")
_KNOWN_IN_INSTANCE = frozenset(
    ("project_id", "user_id", "uuid", "image_ref", "availability_zone", "instance_type_id", *_SIZES)
)


def view(spec: Any) -> dict[str, Any]:
    """What an old filter reads, made from a RequestSpec; keys without anything to say are left out."""
    flavor, image, group, retry = spec.flavor, spec.image, spec.instance_group, spec.retry
    hints = {name: unwrapped(value) for name, value in spec.scheduler_hints.items()}
    record = dict(spec.further.get("request_spec") or {})
    record["instance_properties"] = {
        **(record.get("instance_properties") or {}),
        "project_id": spec.project_id,
        "user_id": spec.user_id,
        "uuid": spec.instance_uuid,
        "image_ref": image.id if image else None,
        "availability_zone": spec.availability_zone,
        "instance_type_id": flavor.id,
        **{name: flavor[name] for name in _SIZES},
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
        view["retry"] = {**retry.further, "num_attempts": retry.num_attempts, "hosts": tried}
    if group is not None:
        view["group_hosts"] = list(group.hosts)
        view["group_policies"] = list(group.policies)
        view["group_members"] = list(group.members)
        view["group_uuid"] = group.uuid
        view["group_updated"] = True
    always = ("context", "request_spec", "instance_type", "config_options", "scheduler_hints")
    said = {key: value for key, value in view.items() if key in always or value not in (None, [], EMPTY)}
    return {**spec.further, **said}


def attributes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The RequestSpec attributes that a `filter_properties` dict has."""
    request = _mapping_in(properties, "request_spec")
    instance = _mapping_in(request, "instance_properties")
    context = properties.get("context")
    caller = context if isinstance(context, Mapping) else _facts_of(context)
    uuids = checked_names("instance_uuids", request.get("instance_uuids"))
    found = {
        "flavor": _flavor_of(properties.get("instance_type") or request.get("instance_type"), instance),
        "image": _image_of(request.get("image"), instance),
        "num_instances": len(uuids) or request.get("num_instances", 1),
        "instance_uuids": uuids,
        "instance_uuid": instance.get("uuid"),
        "project_id": instance.get("project_id", caller.get("project_id")),
        "user_id": instance.get("user_id", caller.get("user_id")),
        "availability_zone": instance.get("availability_zone"),
        "scheduler_hints": _hints_of(properties),
        "security_groups": checked_names("security_group", request.get("security_group")),
        "context": context,
        **{name: properties.get(name) for name in _SAME_NAME},
        **{
            name: kind.of(properties[name], name, keep=True)
            for name, kind in _RECORDS.items()
            if properties.get(name) is not None
        },
    }
    if "group_hosts" in properties:
        found.setdefault("instance_group", _group_of(properties))
    found["further"] = _further(properties, request, instance)
    return {name: value for name, value in found.items() if value is not None}


def _further(
    properties: Mapping[str, Any], request: Mapping[str, Any], instance: Mapping[str, Any]
) -> FrozenDict[str, Any]:
    """What the mapping says beyond the attributes, and what it says is empty: `view` leaves that out."""
    known = _KNOWN | (frozenset(_GROUP_KEYS) if "group_hosts" in properties else frozenset())
    further = _beyond("", properties, known)
    in_request = _beyond("request_spec.", request, _KNOWN_IN_REQUEST)
    in_instance = {
        key: checked_data(f"request_spec.instance_properties.{key}", value)
        for key, value in instance.items()
        if key not in _KNOWN_IN_INSTANCE
    }
    if in_instance:
        in_request["instance_properties"] = FrozenDict(in_instance)
    if in_request:
        further["request_spec"] = FrozenDict(in_request)
    return FrozenDict(further)


def _beyond(where: str, given: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {
        key: checked_data(f"{where}{key}", value)
        for key, value in given.items()
        if key not in known or value is None or (isinstance(value, Sized) and not len(value))
    }


def _facts_of(context: Any) -> dict[str, Any]:
    """What the context of a running service says of the caller."""
    kinds = {"user_id": str, "project_id": str, "is_admin": bool}
    facts = {}
    for name in kinds:
        try:
            facts[name] = getattr(context, name, None)
        except Exception as problem:
            # The boundary to another library.
            said = f"context.{name} cannot be read, {type(problem).__name__}: {problem}"
            raise InvalidRequest(said, field=f"context.{name}", value=None) from problem
    return {name: fact for name, fact in facts.items() if isinstance(fact, kinds[name])}


def context_record(context: Any) -> Any:
    """Who asks, as a record that can be written down.

    Of a service's context: what its own `to_dict` says, or else its public attributes. Secrets are
    left out, and what is no plain data, which the log names.
    """
    if context is None or isinstance(context, RequestContext):
        return context
    fields = RequestContext.__dataclass_fields__.keys()
    said = {name: fact for name, fact in _said_by(context).items() if fact is not None}
    facts = {**_facts_of(SimpleNamespace(**said)), **_facts_of(context)}
    others = {
        name: fact
        for name, fact in said.items()
        if name not in fields and not any(word in name for word in _SECRETS)
    }
    return RequestContext(**facts, further=plain_ones(others, "a context", context))


_SECRETS = ("token", "password", "secret", "auth_plugin")


def _said_by(context: Any) -> dict[str, Any]:
    try:
        described = getattr(context, "to_dict", None)
        said = described() if callable(described) else None
        if not isinstance(said, Mapping):
            said = attributes_of(context) or {}
        return {name: fact for name, fact in said.items() if isinstance(name, str)}
    except Exception:
        # The boundary to another library. Who asks is read all the same.
        LOG.info("a context, an object of %s: cannot be read", type(context).__qualname__, exc_info=True)
        return {}


def _mapping_in(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = source.get(name) or {}
    if not isinstance(found, Mapping):
        raise InvalidRequest(must_be(name, "a mapping", found), field=name, value=found)
    return found


def _flavor_of(instance_type: Any, instance: Mapping[str, Any]) -> Flavor:
    if instance_type:
        return Flavor.of(instance_type, "instance_type", keep=True)
    known = {name: instance[name] for name in Flavor.__dataclass_fields__ if instance.get(name) is not None}
    # Those are the instance's own.
    for name in ("id", "name", "further"):
        known.pop(name, None)
    return Flavor(**known)


def _image_of(image: Any, instance: Mapping[str, Any]) -> Image | None:
    if not image:
        return Image(id=instance["image_ref"]) if instance.get("image_ref") else None
    if isinstance(image, Mapping) and image.get("id") is None:
        image = {**image, "id": instance.get("image_ref")}
    return Image.of(image, "image", keep=True)


def _hints_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    hints = _mapping_in(properties, "scheduler_hints")
    query = properties.get("query")
    return dict(hints) if query is None else {**hints, "query": query}


def _group_of(properties: Mapping[str, Any]) -> InstanceGroup:
    policies = checked_names("group_policies", properties.get("group_policies"))
    return InstanceGroup(
        policy=policies[0] if policies else None,
        hosts=properties["group_hosts"],
        members=properties.get("group_members") or (),
        uuid=properties.get("group_uuid"),
    )


def unwrapped(hint: Any) -> Any:
    """A hint as old filters read it: a list of exactly one item is that item."""
    if isinstance(hint, tuple):
        return hint[0] if len(hint) == 1 else list(hint)
    return hint
