"""Instance: what scheduling knows of one placed instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.columns.values import read_only_mapping
from filtersched.errors import InvalidHost


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that runs on a host, as far as scheduling cares."""

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
    image_properties: FrozenDict = EMPTY

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_properties", _image_properties(self.image_properties))


def _image_properties(value: Any) -> FrozenDict:
    try:
        return read_only_mapping(value)
    except ValueError as problem:
        raise InvalidHost(f"an instance's image_properties must be {problem}, not {value!r}", value=value) from None
