"""Instance: what scheduling knows of one placed instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from filtersched.columns.plain_data import plain_mapping, plain_scalar
from filtersched.columns.stored import NO_VALUES, NameToValue
from filtersched.columns.values import optional_text, text
from filtersched.errors import InvalidHost, must_be


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

    @classmethod
    def of_checked(cls, **fields: Any) -> Self:
        """The record of values that were checked before: making one is part of every placement."""
        new = object.__new__(cls)
        for field, value in fields.items():
            object.__setattr__(new, field, value)
        return new

    def __post_init__(self) -> None:
        field = ""
        try:
            for field, check in _CHECKS.items():
                value = getattr(self, field)
                kept = check(value)
                if kept is not value:
                    object.__setattr__(self, field, kept)
        except ValueError as problem:
            value = getattr(self, field)
            raise InvalidHost(f"an instance's {must_be(field, problem, value)}", value=value) from None


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "uuid": text,
    **dict.fromkeys(("project_id", "user_id", "image_ref"), optional_text),
    "instance_type_id": plain_scalar,
    "image_properties": plain_mapping,
}
