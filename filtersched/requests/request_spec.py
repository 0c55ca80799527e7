"""RequestSpec: what is asked for, as attributes and as the filter_properties of old."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from filtersched.columns.plain_data import FORMAT_VERSION, take_version
from filtersched.columns.stored import ABSENT, NO_ITEMS, NO_VALUES, Attributed, Names, NameToValue, Stored
from filtersched.errors import InvalidRequest, shown
from filtersched.requests import filter_properties, numa_wishes, pci_aliases
from filtersched.requests.derived import OrDerived
from filtersched.requests.instance import Instance
from filtersched.requests.numa_topology import InstanceNUMATopology, NetworkMetadata, NUMALimits
from filtersched.requests.pci_requests import InstancePCIRequests
from filtersched.requests.record import (
    checked,
    plain,
    unknown_field,
    with_text_keys,
)
from filtersched.requests.request_checks import CHECKS, MAX_INSTANCES
from filtersched.requests.request_values import (
    Destination,
    Flavor,
    Image,
    InstanceGroup,
    RequestContext,
    Retry,
)
from filtersched.requests.seal import ONLY_ANSWERS, Limits, decision, is_sealed

__all__ = ["MAX_INSTANCES", "Destination", "Flavor", "Image", "InstanceGroup", "RequestSpec", "Retry"]

_NOTHING_ASKED: Any = Flavor()
_OR_DERIVED: Any = OrDerived
_NO_NUMA_LIMITS = NUMALimits()
# The names as Python's own text: attributes are found by it twice as fast as by a copy of it from a file.
_NAMES = {name: sys.intern(name) for name in CHECKS}
# What a scheduler gives a request for one decision.
_OF_A_DECISION = frozenset(
    ("_placements", "_shared_resources", "_has_own_aggregates", "_has_zone_aggregates", "_source_cpus", "_holds_place")
)
_EPOCH: Any = datetime(1970, 1, 1)


def _numa_topology(spec: RequestSpec) -> InstanceNUMATopology | None:
    return numa_wishes.topology_of(spec.flavor, spec.image)


def _pci_requests(spec: RequestSpec) -> InstancePCIRequests | None:
    return pci_aliases.requests_of(spec.flavor, spec.image, {})


class RequestSpec(Attributed, Mapping[str, Any]):
    """A request for `num_instances` equal instances.

    Read as attributes it is Nova's request of today; read as a mapping it has the keys of the
    `filter_properties` that the first filter scheduler gave its filters (`spec["instance_type"]`,
    `spec.get("scheduler_hints")`, …), with keys left out where there is nothing to say. Equality is
    identity. `now` is the time of the decision, naive UTC, and the only clock a plug-in may read;
    the scheduler sets it unless the request brings one. While hosts are being chosen, a plug-in may
    assign to copies that it made itself only.

    Raises InvalidRequest for an unknown keyword and for values that cannot be.
    """

    # _view : what the mapping says, once it was asked.
    __slots__ = ("__dict__", "__weakref__", "_scratch", "_view")

    #: What one instance needs.
    flavor: Stored[Flavor | Mapping[str, Any] | None, Flavor] = _NOTHING_ASKED
    _: KW_ONLY
    #: The image to boot from.
    image: Stored[Image | Mapping[str, Any] | None, Image | None] = ABSENT
    #: How many instances, from 1 to 1,000,000.
    num_instances: int = 1
    #: The instance that is being placed; set for each instance in turn.
    instance_uuid: str | None = None
    #: The uuids of all instances; missing ones are generated.
    instance_uuids: Names = NO_ITEMS
    #: For your logs.
    request_id: str | None = None
    #: The project that asks.
    project_id: str | None = None
    #: The user who asks.
    user_id: str | None = None
    #: The zone that the instances must be in.
    availability_zone: str | None = None
    #: Hints of the user, name to value.
    scheduler_hints: NameToValue = NO_VALUES
    #: Hosts not to use; upper and lower case do not matter.
    ignore_hosts: Names = NO_ITEMS
    #: Use only these hosts, whatever the filters say; upper and lower case do not matter.
    force_hosts: Names = NO_ITEMS
    #: Use only these nodes, whatever the filters say.
    force_nodes: Names = NO_ITEMS
    #: The host or node that the instance must go to; filters still apply.
    requested_destination: Stored[Destination | Mapping[str, Any] | None, Destination | None] = ABSENT
    #: The server group that the instances belong to.
    instance_group: Stored[InstanceGroup | Mapping[str, Any] | None, InstanceGroup | None] = ABSENT
    #: Further server groups that they belong to, for GroupRulesFilter and GroupRulesWeigher. Each has a uuid.
    instance_groups: Stored[
        Iterable[InstanceGroup | Mapping[str, Any]] | None, tuple[InstanceGroup, ...]
    ] = NO_ITEMS
    #: Where the request was tried before.
    retry: Stored[Retry | Mapping[str, Any] | None, Retry | None] = ABSENT
    #: Limits that the caller sets; selections carry the limits that filters set.
    limits: NameToValue = NO_VALUES
    #: Names of security groups; no filter of the library reads them.
    security_groups: Names = NO_ITEMS
    #: The NUMA cells that an instance needs; by default what flavor and image say.
    numa_topology: Stored[
        InstanceNUMATopology | Mapping[str, Any] | str | None, InstanceNUMATopology | None
    ] = _OR_DERIVED(_numa_topology)
    #: The PCI devices that an instance needs; by default what the flavor says by an alias.
    pci_requests: Stored[
        InstancePCIRequests | Iterable[Any] | str | None, InstancePCIRequests | None
    ] = _OR_DERIVED(_pci_requests)
    #: The networks of an instance, whose NUMA cells it must be on.
    network_metadata: Stored[
        NetworkMetadata | Mapping[str, Any] | str | None, NetworkMetadata | None
    ] = ABSENT
    #: Whether the instance boots from a volume; for plug-ins of your own.
    is_bfv: bool = False
    #: The networks that the request asks for, each read as a mapping or by attributes; for plug-ins of your own.
    requested_networks: Stored[Iterable[Any] | None, tuple[Any, ...]] = NO_ITEMS
    #: Groups of resources and traits that the request asks for, read likewise; for plug-ins of your own.
    requested_resources: Stored[Iterable[Any] | None, tuple[Any, ...]] = NO_ITEMS
    #: The content of `scheduler_json_config_location`, for plug-ins.
    config_options: NameToValue = NO_VALUES
    #: Who asks, for plug-ins that read `filter_properties["context"]`.
    context: Any = None
    #: What `filter_properties` says beyond the other attributes, under its keys.
    further: NameToValue = NO_VALUES
    #: The time of the decision, naive UTC; the only clock that a plug-in may read.
    now: Stored[datetime | str | None, datetime] = _EPOCH
    #: When the request arrives, in seconds; the command places requests in this order.
    arrives_at: float | None = None
    #: When its instances leave, in seconds; the command releases them then.
    departs_at: float | None = None

    # Where the instances are that count; made by a scheduler.
    _placements: ClassVar[Any] = None
    # What shared resources have left; made by a scheduler that uses some.
    _shared_resources: ClassVar[Any] = None

    def _begin(self, flavor: Flavor | Mapping[str, Any] | None = None, **attributes: Any) -> None:
        self._scratch: Limits | None
        self._begin_with(flavor, attributes)

    if not TYPE_CHECKING:
        __init__ = _begin

    def _begin_with(self, flavor: Any, attributes: Mapping[str, Any]) -> None:
        _set_scratch(self, decision.limits)
        # Written past __setattr__, which has nothing to ask of a request that is being made.
        write = object.__setattr__
        if flavor is not None:
            write(self, "flavor", CHECKS["flavor"]("flavor", flavor))
        for given, value in attributes.items():
            name = _NAMES.get(given)
            if name is None:
                raise unknown_field(given, given, CHECKS, value)
            write(self, name, CHECKS[name](name, value))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in CHECKS:
            value = CHECKS[name](name, value)
        self._unsealed(name, value)
        object.__setattr__(self, name, value)
        _set_view(self, None)

    def __delattr__(self, name: str) -> None:
        self._unsealed(name)
        object.__delattr__(self, name)
        _set_view(self, None)

    def _unsealed(self, name: str, value: Any = None) -> None:
        if is_sealed(self._scratch):
            raise InvalidRequest(
                f"{name} of the request {ONLY_ANSWERS} (a copy made with spec.copy() may be changed)",
                field=name,
                value=value,
            )

    __eq__: ClassVar[Callable[[object, object], bool]] = object.__eq__
    __hash__: ClassVar[Callable[[object], int]] = object.__hash__

    def __repr__(self) -> str:
        given = (f"{name}={shown(value, most=1000)}" for name, value in self.__dict__.items() if name in CHECKS)
        return f"RequestSpec({', '.join(given)})"

    @property
    def memory_mb(self) -> float:
        """MiB of memory that one instance needs."""
        return self.flavor.memory_mb

    @property
    def vcpus(self) -> float:
        """Virtual CPUs that one instance needs."""
        return self.flavor.vcpus

    @property
    def root_gb(self) -> float:
        """GiB of root disk that one instance needs."""
        return self.flavor.root_gb

    @property
    def ephemeral_gb(self) -> float:
        """GiB of ephemeral disk that one instance needs."""
        return self.flavor.ephemeral_gb

    @property
    def swap(self) -> float:
        """MiB of swap disk that one instance needs."""
        return self.flavor.swap

    @property
    def extra_specs(self) -> Mapping[str, Any]:
        """The flavor's extra specs. Flavors with equal extra specs share cached answers."""
        return self.flavor.extra_specs

    @property
    def group_policy(self) -> str | None:
        """The policy of `instance_group`; None without one. A plug-in of one policy reads it before the group."""
        return None if self.instance_group is None else self.instance_group.policy

    @property
    def resources(self) -> Mapping[str, Any]:
        """Countable resources that one instance needs, name to amount."""
        cached = self.__dict__.get("_resources")
        if cached is None or cached[0] is not self.flavor:
            cached = self.__dict__["_resources"] = (self.flavor, self.flavor.resources)
        found: Mapping[str, Any] = cached[1]
        return found

    @property
    def member_hosts(self) -> tuple[Any, ...]:
        """The hosts that members of `instance_group` are on, one entry per member; read-only.

        A scheduler finds them. Members that the request itself has placed are among them, the instances
        that it is about to place or move are not. Each host is as it was when its member was found or
        placed. A plug-in that reads them names them in its `spec_reads`.
        """
        return () if self._placements is None else self._placements.member_hosts()

    @property
    def topology(self) -> Any:
        """The request's spread rules, and how many instances are in each domain; None if it has no rules.

        A scheduler works it out. TopologySpreadFilter and TopologySpreadWeigher read it.
        """
        return None if self._placements is None else self._placements.topology()

    @property
    def has_own_aggregates(self) -> bool:
        """Whether an aggregate of any host is for the request's project; a scheduler finds out for PrefilterFilter."""
        return bool(self.__dict__.get("_has_own_aggregates", False))

    @property
    def source_cpu(self) -> Any:
        """What the CPU of the host has that the instance moves from: `arch`, and `features`, a set of names.

        None for an instance that does not move, and where the host does not tell. A scheduler finds out for
        MigrationCompatibilityFilter.
        """
        return self.__dict__.get("_source_cpus", {}).get(self.instance_uuid)

    @property
    def knows_source_cpus(self) -> bool:
        """Whether any instance of the request has a `source_cpu`."""
        return "_source_cpus" in self.__dict__

    @property
    def holds_place(self) -> bool:
        """Whether its instances hold places for others; a scheduler says so when it reserves them."""
        return bool(self.__dict__.get("_holds_place", False))

    @property
    def has_zone_aggregates(self) -> bool:
        """Whether any host is in an aggregate of the request's zone; a scheduler finds out for PrefilterFilter."""
        return bool(self.__dict__.get("_has_zone_aggregates", False))

    @property
    def group_rules(self) -> Any:
        """The rules of the request's groups, and where the instances are that they name; None if they have none.

        A scheduler works it out. GroupRulesFilter and GroupRulesWeigher read it.
        """
        return None if self._placements is None else self._placements.group_rules()

    @property
    def shared_resources(self) -> Any:
        """What shared resources have left for the instance; None if none is in use. Their own filters read it."""
        return self._shared_resources

    @property
    def numa_limits(self) -> NUMALimits:
        """How NUMA cells are chosen for it; a scheduler sets it from its configuration."""
        limits: NUMALimits = self.__dict__.get("_numa_limits", _NO_NUMA_LIMITS)
        return limits

    def given(self, name: str) -> Any:
        """The value that the request itself was given for an attribute, whatever its flavor says; None for none."""
        return self.__dict__.get(name)

    def with_numa_limits(self, limits: NUMALimits) -> None:
        """Set how NUMA cells are chosen for the request."""
        self._unsealed("numa_limits")
        self.__dict__["_numa_limits"] = limits

    @property
    def is_rebuild(self) -> bool:
        """Whether this is a rebuild: the hint `_nova_check_type` is exactly ["rebuild"]."""
        hints = self.scheduler_hints
        return bool(hints) and hints.get("_nova_check_type") == ("rebuild",)

    def obj_attr_is_set(self, name: str) -> bool:
        """Whether the request says something of that name, as Nova's objects say it."""
        return name in CHECKS and getattr(self, name) is not None

    @property
    def _context(self) -> Any:
        """Who asks, under the name that Nova's objects give it."""
        return self.context or RequestContext(user_id=self.user_id, project_id=self.project_id)

    def to_legacy_filter_properties_dict(self) -> dict[str, Any]:
        """What the mapping of the first filter scheduler says, as a dict of its own."""
        return dict(self._filter_properties())

    def to_legacy_request_spec_dict(self) -> dict[str, Any]:
        """The request_spec of the first filter scheduler, as a dict of its own."""
        return dict(self["request_spec"])

    def get_scheduler_hint(self, name: str, default: Any = None) -> Any:
        """The hint; a list with exactly one item is unwrapped."""
        if name not in self.scheduler_hints:
            return default
        return filter_properties.unwrapped(self.scheduler_hints[name])

    def copy(self) -> Self:
        """Another request with the same attributes."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        _set_scratch(new, decision.limits)
        return new

    __copy__ = copy

    def for_decision(self, clock: Callable[[], datetime]) -> Self:
        """A copy that has a time, and nothing that a scheduler gave this one for an earlier decision."""
        new = self.copy()
        attributes = new.__dict__
        if not _OF_A_DECISION.isdisjoint(attributes):
            for name in _OF_A_DECISION:
                attributes.pop(name, None)
        if "now" not in attributes:
            attributes["now"] = CHECKS["now"]("now", clock())
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _OF_A_DECISION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _set_scratch(self, decision.limits)

    def for_instance(self, uuid: str, last_host: Any = None, *, before: Any = None) -> Self:
        """The request as it is for one instance; `last_host` is the host that got the one before it.

        before : that host as it was before it got it.

        Read-only if it is made during a decision; the same object where that changes nothing.
        """
        is_this = last_host is None and before is None and self.__dict__.get("instance_uuid") == uuid
        if is_this and self._scratch is None and decision.limits is not None:
            return self
        new = self.copy()
        _set_scratch(new, None)
        attributes = new.__dict__
        attributes["instance_uuid"] = uuid
        if last_host is not None:
            if self.instance_group is not None:
                attributes["instance_group"] = self.instance_group.with_host(last_host.host)
            if self._placements is not None:
                attributes["_placements"] = self._placements.with_host(last_host)
        if before is not None and self._shared_resources is not None:
            attributes["_shared_resources"] = self._shared_resources.with_taken(self, before)
        return new

    def as_instance(
        self, *, consumed: Mapping[str, Any] = NO_VALUES, created_at: datetime | None = None
    ) -> Instance:
        """The record of this request's instance on the host that gets it."""
        image, group = self.image, self.instance_group
        groups = NO_ITEMS if group is None or group.uuid is None else (group.uuid,)
        if self.instance_groups:
            further = [one.uuid for one in self.instance_groups if one.uuid is not None]
            groups = tuple(dict.fromkeys((*groups, *further)))
        # By position, which is several times as fast as by name.
        return Instance.of_checked(
            self.instance_uuid or "",
            self.project_id,
            self.user_id,
            self.flavor.id,
            None if image is None else image.id,
            NO_VALUES if image is None else image.properties,
            self.flavor,
            groups,
            self.scheduler_hints,
            self.availability_zone,
            bool(self.force_hosts or self.force_nodes),
            0,  # its priority
            created_at,
            consumed,
        )

    # -- the mapping of the first filter scheduler -------------------------------------------

    def _filter_properties(self) -> dict[str, Any]:
        view: dict[str, Any] | None = getattr(self, "_view", None)
        if view is None:
            view = filter_properties.view(self)
            _set_view(self, view)
        return view

    def __getitem__(self, key: str) -> Any:
        view = self._filter_properties()
        return getattr(self, key) if key not in view and key in self else view[key]

    def __contains__(self, key: object) -> bool:
        # Nova's plug-ins ask its objects so whether an attribute is set.
        if key in self._filter_properties():
            return True
        return isinstance(key, str) and key in CHECKS and getattr(self, key) not in (None, NO_ITEMS, NO_VALUES)

    def __iter__(self) -> Iterator[str]:
        return iter(self._filter_properties())

    def __len__(self) -> int:
        return len(self._filter_properties())

    @classmethod
    def from_filter_properties(cls, properties: Mapping[str, Any]) -> Self:
        """The request that a `filter_properties` dict of the first filter scheduler describes.

        Unknown keys can still be read from the mapping.
        """
        if not isinstance(properties, Mapping):
            raise InvalidRequest("filter_properties must be a mapping", field=None, value=properties)
        return cls(**filter_properties.attributes(properties))

    # -- reading and writing -----------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The attributes that were given, as plain data with a version number; see `from_dict`."""
        # A copy, since another thread may read the request, which caches what is read.
        given = {name: value for name, value in self.__dict__.copy().items() if name in CHECKS}
        if "context" in given:
            given["context"] = filter_properties.context_record(given["context"])
        written = {"version": FORMAT_VERSION, **{name: plain(value) for name, value in given.items()}}
        limits = self.numa_limits
        return written if limits == _NO_NUMA_LIMITS else {**written, "numa_limits": limits._asdict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The request from the data of `to_dict`. Raises InvalidRequest for unknown attributes."""
        if not isinstance(data, Mapping):
            raise InvalidRequest(f"a request must be a mapping, not {shown(data)}", value=data)
        known = with_text_keys(data)
        take_version(known, lambda said, version: InvalidRequest(said, field="version", value=version))
        limits = known.pop("numa_limits", None)
        if cls.__init__ is RequestSpec.__init__ and cls.__new__ is object.__new__:
            # Without keywords, which would be copied twice.
            made = object.__new__(cls)
            made._begin_with(known.pop("flavor", None), known)
        else:
            made = cls(**known)
        if limits is not None:
            made.with_numa_limits(checked("numa_limits", limits, NUMALimits.of))
        return made


# Writing past __setattr__, which checks values and keeps the seal.
_set_scratch: Callable[[RequestSpec, Limits | None], None] = vars(RequestSpec)["_scratch"].__set__
_set_view: Callable[[RequestSpec, dict[str, Any] | None], None] = vars(RequestSpec)["_view"].__set__
