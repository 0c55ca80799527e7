"""HostState: what is known of one host, attribute by attribute."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from filtersched.errors import InvalidHost, nearest
from filtersched.frozen import EMPTY, FrozenDict, freeze, thaw

if TYPE_CHECKING:
    from filtersched.request_spec import RequestSpec

FORMAT_VERSION = 1


class Metric(NamedTuple):
    """One measured value of a host."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A named group of hosts with metadata; key and value are text, as in Nova."""

    name: str = ""
    metadata: FrozenDict = EMPTY
    id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", freeze(self.metadata))


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that runs on a host, as far as scheduling cares."""

    uuid: str
    project_id: str | None = None
    user_id: str | None = None
    instance_type_id: Any = None
    image_ref: str | None = None
    image_properties: FrozenDict = EMPTY

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_properties", freeze(self.image_properties))


class Owner(Protocol):
    """Who wants to know of a host's changes: the pool that keeps it."""

    def change(self, host: HostState, name: str, value: Any) -> None:
        """Write the attribute under the owner's lock and mark the host as changed."""


class _Decision(threading.local):
    """The decision that this thread is making, if any; while it lasts, no host may change.

    A mapping from `id(host)` to the limits written for that host, private to the decision.
    """

    limits: dict[int, dict[str, Any]] | None = None


_decision = _Decision()


class deciding:  # noqa: N801 - used like a function
    """Within this context the thread's decision is on: hosts it did not make itself are sealed."""

    def __enter__(self) -> None:
        self._outer = _decision.limits
        _decision.limits = {}

    def __exit__(self, *_exc: object) -> None:
        _decision.limits = self._outer


class HostState:
    """One host (or one node of it) and what is known of it.

    An ordinary object: every attribute has a default on the class, plug-ins may set further ones.
    Containers are stored read-only; change one by assigning a new one. Memory is in MiB (`_mb`),
    disk in GiB (`_gb`) or MiB (`_mb`). `free_ram_mb` and `free_disk_mb` may be negative, since a
    host may be oversubscribed. A ratio of None means the configured one.

    Raises InvalidHost for an unknown keyword, and for a size that is negative or no finite number.
    """

    __slots__ = ("__dict__", "__weakref__", "_generation", "_owner", "_scratch")

    host: str
    nodename: str
    uuid: str | None = None
    cell_uuid: str | None = None
    host_ip: str | None = None
    topic: str = "compute"

    total_usable_ram_mb: float = 0
    free_ram_mb: float = 0
    ram_allocation_ratio: float | None = None
    total_usable_disk_gb: float = 0
    free_disk_mb: float = 0
    disk_mb_used: float = 0
    disk_allocation_ratio: float | None = None
    vcpus_total: float = 0
    vcpus_used: float = 0
    cpu_allocation_ratio: float | None = None
    num_instances: int = 0
    num_io_ops: int = 0
    failed_builds: int = 0

    instances: FrozenDict = EMPTY
    aggregates: tuple[Aggregate, ...] = ()
    metrics: tuple[Metric, ...] = ()
    service: Any = EMPTY
    capabilities: FrozenDict = EMPTY
    stats: FrozenDict = EMPTY
    traits: frozenset[str] = frozenset()
    resources: FrozenDict = EMPTY

    hypervisor_type: str | None = None
    hypervisor_version: int | None = None
    hypervisor_hostname: str | None = None
    supported_instances: tuple[Any, ...] | None = ()
    cpu_info: Any = None
    numa_topology: Any = None
    pci_stats: Any = None
    updated: datetime | None = None

    def __init__(self, host: str, nodename: str | None = None, **attributes: Any) -> None:
        self._owner: Owner | None = None
        self._generation = 0
        self._scratch = _decision.limits
        if not isinstance(host, str) or not host:
            raise InvalidHost(f"host must be a name, not {host!r}", attribute="host", value=host)
        write = object.__setattr__
        write(self, "host", host)
        write(self, "nodename", self._checked("nodename", host if nodename is None else nodename))
        for name, value in attributes.items():
            if name not in _CHECKS:
                raise InvalidHost(
                    f"host {host!r}: {name!r} is not an attribute of HostState. {nearest(name, _CHECKS)}".rstrip(),
                    host=host,
                    attribute=name,
                    value=value,
                )
            write(self, name, self._checked(name, value))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SLOTS:
            object.__setattr__(self, name, value)
            return
        if name in _CHECKS:
            value = self._checked(name, value)
        if self._scratch is not _decision.limits and _decision.limits is not None:
            raise InvalidHost(
                f"host {self.host!r}: {name} may not be changed while hosts are being chosen; "
                "a filter or weigher only answers (a copy made with host.copy() may be changed)",
                host=self.host,
                attribute=name,
                value=value,
            )
        if self._owner is None:
            object.__setattr__(self, name, value)
        else:
            self._owner.change(self, name, value)

    def __delattr__(self, name: str) -> None:
        if not hasattr(type(self), name):
            raise AttributeError(f"host {self.host!r}: {name} cannot be deleted")
        setattr(self, name, getattr(type(self), name))

    def __repr__(self) -> str:
        node = "" if self.nodename == self.host else f" node={self.nodename}"
        return (
            f"<HostState {self.host}{node} ram={self.free_ram_mb}/{self.total_usable_ram_mb} MiB"
            f" vcpus={self.vcpus_used}/{self.vcpus_total} disk={self.free_disk_mb} MiB free>"
        )

    def _checked(self, name: str, value: Any) -> Any:
        try:
            return _CHECKS[name](value)
        except (ValueError, TypeError) as problem:
            host = self.__dict__.get("host")
            raise InvalidHost(
                f"host {host!r}: {name} must be {problem}, not {value!r}", host=host, attribute=name, value=value
            ) from None

    @property
    def limits(self) -> dict[str, Any]:
        """What the compute side is to enforce; the one thing that a filter may write to.

        During a decision each host has limits of its own that the decision throws away.
        """
        decision = _decision.limits
        if decision is None or decision is self._scratch:
            limits: dict[str, Any] = self.__dict__.setdefault("limits", {})
            return limits
        if id(self) not in decision:
            decision[id(self)] = dict(self.__dict__.get("limits", ()))
        return decision[id(self)]

    @limits.setter
    def limits(self, value: Mapping[str, Any]) -> None:
        self.limits.clear()
        self.limits.update(value)

    def _counts(self, prefix: str) -> FrozenDict:
        named = {key[len(prefix) :]: int(count) for key, count in self.stats.items() if key.startswith(prefix)}
        return FrozenDict(named)

    @property
    def num_instances_by_project(self) -> FrozenDict:
        """Project id to number of instances, from the statistics `num_proj_*`."""
        return self._counts("num_proj_")

    @property
    def num_instances_by_os_type(self) -> FrozenDict:
        """Type of operating system to number of instances, from the statistics `num_os_type_*`."""
        return self._counts("num_os_type_")

    @property
    def vm_states(self) -> FrozenDict:
        """State to number of instances, from the statistics `num_vm_*`."""
        return self._counts("num_vm_")

    @property
    def task_states(self) -> FrozenDict:
        """Task to number of instances, from the statistics `num_task_*`."""
        return self._counts("num_task_")

    def copy(self) -> Self:
        """A host of its own with the same attributes; containers are shared, being read-only."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        if "limits" in new.__dict__ or _decision.limits is not None:
            new.__dict__["limits"] = dict(self.limits)
        new._owner = None
        new._generation = self._generation
        new._scratch = _decision.limits
        return new

    __copy__ = copy

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._owner = None
        self._generation = 0
        self._scratch = None

    def consume_from_request(self, spec: RequestSpec) -> None:
        """Take what one instance of `spec` needs. Swap is not taken, as in Nova.

        A subclass may override this, `release_request` and `copy` for anything else that is
        countable; whatever it reads and writes must be attributes.
        """
        self.free_ram_mb -= spec.memory_mb
        self.free_disk_mb -= (spec.root_gb + spec.ephemeral_gb) * 1024
        self.vcpus_used += spec.vcpus
        self.num_instances += 1
        self.num_io_ops += 1
        if spec.resources and self.resources:
            self._take_resources(spec, 1)
        if spec.instance_group is not None and spec.instance_uuid is not None:
            self.add_instance(spec)
        self.updated = spec.now

    def release_request(self, spec: RequestSpec) -> None:
        """Give back what `consume_from_request` took; counters stop at zero."""
        self.free_ram_mb += spec.memory_mb
        self.free_disk_mb += (spec.root_gb + spec.ephemeral_gb) * 1024
        self.vcpus_used = max(0, self.vcpus_used - spec.vcpus)
        self.num_instances = max(0, self.num_instances - 1)
        self.num_io_ops = max(0, self.num_io_ops - 1)
        if spec.resources and self.resources:
            self._take_resources(spec, -1)
        if spec.instance_uuid in self.instances:
            rest = {uuid: one for uuid, one in self.instances.items() if uuid != spec.instance_uuid}
            self.instances = FrozenDict(rest)
        self.updated = spec.now

    def consume_from_instance(self, instance_properties: Mapping[str, Any]) -> None:
        """Take what an instance record says: the name of this in the first filter schedulers."""
        self.free_ram_mb -= instance_properties["memory_mb"]
        self.free_disk_mb -= (instance_properties["root_gb"] + instance_properties["ephemeral_gb"]) * 1024
        self.vcpus_used += instance_properties["vcpus"]
        self.num_instances += 1

    def add_instance(self, spec: RequestSpec) -> None:
        """Note the instance that `spec` places as one that is here."""
        if spec.instance_uuid not in self.instances:
            self.instances = FrozenDict({**self.instances, spec.instance_uuid: spec.as_instance()})

    def _take_resources(self, spec: RequestSpec, sign: int) -> None:
        changed = dict(self.resources)
        for name, amount in spec.resources.items():
            if name in changed:
                total, used = changed[name]
                changed[name] = (total, max(0, used + sign * amount))
        self.resources = FrozenDict(changed)

    def to_dict(self) -> dict[str, Any]:
        """The attributes that were given, as plain data with a version number; see `from_dict`.

        Attributes that plug-ins added, and limits, are left out.
        """
        given = {name: value for name, value in self.__dict__.items() if name in _CHECKS}
        return {"version": FORMAT_VERSION, **{name: _plain(value) for name, value in given.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The host that `to_dict` wrote down. Raises InvalidHost for what no HostState has."""
        known = dict(data)
        version = known.pop("version", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise InvalidHost(
                f"host {known.get('host')!r}: version {version!r} of the format is not known here, "
                f"{FORMAT_VERSION} is",
                host=known.get("host"),
                attribute="version",
                value=version,
            )
        if "host" not in known:
            raise InvalidHost("a host needs a 'host' name", attribute="host")
        return cls(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple) and value and isinstance(value[0], Metric):
        return {metric.name: metric.value for metric in value}
    if isinstance(value, tuple) and value and isinstance(value[0], Aggregate):
        return [{"name": one.name, "metadata": thaw(one.metadata), "id": one.id} for one in value]
    if isinstance(value, FrozenDict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Instance):
        fields = ((name, thaw(getattr(value, name))) for name in Instance.__slots__)
        return {name: field for name, field in fields if field not in (None, {})}
    return thaw(value)


def number(value: Any) -> Any:
    """`value` if it is a finite number or None; NumPy's scalars become Python's."""
    kind = type(value)
    if kind is int or value is None:
        return value
    if kind is not float and not isinstance(value, bool) and hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
        kind = type(value)
    if kind not in (int, float) or not math.isfinite(value):
        raise ValueError("a finite number")
    return value


def amount(value: Any) -> Any:
    """`value` if it is a number that is not negative, or None."""
    value = number(value)
    if value is not None and value < 0:
        raise ValueError("zero or more")
    return value


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("text")
    return value


def _mapping(value: Any) -> FrozenDict:
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    frozen: FrozenDict = freeze(value)
    return frozen


def _service(value: Any) -> Any:
    return freeze(value) if value is not None else EMPTY


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ValueError("a list")
    return list(value)


def _aggregates(value: Any) -> tuple[Any, ...]:
    given = _items(value or ())
    for one in given:
        if isinstance(one, str) or (isinstance(one, Mapping) and not one.keys() <= {"name", "metadata", "id"}):
            raise ValueError("a list of aggregates, each with name, metadata and id")
    return tuple(Aggregate(**one) if isinstance(one, Mapping) else one for one in given)


def _metrics(value: Any) -> tuple[Any, ...]:
    pairs = value.items() if isinstance(value, Mapping) else _items(value or ())
    return tuple(Metric(*one) if isinstance(one, tuple | list) else one for one in pairs)


def _instances(value: Any) -> FrozenDict:
    if isinstance(value, FrozenDict) and all(isinstance(one, Instance) for one in value.values()):
        return value
    if not isinstance(value, Mapping):
        value = {one if isinstance(one, str) else one.uuid: one for one in _items(value or ())}
    return FrozenDict({uuid: _instance(uuid, one) for uuid, one in value.items()})


def _instance(uuid: str, one: Any) -> Any:
    if isinstance(one, Mapping):
        return Instance(**{"uuid": uuid, **one})
    return Instance(uuid) if one is None or isinstance(one, str) else one


def _resources(value: Any) -> FrozenDict:
    given = _mapping(value)
    try:
        pairs = {name: (amount(total), amount(used)) for name, (total, used) in given.items()}
    except (TypeError, ValueError):
        raise ValueError("a mapping from a name to (total, used), both zero or more") from None
    return FrozenDict(pairs)


def _supported(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else tuple(freeze(one) for one in _items(value))


def naive_utc(value: Any) -> datetime | None:
    """A time as Nova keeps it: UTC, without saying so. ISO text is read, other zones converted."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time such as 2026-01-31T12:00:00") from None
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise ValueError("a time such as 2026-01-31T12:00:00")
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _traits(value: Any) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset(_items(value or ()))


_CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("host", "nodename"), _name),
    **dict.fromkeys(("uuid", "cell_uuid", "host_ip", "topic", "hypervisor_type", "hypervisor_hostname"), _text),
    **dict.fromkeys(("free_ram_mb", "free_disk_mb", "hypervisor_version"), number),
    **dict.fromkeys(("total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used"), amount),
    **dict.fromkeys(("ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio"), amount),
    **dict.fromkeys(("vcpus_total", "vcpus_used", "num_instances", "num_io_ops", "failed_builds"), amount),
    **dict.fromkeys(("capabilities", "stats"), _mapping),
    **dict.fromkeys(("cpu_info", "numa_topology", "pci_stats"), freeze),
    "service": _service,
    "instances": _instances,
    "aggregates": _aggregates,
    "metrics": _metrics,
    "traits": _traits,
    "resources": _resources,
    "supported_instances": _supported,
    "updated": naive_utc,
}
_SLOTS = frozenset(("_owner", "_generation", "_scratch"))
