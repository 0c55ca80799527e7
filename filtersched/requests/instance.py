"""Instance: what scheduling knows of one placed instance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, make_dataclass
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import by_values
from filtersched.columns.plain_data import USUAL, plain_mapping, plain_scalar
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

    __reduce__ = by_values

    @property
    def kept_for(self) -> str | None:
        """The project that its flavor keeps a host to, "" for an unknown one; None if the flavor keeps none."""
        if self.flavor is None or self.flavor.extra_specs.get(DEDICATED) != STRICT:
            return None
        return self.project_id or ""

    @staticmethod
    def of_checked(*values: Any) -> Instance:
        """The record of all fields, in their order, that were checked before: each placement makes one."""
        new: Any = _Draft(*values)
        # The layout is the same, and writing to an object that is frozen takes five times as long.
        new.__class__ = Instance
        return new  # type: ignore[no-any-return]

    @staticmethod
    def of_data(uuid: Any, data: Any) -> Instance | None:
        """The record of data as a file has them; None for what the constructor has to explain."""
        found = Instance.all_of_data({uuid: data}) if type(uuid) is str else None
        return found[uuid] if found else None

    @staticmethod
    def all_of_data(instances: dict[Any, Any]) -> dict[str, Instance] | None:
        """The same of several, by uuid; None if there is one that the constructor has to explain."""
        made: dict[str, Instance] = {}
        try:
            for uuid, data in instances.items():
                if type(data) is not dict or type(uuid) is not str:
                    return None
                new: Any = _Draft(uuid)
                for name, value in data.items():
                    own_name, may_be_text, may_be_number, check = _FIELDS[name]
                    kind: Any = type(value)
                    if kind is str and may_be_text:
                        # Owners and images are the same of many instances.
                        value = sys.intern(value)
                    elif kind is not int or not may_be_number or not 0 <= value < USUAL:
                        value = check(value)
                    setattr(new, own_name, value)
                if new.uuid != uuid:
                    return None
                new.uuid = uuid
                new.__class__ = Instance
                made[uuid] = new
        except (KeyError, ValueError):
            return None
        return made

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


# An Instance while its fields are written: the same slots, and not frozen yet.
_Draft: Any = make_dataclass(
    "_Draft", [(one.name, Any, one.default) for one in fields(Instance)], eq=False, repr=False, slots=True
)


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
# Each field: its name as Python's own text, which is written twice as fast as a copy of it; whether it may be text or a
# number without a closer look; and its check.
_FIELDS = {
    name: (sys.intern(name), check in (optional_text, plain_scalar), check is plain_scalar, check)
    for name, check in _CHECKS.items()
}
