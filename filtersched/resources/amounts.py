"""What one instance takes of a resource: asked of the plug-in and checked, or read from the instance's record."""

from __future__ import annotations

from typing import Any

from filtersched.columns import values
from filtersched.errors import InvalidAnswer, InvalidHost, shown
from filtersched.hosts.shared_amounts import SHARED_RESOURCES, taken_by
from filtersched.plugins.notes import note_host
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor, Image
from filtersched.resources.scope import Scope
from filtersched.resources.shared_resource import SharedResource


def checked_amount(resource: SharedResource, scope: Scope, spec: Any, host: Any, found: Any) -> int | float:
    """The amount that a plug-in returned. Raises InvalidAnswer, which names resource, host and scope."""
    try:
        if found is True or found is False:
            return int(found)
        amount: int | float = values.amount(found)
        return amount
    except (ValueError, TypeError):
        name = resource.label
        where = ", ".join(map(scope.words, scope.of(host, spec))) or scope.missing_words()
        raise InvalidAnswer(
            f"{name}.amount returned {shown(found)} for host {host.host!r} ({where}); return a number of 0 or more",
            plugin=name,
            method="amount",
            value=found,
        ) from None


def amount_asked(resource: SharedResource, scope: Scope, spec: RequestSpec, host: Any) -> int | float:
    """What an instance of a request would take on a host. An exception of the plug-in goes on with a note."""
    try:
        found = resource.amount(spec, host)
    except Exception as problem:
        # The boundary to the plug-in.
        note_host(problem, resource, host, spec.instance_uuid, what=f"for the amount of {resource.label!r} on")
        raise
    return checked_amount(resource, scope, spec, host, found)


def recorded_amount(resource: SharedResource, instance: Any, host: Any) -> int | float | None:
    """What an instance on a host took by its record; None if the resource was not in use then."""
    recorded = taken_by(instance)
    if recorded is None or resource.label not in recorded:
        return None
    record = recorded[resource.label]
    try:
        amount: int | float = values.amount(record["amount"])
        return amount
    except (ValueError, TypeError, KeyError):
        uuid = getattr(instance, "uuid", None)
        raise InvalidHost(
            f"host {host.host!r}: instance {uuid} has consumed[{SHARED_RESOURCES!r}] with {shown(record)} for "
            f"{resource.label!r}; it must have an 'amount' of 0 or more",
            host=host.host,
            attribute="instances",
            value=record,
        ) from None


class Requests:
    """Requests as those of instances may have been, as far as their records tell; alike instances share one."""

    def __init__(self) -> None:
        # With the instance, so that the ids stay its values'.
        self._made: dict[Any, tuple[Any, RequestSpec]] = {}

    def of(self, instance: Any) -> RequestSpec:
        """The request of an instance, without its uuid."""
        known = [getattr(instance, name, None) for name in _SHARED_FIELDS]
        key = (*map(id, known), getattr(instance, "project_id", None), getattr(instance, "user_id", None))
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = (instance, _request_of(instance))
        return found[1]


_SHARED_FIELDS = ("flavor", "image_ref", "image_properties", "scheduler_hints", "availability_zone")


def _request_of(instance: Any) -> RequestSpec:
    if not isinstance(instance, Instance):
        return RequestSpec(flavor=Flavor(), project_id=getattr(instance, "project_id", None))
    has_image = instance.image_ref is not None or instance.image_properties
    return RequestSpec(
        flavor=Flavor() if instance.flavor is None else instance.flavor,
        image=Image(id=instance.image_ref, properties=instance.image_properties) if has_image else None,
        project_id=instance.project_id,
        user_id=instance.user_id,
        scheduler_hints=instance.scheduler_hints,
        availability_zone=instance.availability_zone,
    )
