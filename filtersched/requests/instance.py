"""Instance: what scheduling knows of one placed instance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, make_dataclass
from datetime import datetime
from typing import Any

from filtersched.columns.frozen import by_values
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
        if type(data) is not dict or type(uuid) is not str:
            return None
        values = _NOTHING.copy()
        try:
            for name, value in data.items():
                at, is_text, check = _PLACES[name]
                # Owners and images are the same of many instances.
                values[at] = sys.intern(value) if is_text and type(value) is str else check(value)
        except (KeyError, ValueError):
            return None
        if values[0] not in (None, uuid):
            return None
        values[0] = uuid
        new: Any = _Draft(*values)
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
# For each field its place among the others, whether it may be text, and its check.
_PLACES = {
    name: (at, name != "uuid" and _CHECKS[name] in (optional_text, plain_scalar), _CHECKS[name])
    for at, name in enumerate(_DEFAULTS)
}
_NOTHING = [None, *list(_DEFAULTS.values())[1:]]
