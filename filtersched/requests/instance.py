"""Instance: what scheduling knows of one placed instance."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from filtersched.columns.plain_data import plain_mapping, plain_scalar
from filtersched.columns.stored import ABSENT, NO_ITEMS, NO_VALUES, Names, NameToValue, Stored
from filtersched.columns.values import naive_utc, optional_text, text, whole
from filtersched.errors import InvalidHost, InvalidRequest, must_be
from filtersched.requests.dedication import DEDICATED, STRICT
from filtersched.requests.record import names, plain, truth
from filtersched.requests.request_values import Flavor


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that runs on a host, as far as scheduling cares; all of it plain data.

    Raises InvalidHost for what no instance can have.
    """

    #: The instance's uuid.
    uuid: str
    #: The project that it belongs to.
    project_id: str | None = None
    #: The user that it belongs to.
    user_id: str | None = None
    #: The `id` of its flavor.
    instance_type_id: Any = None
    #: The id of its image.
    image_ref: str | None = None
    #: The properties of its image.
    image_properties: NameToValue = NO_VALUES
    #: The flavor that it was placed with; releasing gives its amounts back. None if it is unknown.
    flavor: Flavor | None = None
    #: The uuids of the server groups that it is a member of.
    groups: Names = NO_ITEMS
    #: The hints of its request, name to value.
    scheduler_hints: NameToValue = NO_VALUES
    #: The availability zone that its request asked for.
    availability_zone: str | None = None
    #: Whether its request forced it to a host.
    forced: bool = False
    #: How important it is; higher is more.
    priority: int = 0
    #: When it was committed, naive UTC.
    created_at: Stored[datetime | str | None, datetime | None] = ABSENT
    #: What it takes of its host beyond the flavor's amounts: `num_io_ops` until it is built, and
    #: what `consume_from_request` of a class of your own returned.
    consumed: NameToValue = NO_VALUES

    @property
    def kept_for(self) -> str | None:
        """The project that its flavor keeps a host to, "" for an unknown one; None if the flavor keeps none."""
        if self.flavor is None or self.flavor.extra_specs.get(DEDICATED) != STRICT:
            return None
        return self.project_id or ""

    @staticmethod
    def of_checked(*fields: Any) -> Instance:
        """The record of all fields, in their order, that were checked before: each placement makes one."""
        new: Any = _Draft(*fields)
        # The layout is the same, and writing to an object that is frozen takes five times as long.
        new.__class__ = Instance
        return new  # type: ignore[no-any-return]

    def to_dict(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The fields that differ from their defaults, as plain data; the constructor takes them back."""
        data: dict[str, Any] = {"uuid": self.uuid}
        for field, default in _DEFAULTS.items():
            value = getattr(self, field)
            if value is not default and field not in without and value != default:
                data[field] = plain(value)
        return data

    def __post_init__(self) -> None:
        field = ""
        try:
            for field, check in _CHECKS.items():
                value = getattr(self, field)
                if value is _DEFAULTS[field]:
                    continue
                kept = check(value)
                if kept is not value:
                    object.__setattr__(self, field, kept)
        except InvalidRequest as problem:
            raise InvalidHost(f"an instance's {problem}", value=problem.value) from None
        except ValueError as problem:
            value = getattr(self, field)
            raise InvalidHost(f"an instance's {must_be(field, problem, value)}", value=value) from None


class _Draft:
    """An Instance while its fields are written: the same slots, and not frozen yet."""

    __slots__ = tuple(one.name for one in fields(Instance))

    def __init__(
        self,
        uuid: Any,
        project_id: Any,
        user_id: Any,
        instance_type_id: Any,
        image_ref: Any,
        image_properties: Any,
        flavor: Any,
        groups: Any,
        scheduler_hints: Any,
        availability_zone: Any,
        forced: Any,
        priority: Any,
        created_at: Any,
        consumed: Any,
    ) -> None:
        self.uuid = uuid
        self.project_id = project_id
        self.user_id = user_id
        self.instance_type_id = instance_type_id
        self.image_ref = image_ref
        self.image_properties = image_properties
        self.flavor = flavor
        self.groups = groups
        self.scheduler_hints = scheduler_hints
        self.availability_zone = availability_zone
        self.forced = forced
        self.priority = priority
        self.created_at = created_at
        self.consumed = consumed


def _flavor(value: Any) -> Flavor | None:
    return None if value is None else Flavor.of(value, "flavor")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "uuid": text,
    **dict.fromkeys(("project_id", "user_id", "image_ref", "availability_zone"), optional_text),
    "instance_type_id": plain_scalar,
    **dict.fromkeys(("image_properties", "scheduler_hints", "consumed"), plain_mapping),
    "flavor": _flavor,
    "groups": names,
    "forced": truth,
    "priority": whole,
    "created_at": naive_utc,
}
_DEFAULTS: dict[str, Any] = {one.name: one.default if one.name != "uuid" else "" for one in fields(Instance)}
