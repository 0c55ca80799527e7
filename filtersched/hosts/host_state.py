"""HostState: what is known of one host, attribute by attribute."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from filtersched.columns.frozen import EMPTY, FrozenDict, GrowingDict
from filtersched.columns.plain_data import USUAL
from filtersched.columns.stored import NO_ITEMS, NameToValue, Stored
from filtersched.errors import InvalidHost
from filtersched.hosts import device_usage
from filtersched.hosts.attribute_kinds import AMOUNT, COMMON_TEXT, NAME, NUMBER, RATIO, TIME
from filtersched.hosts.given_back import given_back
from filtersched.hosts.host_attribute import Declared, checked, host_attribute, refused, unknown_attribute
from filtersched.hosts.host_data import as_data, keywords_of
from filtersched.hosts.host_values import (
    AGGREGATES,
    HISTORY,
    IMAGES,
    INSTANCES,
    MAPPING,
    METRICS,
    NO_METRICS,
    NUMA,
    PCI,
    PROVIDERS,
    RESOURCES,
    SERVICE,
    SHARED_RECORD,
    STATISTICS,
    SUPPORTED,
    TRAITS,
    Aggregate,
    Metric,
    Metrics,
)
from filtersched.hosts.numa_topology import NUMATopology
from filtersched.hosts.owner import Owner
from filtersched.hosts.pci_stats import PciStats
from filtersched.hosts.service import NO_SERVICE, Service
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import ONLY_ANSWERS, Limits, decision, is_sealed

__all__ = ["Aggregate", "HostState", "Instance", "Metric"]

_Instances = Mapping[str, Instance | Mapping[str, Any] | None] | Iterable[Instance | Mapping[str, Any] | str]
_Metrics = Mapping[str, Any] | Iterable[Metric | tuple[str, Any]]
# What an instance takes beyond its flavor until it is built.
BUILDING: Mapping[str, Any] = FrozenDict(num_io_ops=1)


class HostState(Declared):
    """One host, or one node of it, and what is known about it.

    An ordinary object: every attribute has a default on the class, plug-ins may set further ones.
    A derived class declares attributes by annotations, `rack: str = ""`. Containers are stored
    read-only; change one by assigning a new one. Memory is in MiB (`_mb`), disk in GiB (`_gb`) or
    MiB (`_mb`). `free_ram_mb` and `free_disk_mb` may be negative, since a host may be
    oversubscribed. A ratio of None means the configured one.

    What a host is made of is copied and is plain data (`filtersched.columns.plain_data`). Raises
    InvalidHost for an unknown keyword, for what an attribute cannot be, and for a keyword that is
    missing.
    """

    __slots__ = ("__dict__", "__weakref__", "_generation", "_owner", "_scratch")

    host: str = host_attribute(kind=NAME, kw_only=False, doc="The name of the host.")
    nodename: Stored[str | None, str] = host_attribute(
        default=None, kind=NAME, kw_only=False, doc="The name of the node; the host's name if it has only one."
    )
    uuid: str | None = host_attribute(default=None, doc="The uuid of the compute node.")
    cell_uuid: str | None = host_attribute(default=None, kind=COMMON_TEXT, doc="The cell that the host is in.")
    host_ip: str | None = host_attribute(default=None, doc="The host's address.")
    topic: str | None = host_attribute(
        default="compute",
        kind=COMMON_TEXT,
        samples=("compute", "compute", "compute", "network"),
        doc="The queue on which its compute service listens.",
    )

    total_usable_ram_mb: float = host_attribute(default=0, kind=AMOUNT, unit="MiB", doc="Memory.")
    free_ram_mb: float = host_attribute(default=0, unit="MiB", doc="Free memory; negative on an oversubscribed host.")
    ram_allocation_ratio: float | None = host_attribute(
        default=None,
        kind=RATIO,
        doc="How many times its memory the host may give out; None means the configured ratio.",
    )
    total_usable_disk_gb: float = host_attribute(default=0, kind=AMOUNT, unit="GiB", doc="Disk.")
    free_disk_mb: float = host_attribute(default=0, unit="MiB", doc="Free disk; negative on an oversubscribed host.")
    disk_mb_used: float = host_attribute(default=0, kind=AMOUNT, unit="MiB", doc="Used disk.")
    disk_allocation_ratio: float | None = host_attribute(
        default=None, kind=RATIO, doc="How many times its disk the host may give out; None means the configured ratio."
    )
    vcpus_total: float | None = host_attribute(
        default=0, kind=AMOUNT, doc="Virtual CPUs; None where they are not known."
    )
    vcpus_used: float = host_attribute(default=0, kind=AMOUNT, doc="Virtual CPUs that instances use.")
    cpu_allocation_ratio: float | None = host_attribute(
        default=None, kind=RATIO, doc="How many times its CPUs the host may give out; None means the configured ratio."
    )
    num_instances: int = host_attribute(default=0, kind=AMOUNT, doc="How many instances run here.")
    num_io_ops: int = host_attribute(
        default=0, kind=AMOUNT, doc="How many builds, resizes, copies and moves are running."
    )
    failed_builds: int = host_attribute(default=0, kind=AMOUNT, doc="How many builds failed here lately.")

    instances: Stored[_Instances | None, Mapping[str, Instance]] = host_attribute(
        default=EMPTY, kind=INSTANCES, doc="The instances here, uuid to Instance."
    )
    aggregates: Stored[Iterable[Aggregate | Mapping[str, Any]] | None, tuple[Aggregate, ...]] = host_attribute(
        default=(), kind=AGGREGATES, doc="The aggregates that the host is in."
    )
    metrics: Stored[_Metrics | None, Metrics] = host_attribute(
        default=NO_METRICS, kind=METRICS, doc="Measured values, for MetricsFilter and MetricsWeigher."
    )
    metric_history: NameToValue = host_attribute(
        default=EMPTY,
        kind=HISTORY,
        doc="The values that the last reports brought, by metric, the latest last; a pool keeps them for "
        "MeasuredLoadWeigher.",
    )
    measured_at: Stored[datetime | str | None, datetime | None] = host_attribute(
        default=None, kind=TIME, doc="When `metrics` were measured, naive UTC; a pool notes it with `metric_history`."
    )
    unmeasured_vcpus: float = host_attribute(
        default=0, kind=AMOUNT, doc="Virtual CPUs of instances that were placed here since `metrics` were measured."
    )
    service: Stored[Any, Service] = host_attribute(
        default=NO_SERVICE,
        kind=SERVICE,
        doc="The compute service, a mapping with the keys of Nova's records. Read are `disabled`, `disabled_reason`, "
        "`forced_down`, `state`, `last_seen_up`, `updated_at`, `created_at` and `availability_zone`.",
    )
    capabilities: NameToValue = host_attribute(
        default=EMPTY, kind=MAPPING, doc="What the host announces, name to value."
    )
    stats: NameToValue = host_attribute(
        default=EMPTY, kind=STATISTICS, doc="Statistics of the compute node, name to value."
    )
    traits: Stored[Iterable[str] | None, frozenset[str]] = host_attribute(
        default=frozenset(), kind=TRAITS, doc="Names of traits, for TraitsFilter."
    )
    resources: Stored[Mapping[str, Sequence[float]] | None, Mapping[str, tuple[float, float]]] = host_attribute(
        default=EMPTY, kind=RESOURCES, doc="Countable resources, name to (total, used), for ResourceFilter."
    )
    providers: NameToValue = host_attribute(
        default=EMPTY,
        kind=PROVIDERS,
        doc="Parts of the host with resources and traits of their own, such as GPUs, for ProvidersFilter: name to "
        '`{"resources": {name: (total, used)}, "traits": [...]}`.',
    )
    images: Stored[Mapping[str, float] | None, Mapping[str, float]] = host_attribute(
        default=EMPTY, kind=IMAGES, doc="Images in the host's cache, id to bytes, for ImageCacheWeigher."
    )

    hypervisor_type: str | None = host_attribute(default=None, kind=COMMON_TEXT, doc='Such as "QEMU".')
    hypervisor_version: int | None = host_attribute(default=None, kind=NUMBER, doc="Such as 8002001 for 8.2.1.")
    hypervisor_hostname: str | None = host_attribute(default=None, doc="The name that the hypervisor gives itself.")
    supported_instances: Stored[Iterable[Any] | None, tuple[Any, ...] | None] = host_attribute(
        default=NO_ITEMS, kind=SUPPORTED, doc="What the host can run: (architecture, hypervisor type, VM mode) each."
    )
    cpu_info: Any = host_attribute(
        default=None, kind=SHARED_RECORD, doc="The CPU as the compute service describes it, JSON text or a mapping."
    )
    numa_topology: Stored[NUMATopology | Mapping[str, Any] | str | None, NUMATopology | None] = host_attribute(
        default=None, kind=NUMA, doc="The NUMA cells, and what of them is in use, for NUMATopologyFilter."
    )
    pci_stats: Stored[PciStats | Iterable[Any] | str | None, PciStats | None] = host_attribute(
        default=None, kind=PCI, doc="The free PCI devices in pools of devices alike, for PciPassthroughFilter."
    )
    updated: Stored[datetime | str | None, datetime | None] = host_attribute(
        default=None, kind=TIME, doc="When the compute node last reported, naive UTC."
    )

    def _begin(self, host: str, nodename: str | None = None, **attributes: Any) -> None:
        if TYPE_CHECKING:
            self._owner: Owner | None = None
            self._generation = 0
            self._scratch: Limits | None = None
        self._begin_with(host, nodename, attributes)

    if not TYPE_CHECKING:
        __init__ = _begin

    def _begin_with(self, host: str, nodename: str | None, attributes: Mapping[str, Any]) -> None:
        _set_owner(self, None)
        _set_generation(self, 0)
        _set_scratch(self, decision.limits)
        rows = self._rows
        # Five times as fast as setting attributes, and as small: hosts of a class share the keys.
        kept = self.__dict__
        attribute: str = "host"
        value: Any = host
        try:
            kept["host"] = self._checks["host"](host)
            attribute, value = "nodename", nodename
            kept["nodename"] = kept["host"] if nodename is None else self._checks["nodename"](nodename)
            for attribute, value in attributes.items():
                name, check, usual = rows[attribute]
                kind: Any = type(value)
                is_usual = kind is usual and (kind is str or 0 <= value < USUAL)
                kept[name] = value if is_usual else check(value)
            for attribute in self._with_setters:
                if attribute in kept:
                    value = kept.pop(attribute)
                    object.__setattr__(self, attribute, value)
        except (KeyError, ValueError, TypeError, RecursionError) as problem:
            if attribute not in rows:
                raise unknown_attribute(type(self), attribute, host=host, value=value) from None
            raise refused(host, attribute, value, problem) from None
        for attribute in self._required:
            if attribute not in attributes:
                said = f"host {host!r}: a {type(self).__name__} needs {attribute!r}"
                raise InvalidHost(said, host=host, attribute=attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _UNWATCHED:
            object.__setattr__(self, name, value)
            return
        check, host = self._checks.get(name), self.__dict__.get("host")
        value = self._further(name, value) if check is None else checked(check, host, name, value)
        try:
            is_read_only = is_sealed(self._scratch)
        except AttributeError:
            said = f"{type(self).__name__} must call super().__init__(host, …) before it sets {name}"
            raise InvalidHost(said, attribute=name, value=value) from None
        if is_read_only:
            raise InvalidHost(
                f"host {self.host!r}: {name} {ONLY_ANSWERS} (a copy made with host.copy() may be changed)",
                host=self.host,
                attribute=name,
                value=value,
            )
        owner = self._owner
        if owner is None:
            object.__setattr__(self, name, value)
            # A pool may have taken the host since, and have read it before this.
            owner = self._owner
        if owner is not None:
            owner.change(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name == "limits":
            self.limits = {}
            return
        if not hasattr(type(self), name):
            raise AttributeError(f"host {self.host!r}: {name} cannot be deleted")
        setattr(self, name, getattr(type(self), name))

    def __repr__(self) -> str:
        node = "" if self.nodename == self.host else f" node={self.nodename}"
        return (
            f"<{type(self).__name__} {self.host}{node} ram={self.free_ram_mb}/{self.total_usable_ram_mb} MiB"
            f" vcpus={self.vcpus_used}/{self.vcpus_total} disk={self.free_disk_mb} MiB free>"
        )

    def _further(self, name: str, value: Any) -> Any:
        """The value of an attribute that HostState does not have, where it may be one."""
        known = getattr(type(self), name, None)
        is_method = callable(known) and hasattr(known, "__get__") and not hasattr(known, "__set__")
        is_computed = isinstance(known, property) and known.fset is None
        if is_method or is_computed or name.startswith("__") or name in vars(Declared):
            host = self.__dict__.get("host")
            raise InvalidHost(
                f"host {host!r}: {name} cannot be assigned; {type(self).__name__} uses that name itself",
                host=host,
                attribute=name,
                value=value,
            )
        return value

    @property
    def limits(self) -> dict[str, Any]:
        """Limits that the compute service must enforce; the only attribute that a filter may write to.

        During a decision each host has its own limits, which the decision discards.
        """
        written = decision.limits
        if written is None or written is self._scratch:
            limits: dict[str, Any] = self.__dict__.setdefault("limits", {})
            return limits
        if id(self) not in written:
            written[id(self)] = dict(self.__dict__.get("limits", ()))
        return written[id(self)]

    @limits.setter
    def limits(self, value: Mapping[str, Any]) -> None:
        if not isinstance(value, Mapping):
            host = self.__dict__.get("host")
            raise InvalidHost(
                f"host {host!r}: limits must be a mapping, not {value!r}", host=host, attribute="limits", value=value
            )
        given = dict(value)
        self.limits.clear()
        self.limits.update(given)

    def limits_written(self) -> dict[str, Any]:
        """A copy of what is in `limits` now."""
        written = decision.limits
        if written and written is not self._scratch and id(self) in written:
            return dict(written[id(self)])
        return dict(self.__dict__.get("limits", ()))

    def _counts(self, prefix: str) -> Mapping[str, int]:
        named = {key[len(prefix) :]: int(count) for key, count in self.stats.items() if key.startswith(prefix)}
        return FrozenDict(named)

    @property
    def num_instances_by_project(self) -> Mapping[str, int]:
        """Project id to number of instances, from the statistics `num_proj_*`."""
        return self._counts("num_proj_")

    @property
    def num_instances_by_os_type(self) -> Mapping[str, int]:
        """Type of operating system to number of instances, from the statistics `num_os_type_*`."""
        return self._counts("num_os_type_")

    @property
    def vm_states(self) -> Mapping[str, int]:
        """State to number of instances, from the statistics `num_vm_*`."""
        return self._counts("num_vm_")

    @property
    def task_states(self) -> Mapping[str, int]:
        """Task to number of instances, from the statistics `num_task_*`."""
        return self._counts("num_task_")

    def copy(self) -> Self:
        """Another host with the same attributes.

        Read-only containers are shared; lists, dicts and sets that a plug-in or subclass added are
        copied, one level deep.
        """
        new = object.__new__(type(self))
        attributes = new.__dict__
        # From here on only the copy is read, since another thread may write to this host.
        attributes.update(self.__dict__)
        if not attributes.keys() <= self._read_only:
            for name in attributes.keys() - self._read_only:
                value = attributes[name]
                if isinstance(value, list | dict | set | bytearray) and not isinstance(value, FrozenDict):
                    attributes[name] = copy.copy(value)
        limits = decision.limits
        if limits or "limits" in attributes:
            attributes["limits"] = dict(self.limits)
        _set_owner(new, None)
        _set_generation(new, self._generation)
        _set_scratch(new, limits)
        return new

    __copy__ = copy

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._owner = None
        self._generation = 0
        self._scratch = decision.limits

    def consume_from_request(self, spec: RequestSpec) -> Mapping[str, Any] | None:
        """Take what one instance of `spec` needs. Swap is not taken, as in Nova.

        A subclass may override this, `release_instance` and `copy` for anything else that is
        countable; whatever it reads and writes must be attributes. The mapping that it returns is
        kept as `consumed` of the instance, plain data, for `release_instance` to read. Here that is
        what was taken of NUMA cells and PCI devices, or None; a subclass adds its own to it.
        """
        flavor = spec.flavor
        devices = device_usage.taken_by(self, spec)
        unmeasured = {"unmeasured_vcpus": self.unmeasured_vcpus + flavor.vcpus} if self.metrics else {}
        self._assign(
            free_ram_mb=self.free_ram_mb - flavor.memory_mb,
            free_disk_mb=self.free_disk_mb - (flavor.root_gb + flavor.ephemeral_gb) * 1024,
            vcpus_used=self.vcpus_used + flavor.vcpus,
            num_instances=self.num_instances + 1,
            num_io_ops=self.num_io_ops + 1,
            updated=spec.now,
            **unmeasured,
        )
        if self.resources and spec.resources:
            self._take_resources(spec.resources, 1)
        self.note_instance(spec)
        if devices:
            self._assign(**device_usage.changes(self, devices, 1))
        return devices or None

    def _assign(self, **values: Any) -> None:
        """Assign several attributes; directly if no pool watches the host. The values have been checked."""
        if self._owner is None and not is_sealed(self._scratch):
            self.__dict__.update(values)
        else:
            for name, value in values.items():
                setattr(self, name, value)

    def release_instance(self, instance: Instance) -> None:
        """Give back what an instance took, and forget it; the inverse of `consume_from_request`.

        Counters stop at zero, and what is free at what there is in all. An instance without a
        flavor gives back only what its `consumed` says. Raises InvalidHost if the class overrides
        only the older `release_request`.
        """
        if not self.releases_instances():
            raise InvalidHost(
                f"host {self.host!r}: {type(self).__name__} overrides release_request only, which needs a request; "
                f"release instance {instance.uuid} by its selection, or override release_instance",
                host=self.host,
            )
        self._release(instance)

    @classmethod
    def releases_instances(cls) -> bool:
        """Whether a record is enough to release an instance."""
        return (
            cls.release_request is HostState.release_request or cls.release_instance is not HostState.release_instance
        )

    def _release(self, instance: Instance) -> None:
        self._assign(**given_back(self, instance))
        flavor = instance.flavor
        if flavor is not None and self.resources and flavor.resources:
            self._take_resources(flavor.resources, -1)
        self._assign(**device_usage.changes(self, instance.consumed, -1))
        instances = self.instances
        if isinstance(instances, GrowingDict):
            instances.discard(instance.uuid)
        elif instance.uuid in instances:
            self._assign(instances=FrozenDict({uuid: one for uuid, one in instances.items() if uuid != instance.uuid}))

    def release_request(self, spec: RequestSpec) -> None:
        """Give back what `consume_from_request` took, by the request; the older form of `release_instance`."""
        instance = self.instances.get(spec.instance_uuid or "")
        if instance is None or instance.flavor is None:
            instance = spec.as_instance(consumed=BUILDING)
        if type(self).release_instance is HostState.release_instance:
            self._release(instance)
        else:
            self.release_instance(instance)
        self.updated = spec.now

    def consume_from_instance(self, instance_properties: Mapping[str, Any]) -> None:
        """Take what an instance record needs; used by the first filter schedulers."""
        self.free_ram_mb -= instance_properties["memory_mb"]
        self.free_disk_mb -= (instance_properties["root_gb"] + instance_properties["ephemeral_gb"]) * 1024
        self.vcpus_used += instance_properties["vcpus"]
        self.num_instances += 1

    def note_instance(self, spec: RequestSpec) -> None:
        """Add the instance of a request with a group to `instances`, where its next instance looks for it.

        A pool that commits adds it itself, with the time.
        """
        has_group = spec.instance_group is not None or spec.instance_groups
        if has_group and not isinstance(self.instances, GrowingDict):
            self.add_instance(spec)

    def add_instance(self, spec: RequestSpec) -> None:
        """Add the instance that `spec` places to `instances`, as one that is being built."""
        if isinstance(self.instances, GrowingDict):
            self.instances.put(spec.instance_uuid, spec.as_instance(consumed=BUILDING))
        elif spec.instance_uuid is not None and spec.instance_uuid not in self.instances:
            # Assigned as they are: they were checked when they came.
            instance = spec.as_instance(consumed=BUILDING)
            self._assign(instances=FrozenDict({**self.instances, spec.instance_uuid: instance}))

    def _take_resources(self, amounts: Mapping[str, Any], sign: int) -> None:
        changed = dict(self.resources)
        for name, amount in amounts.items():
            if name in changed:
                total, used = changed[name]
                changed[name] = (total, max(0, used + sign * amount))
        self.resources = FrozenDict(changed)

    def to_dict(self) -> dict[str, Any]:
        """The attributes that were given, as plain data with a version number; see `from_dict`.

        Attributes that plug-ins added, and limits, are left out.
        """
        # A copy, since another thread may write to the host.
        return as_data(self.attributes, self.__dict__.copy())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The host from the data of `to_dict`. Raises InvalidHost for unknown attributes."""
        known = keywords_of(data)
        is_ordinary = cls.__init__ is HostState.__init__ and cls.__new__ is HostState.__new__
        if not is_ordinary or hasattr(cls, "__dataclass_fields__"):
            return cls(**known)
        # Without keywords, which would be copied twice: an inventory has very many hosts.
        new = object.__new__(cls)
        new._begin_with(known.pop("host"), known.pop("nodename", None), known)
        return new


# Writing past __setattr__, which watches the attributes that others may see.
_set_owner: Callable[[HostState, Owner | None], None] = vars(HostState)["_owner"].__set__
_set_generation: Callable[[HostState, int], None] = vars(HostState)["_generation"].__set__
_set_scratch: Callable[[HostState, Any], None] = vars(HostState)["_scratch"].__set__
_UNWATCHED = frozenset(("_owner", "_generation", "_scratch", "limits"))
