"""The parts of a request: flavor, image, server group and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Never

from filtersched.columns.frozen import FrozenDict, FrozenList, FrozenNames
from filtersched.columns.plain_data import plain_data, plain_mapping, plain_scalar
from filtersched.columns.shared_values import shared_made
from filtersched.columns.stored import NO_ITEMS, NO_VALUES, Names, NameToValue, Stored
from filtersched.columns.values import name as a_name
from filtersched.columns.values import number, optional, optional_text, whole
from filtersched.requests.record import Checks, Record, checked, names, size, truth, unknown_field

_RESOURCE_KEY = re.compile(r"resources(?:_?[A-Za-z0-9_-]{1,64})?:(?P<name>.+)")


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
    #: Whether every project may use it; no filter of the library reads it.
    is_public: bool
    #: Whether it is taken out of use; no filter of the library reads it.
    disabled: bool
    #: The projects that may use it, if it is not public; no filter of the library reads them.
    projects: tuple[str, ...]
    #: What `filter_properties` or an object of another library says beyond this.
    further: Mapping[str, Any] = field(compare=False)

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
        is_public: bool = True,
        disabled: bool = False,
        projects: Iterable[str] | None = None,
        further: Mapping[str, Any] | None = None,
        **unknown: Never,
    ) -> None:
        for key in unknown:
            raise unknown_field(f"flavor.{key}", key, self.__dataclass_fields__, unknown[key])
        given = {
            "memory_mb": memory_mb,
            "vcpus": vcpus,
            "root_gb": root_gb,
            "ephemeral_gb": ephemeral_gb,
            "swap": swap,
            "name": name,
            "flavorid": flavorid,
            "id": id,
            "rxtx_factor": rxtx_factor,
            "vcpu_weight": vcpu_weight,
            "extra_specs": NO_VALUES if extra_specs is None else extra_specs,
            "is_public": is_public,
            "disabled": disabled,
            "projects": NO_ITEMS if projects is None else projects,
        }
        self._keep("flavor", _FLAVOR, given, further)

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
            asked[match["name"]] = asked.get(match["name"], 0) + checked(key, value, wished_amount)
        return FrozenDict(asked)


def wished_amount(value: Any) -> int:
    """The amount that an extra spec asks for. Raises ValueError."""
    if not str(value).strip().isdecimal():
        raise ValueError("a whole number")
    return whole(value)


def _extra_specs(value: Any) -> FrozenDict[str, Any]:
    """Extra specs; flavors with equal ones share an object, which a plug-in knows again once it has read it."""
    found: FrozenDict[str, Any] = shared_made(plain_mapping, value) if type(value) is dict else plain_mapping(value)
    return found


def _rules(value: Any) -> Any:
    """The rules of a group; of a list of them the spread rules become the list `spread`."""
    if not isinstance(value, list | tuple):
        return plain_mapping(value)
    if not all(isinstance(one, Mapping) for one in value):
        raise ValueError("a mapping, or a list of mappings")
    others = {key: item for one in value if "spread" not in one for key, item in one.items()}
    spread = [one for one in value if "spread" in one]
    return plain_mapping({**others, "spread": spread} if spread else others)


class ImageProperties(FrozenDict[str, Any]):
    """The properties of an image, which can be read as attributes too: None for one that is not set."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "is_plain":
            raise AttributeError(f"the properties of an image have no {name!r}")
        return self.get(name)

    def obj_attr_is_set(self, name: str) -> bool:
        """Whether the property is set, as Nova's objects say it."""
        return name in self


_NO_PROPERTIES = ImageProperties()


def _properties(value: Any) -> ImageProperties:
    if type(value) is ImageProperties:
        return value
    return ImageProperties(plain_mapping(value)) if value else _NO_PROPERTIES


def _members(value: Any) -> FrozenNames:
    return value if type(value) is FrozenNames else FrozenNames(names(value))


_TEXT = (None, optional_text)
_SCALAR = (None, plain_scalar)
_FLAVOR: Checks = {
    **dict.fromkeys(("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap"), (0, size)),
    **dict.fromkeys(("name", "flavorid", "id"), _SCALAR),
    **dict.fromkeys(("rxtx_factor", "vcpu_weight"), (None, optional(number))),
    "extra_specs": (NO_VALUES, _extra_specs),
    "is_public": (True, truth),
    "disabled": (False, truth),
    "projects": (NO_ITEMS, names),
}
_IMAGE: Checks = {"id": _SCALAR, "name": _SCALAR, "properties": (_NO_PROPERTIES, _properties)}
_GROUP: Checks = {
    "policy": _TEXT,
    "rules": (NO_VALUES, _rules),
    "hosts": (NO_ITEMS, names),
    "members": (None, _members),
    "uuid": _TEXT,
    "name": _TEXT,
}
_DESTINATION: Checks = {"host": _TEXT, "node": _TEXT, "cell": _TEXT, "allow_cross_cell_move": (False, truth)}
_CONTEXT: Checks = {"user_id": _TEXT, "project_id": _TEXT, "is_admin": (False, truth)}


@dataclass(frozen=True, slots=True)
class Image(Record):
    """The image to boot from; `properties` under their names of today (`hw_architecture`, …) or of old."""

    #: The image's id.
    id: str | None = None
    #: The image's name.
    name: str | None = None
    #: Its properties, name to value.
    properties: NameToValue = NO_VALUES
    #: What `filter_properties` or an object of another library says beyond this.
    further: NameToValue = field(default=NO_VALUES, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check("image", _IMAGE)


class _SharedHosts:
    """The hosts of a group while a decision places one instance after another, in a list that all of them share."""

    # The list, and how many of its hosts are this group's.
    __slots__ = ("_shared_hosts",)
    _shared_hosts: tuple[list[str], int]


@dataclass(frozen=True, slots=True)
class InstanceGroup(Record, _SharedHosts):
    """A server group: instances that belong together, or apart."""

    #: "affinity", "anti-affinity", "soft-affinity" or "soft-anti-affinity".
    policy: str | None = None
    #: `{"max_server_per_host": n}` for anti-affinity; n may be text. `{"spread": "rack", "max_per_domain": n}` and
    #: the like for TopologySpreadFilter and TopologySpreadWeigher; a list of mappings for several.
    #: `{"apart_from": uuid}`, `{"together_with": uuid}` and `{"together": "rack"}` for GroupRulesFilter and
    #: GroupRulesWeigher. `{"max_unavailable": n}` for `plan_waves`.
    rules: Stored[Mapping[str, Any] | Iterable[Mapping[str, Any]] | None, Mapping[str, Any]] = NO_VALUES
    #: The hosts that members are on, one entry per member.
    hosts: Names = NO_ITEMS
    #: The uuids of the instances in the group.
    members: Names = NO_ITEMS
    #: The group's uuid.
    uuid: str | None = None
    #: The group's name.
    name: str | None = None
    #: What `filter_properties` or an object of another library says beyond this.
    further: NameToValue = field(default=NO_VALUES, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check("instance_group", _GROUP)

    @property
    def policies(self) -> tuple[str, ...]:
        """The policy as the list it once was: of one item, or empty."""
        return FrozenList(() if self.policy is None else (self.policy,))

    def _without(self, field: str) -> InstanceGroup:
        """A copy that lacks a field; the others were checked when they came, and a large group has many members."""
        new = object.__new__(type(self))
        for name in (*_GROUP, "further"):
            if name != field:
                object.__setattr__(new, name, getattr(self, name))
        return new

    def with_members(self, uuids: Iterable[str]) -> InstanceGroup:
        """The group with instances that are about to be placed as members of it."""
        known = set(self.members)
        members = FrozenNames((*self.members, *[uuid for uuid in uuids if uuid not in known]))
        new = self._without("members")
        object.__setattr__(new, "members", members)
        return new

    def with_known(self, where: Mapping[str, str]) -> InstanceGroup:
        """The group with members that are known to be on hosts, uuid to host."""
        if not where:
            return self
        members, known = set(self.members), set(self.hosts)
        new = [uuid for uuid in where if uuid not in members]
        hosts = [host for uuid, host in where.items() if uuid not in members or host not in known]
        return replace(self, members=(*self.members, *new), hosts=(*self.hosts, *hosts))

    def with_hosts(self, hosts: Iterable[str]) -> InstanceGroup:
        """The group on other hosts."""
        return replace(self, hosts=tuple(hosts))

    def with_host(self, host: str) -> InstanceGroup:
        """The group with one more instance on `host`; a host is listed once per instance."""
        new = self._without("hosts")
        shared, count = getattr(self, "_shared_hosts", None) or (list(self.hosts), len(self.hosts))
        shared.append(host)
        if len(shared) != count + 1:
            # Another attempt at the decision went on from here.
            shared = [*shared[:count], host]
        object.__setattr__(new, "_shared_hosts", (shared, count + 1))
        return new

    def __getattr__(self, name: str) -> Any:
        if name != "hosts":
            return super(InstanceGroup, self).__getattr__(name)
        # Asked for the first time.
        shared, count = self._shared_hosts
        hosts: FrozenList[str] = FrozenList(shared[:count])
        object.__setattr__(self, "hosts", hosts)
        return hosts

    @property
    def has_hosts(self) -> bool:
        """Whether a member is on a host."""
        shared = getattr(self, "_shared_hosts", None)
        return bool(self.hosts) if shared is None else shared[1] > 0


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
    #: What `filter_properties` or an object of another library says beyond this.
    further: NameToValue = field(default=NO_VALUES, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check("retry", {"num_attempts": (1, _attempts), "hosts": (NO_ITEMS, _tried_hosts)})


def _attempts(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number of zero or more")
    return int(number(value))


def _tried_hosts(value: Any) -> tuple[HostNode, ...]:
    try:
        return FrozenList(_tried(one) for one in (() if value is None else value))
    except (TypeError, ValueError):
        raise ValueError("a list of hosts, or of [host, node]") from None


def _tried(value: Any) -> HostNode:
    if isinstance(value, str):
        return HostNode(a_name(value))
    host, node = (value.host, value.hypervisor_hostname) if hasattr(value, "hypervisor_hostname") else HostNode(*value)
    return HostNode(a_name(host), optional_text(node))


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
    #: What `filter_properties` or an object of another library says beyond this.
    further: NameToValue = field(default=NO_VALUES, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check("requested_destination", _DESTINATION)


class Wish(FrozenDict[str, Any]):
    """A network or a group of resources that a request asks for: its keys can be read as attributes too."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self:
            raise AttributeError(f"the request says no {name!r} of this")
        return self[name]


def wish_records(value: Any) -> FrozenList[Wish]:
    """A list of mappings, or of objects of another library, as read-only records."""
    listed = getattr(value, "objects", value) if not isinstance(value, Mapping) else value
    found = plain_data(NO_ITEMS if listed is None else listed, objects=True)
    if not isinstance(found, FrozenList) or not all(isinstance(one, Mapping) for one in found):
        raise ValueError("a list of mappings")
    return found if all(type(one) is Wish for one in found) else FrozenList(Wish(one) for one in found)


@dataclass(frozen=True, slots=True)
class RequestContext(Record):
    """Who asks, for filters that look at `filter_properties["context"]`."""

    user_id: str | None = None
    project_id: str | None = None
    is_admin: bool = False
    #: What `filter_properties` or an object of another library says beyond this.
    further: NameToValue = field(default=NO_VALUES, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check("context", _CONTEXT)

    def elevated(self) -> RequestContext:
        """The same caller as an administrator."""
        return replace(self, is_admin=True)
