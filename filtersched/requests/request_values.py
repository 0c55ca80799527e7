"""The parts of a request: flavor, image, server group and the like; and how values are checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Never, Self

from filtersched.columns.frozen import EMPTY, FrozenDict, freeze, thaw
from filtersched.columns.stored import NO_ITEMS, NO_VALUES, Names, NameToValue, Stored
from filtersched.columns.values import amount
from filtersched.errors import InvalidRequest, nearest

_RESOURCE_KEY = re.compile(r"resources(?:_?[A-Za-z0-9_-]{1,64})?:(?P<name>.+)")


def checked_size(field: str, value: Any) -> Any:
    try:
        checked = amount(value)
        if checked is None:
            raise ValueError("a number")
    except ValueError as problem:
        raise InvalidRequest(f"{field} must be {problem}, not {value!r}", field=field, value=value) from None
    return checked


def checked_mapping(field: str, value: Any) -> FrozenDict[str, Any]:
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{field} must be a mapping, not {value!r}", field=field, value=value)
    for key in value:
        if not isinstance(key, str):
            raise InvalidRequest(f"{field}: a key must be text, not {key!r}", field=field, value=value)
    frozen: FrozenDict[str, Any] = checked_data(field, value)
    return frozen


def checked_data(field: str, value: Any) -> Any:
    try:
        return freeze(value)
    except RecursionError:
        raise InvalidRequest(f"{field} is nested too deeply", field=field) from None


def checked_names(field: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable):
        raise InvalidRequest(f"{field} must be a list of names, not {value!r}", field=field, value=value)
    names = tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise InvalidRequest(f"{field} must be a list of names, not {value!r}", field=field, value=value)
    return names


class Record(Mapping[str, Any]):
    """A frozen dataclass that can also be read as a mapping: `flavor["vcpus"]`, `flavor.get("swap")`."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __getitem__(self, key: str) -> Any:
        if key in self.__dataclass_fields__:
            return getattr(self, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    @classmethod
    def of(cls, value: Any, field: str) -> Self:
        """`value` itself, or made from a mapping. Raises InvalidRequest for unknown keys."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            value = attributes_of(value, cls.__dataclass_fields__, field)
        unknown = [key for key in value if key not in cls.__dataclass_fields__]
        if unknown:
            raise unknown_field(f"{field}.{unknown[0]}", unknown[0], cls.__dataclass_fields__, value[unknown[0]])
        return cls(**value)


def attributes_of(value: Any, names: Iterable[str], field: str) -> dict[str, Any]:
    """The named attributes that an object of another library (Nova's own, say) has."""
    given = {name: getattr(value, name) for name in names if hasattr(value, name)}
    if not given:
        raise InvalidRequest(f"{field} must be a mapping, not {value!r}", field=field, value=value)
    return given


def unknown_field(field: str, name: str, known: Iterable[str], value: Any) -> InvalidRequest:
    message = f"{field}: there is no {name!r} in a request. {nearest(name, known)}".rstrip()
    return InvalidRequest(message, field=field, value=value)


@dataclass(frozen=True, slots=True, init=False)
class Flavor(Record):
    """What one instance needs: memory and swap in MiB, disks in GiB. Hashable, and a mapping too.

    Raises InvalidRequest for an unknown keyword, and for a size that is negative or no number.
    """

    #: Memory, MiB.
    memory_mb: float
    #: Virtual CPUs.
    vcpus: float
    #: Root disk, GiB.
    root_gb: float
    #: Ephemeral disk, GiB.
    ephemeral_gb: float
    #: Swap disk, MiB.
    swap: float
    #: Such as "m1.small".
    name: str | None
    #: The public id.
    flavorid: str | None
    #: The internal id; TypeAffinityFilter compares it.
    id: Any
    #: No filter of the library reads it.
    rxtx_factor: float | None
    #: No filter of the library reads it.
    vcpu_weight: float | None
    #: Further wishes, name to value.
    extra_specs: Mapping[str, Any]

    def __init__(
        self,
        memory_mb: float = 0,
        vcpus: float = 0,
        root_gb: float = 0,
        ephemeral_gb: float = 0,
        swap: float = 0,
        *,
        name: str | None = None,
        flavorid: str | None = None,
        id: Any = None,
        rxtx_factor: float | None = None,
        vcpu_weight: float | None = None,
        extra_specs: Mapping[str, Any] | None = None,
        **unknown: Never,
    ) -> None:
        for key in unknown:
            raise unknown_field(f"flavor.{key}", key, self.__dataclass_fields__, unknown[key])
        write = object.__setattr__
        sizes = {
            "memory_mb": memory_mb,
            "vcpus": vcpus,
            "root_gb": root_gb,
            "ephemeral_gb": ephemeral_gb,
            "swap": swap,
        }
        for key, size in sizes.items():
            write(self, key, checked_size(f"flavor.{key}", size))
        write(self, "name", name)
        write(self, "flavorid", flavorid)
        write(self, "id", id)
        write(self, "rxtx_factor", rxtx_factor)
        write(self, "vcpu_weight", vcpu_weight)
        write(self, "extra_specs", checked_mapping("flavor.extra_specs", extra_specs))

    @property
    def resources(self) -> Mapping[str, Any]:
        """Countable resources asked for by `resources:NAME` extra specs, numbered groups added up.

        Raises InvalidRequest for an amount that is not a whole number of zero or more.
        """
        asked: dict[str, int] = {}
        for key, value in self.extra_specs.items():
            match = _RESOURCE_KEY.fullmatch(key)
            if match is None:
                continue
            if not str(value).strip().isdecimal():
                raise InvalidRequest(
                    f"flavor.extra_specs: {key} must be a whole number, not {value!r}", field=key, value=value
                )
            asked[match["name"]] = asked.get(match["name"], 0) + int(value)
        return FrozenDict(asked)


@dataclass(frozen=True, slots=True)
class Image(Record):
    """The image to boot from; `properties` under their names of today (`hw_architecture`, …) or of old."""

    #: The image's id.
    id: str | None = None
    #: The image's name.
    name: str | None = None
    #: Its properties, name to value.
    properties: NameToValue = NO_VALUES

    def __post_init__(self) -> None:
        object.__setattr__(self, "properties", checked_mapping("image.properties", self.properties))


@dataclass(frozen=True, slots=True)
class InstanceGroup(Record):
    """A server group: `members` are instance uuids, `hosts` the hosts they are on.

    policy : "affinity", "anti-affinity", "soft-affinity" or "soft-anti-affinity".
    rules : `{"max_server_per_host": n}` for anti-affinity, values may be text.
    """

    policy: str | None = None
    rules: NameToValue = NO_VALUES
    #: The hosts that members are on, one entry per member.
    hosts: Names = NO_ITEMS
    #: The uuids of the instances in the group.
    members: Names = NO_ITEMS
    #: The group's uuid.
    uuid: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", checked_mapping("instance_group.rules", self.rules))
        for name in ("hosts", "members"):
            object.__setattr__(self, name, checked_names(f"instance_group.{name}", getattr(self, name)))

    @property
    def policies(self) -> tuple[str, ...]:
        """The policy as the list it once was: of one item, or empty."""
        return () if self.policy is None else (self.policy,)

    def with_members(self, uuids: Iterable[str]) -> InstanceGroup:
        """The group with instances that are about to be placed as members of it."""
        known = set(self.members)
        return replace(self, members=self.members + tuple(uuid for uuid in uuids if uuid not in known))

    def with_host(self, host: str) -> InstanceGroup:
        """The group with one more instance on `host`; a host is listed once per instance."""
        # As they are: they were checked when they came, and a large group has many.
        new = object.__new__(type(self))
        for name in ("policy", "rules", "members", "uuid"):
            object.__setattr__(new, name, getattr(self, name))
        object.__setattr__(new, "hosts", self.hosts + (host,))  # noqa: RUF005 - twice as fast
        return new


class HostNode(NamedTuple):
    """A host, or one node of it, that was tried before."""

    #: The name of the host.
    host: str
    #: The name of the node; None means every node of the host.
    nodename: str | None = None

    @property
    def hypervisor_hostname(self) -> str | None:
        """The node under the name that compute records give it."""
        return self.nodename


@dataclass(frozen=True, slots=True)
class Retry(Record):
    """How often the request was tried, and where."""

    #: How often the request was tried, this time included.
    num_attempts: int = 1
    #: The hosts, or nodes, that it was tried on.
    hosts: Stored[Iterable[HostNode | str | Sequence[str | None]], tuple[HostNode, ...]] = NO_ITEMS

    def __post_init__(self) -> None:
        attempts = self.num_attempts
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 0:
            raise InvalidRequest(
                f"retry.num_attempts must be a whole number of zero or more, not {attempts!r}",
                field="retry.num_attempts",
                value=attempts,
            )
        try:
            tried = tuple(HostNode(one) if isinstance(one, str) else HostNode(*one) for one in self.hosts)
        except TypeError:
            raise InvalidRequest(
                f"retry.hosts must be a list of hosts, or of [host, node], not {self.hosts!r}",
                field="retry.hosts",
                value=self.hosts,
            ) from None
        object.__setattr__(self, "hosts", tried)


@dataclass(frozen=True, slots=True)
class Destination(Record):
    """Where an instance must go (`host`, `node`) or may come from (`cell`) when it is moved."""

    #: The host that the instance must go to.
    host: str | None = None
    #: The node that it must go to.
    node: str | None = None
    #: The uuid of the cell that it comes from.
    cell: str | None = None
    #: Whether it may leave that cell.
    allow_cross_cell_move: bool = False


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, for filters that look at `filter_properties["context"]`."""

    user_id: str | None = None
    project_id: str | None = None
    is_admin: bool = False

    def elevated(self) -> RequestContext:
        """The same caller as an administrator."""
        return replace(self, is_admin=True)


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Record):
        named = ((field.name, plain(getattr(value, field.name))) for field in fields(value))
        return {name: item for name, item in named if item not in (None, {}, [])}
    return thaw(value)
