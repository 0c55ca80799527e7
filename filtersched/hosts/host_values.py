"""The parts of a host: aggregates, instances, metrics; and how the values of a host are checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY, FrozenDict, thaw
from filtersched.columns.plain_data import attributes_of, plain_data, plain_mapping, plain_scalar
from filtersched.columns.shared_values import shared
from filtersched.columns.stored import NO_VALUES, NameToValue
from filtersched.columns.values import amount, naive_utc, name, number, optional, optional_text, ratio, text, whole
from filtersched.errors import InvalidHost, must_be, shown
from filtersched.hosts.service import Service
from filtersched.requests.instance import Instance


class Metric(NamedTuple):
    """One measured value of a host."""

    #: Such as "cpu.frequency".
    name: str
    #: A finite number.
    value: float


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A named group of hosts with metadata; key and value are text, as in Nova.

    A key whose value is None is left out. Raises InvalidHost for metadata that is no text.
    """

    #: The name of the aggregate.
    name: str = ""
    #: Key to value.
    metadata: NameToValue = NO_VALUES
    #: The id of the aggregate.
    id: int | None = None

    def __post_init__(self) -> None:
        for field, check in (("name", text), ("metadata", _metadata), ("id", plain_scalar)):
            value = getattr(self, field)
            try:
                checked = check(value)
            except ValueError as problem:
                which = f"aggregate {self.name!r}" if isinstance(self.name, str) else "an aggregate"
                raise InvalidHost(f"{which}: {must_be(field, problem, value)}", value=value) from None
            if checked is not value:
                object.__setattr__(self, field, checked)


def _metadata(value: Any) -> FrozenDict[str, Any]:
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    for key, item in value.items():
        if not isinstance(key, str) or not isinstance(item, str | None):
            raise ValueError(f"must have text for keys and values, and {shown(key)} is {shown(item)}")
    if type(value) is FrozenDict and None not in value.values():
        return value
    return FrozenDict({text(key): text(item) for key, item in value.items() if item is not None}) or EMPTY


def plain(value: Any) -> Any:
    """An attribute of a host as data that `json` writes and the attribute's check reads back."""
    if isinstance(value, tuple) and value and isinstance(value[0], Metric):
        named = dict(value)
        return named if len(named) == len(value) else [list(metric) for metric in value]
    if isinstance(value, tuple) and value and isinstance(value[0], Aggregate):
        return [{"name": one.name, "metadata": thaw(one.metadata), "id": thaw(one.id)} for one in value]
    if isinstance(value, FrozenDict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Instance):
        fields = ((name, thaw(getattr(value, name))) for name in Instance.__slots__)
        return {name: field for name, field in fields if field not in (None, {})}
    return thaw(value)


def _alike(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check for what many hosts have in common: equal values become one object."""
    return lambda value: shared(check(value))


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection | Iterator):
        raise ValueError("a list")
    return list(value)


def _aggregates(value: Any) -> tuple[Aggregate, ...]:
    return tuple(_aggregate(one) for one in _items(value or ()))


def _aggregate(one: Any) -> Aggregate:
    if type(one) is Aggregate:
        return one
    fields = Aggregate.__dataclass_fields__
    known = one if isinstance(one, Mapping) else attributes_of(one, fields)
    if known is None or (not known.keys() <= fields.keys() if known is one else "metadata" not in known):
        raise ValueError("a list of aggregates, each with name, metadata and id")
    try:
        return Aggregate(**{field: known[field] for field in fields if known.get(field) is not None})
    except InvalidHost as problem:
        raise ValueError(f"must be a list of aggregates; {problem}") from None


def _metrics(value: Any) -> tuple[Metric, ...]:
    pairs = value.items() if isinstance(value, Mapping) else _items(value or ())
    metrics = (_metric(one) for one in pairs)
    return tuple(metric for metric in metrics if metric is not None)


def _metric(one: Any) -> Metric | None:
    """The metric; None for one without a value, which counts as missing."""
    if isinstance(one, tuple | list) and len(one) == 2:
        named, value = one
    else:
        known = attributes_of(one, ("name", "value")) or {}
        if "name" not in known:
            raise ValueError("a mapping from a name to a value")
        named, value = known["name"], known.get("value")
    try:
        return None if value is None else Metric(text(named), number(value))
    except ValueError as problem:
        raise ValueError(f"must be numbers by name; {must_be(shown(named), problem, value)}") from None


def _instances(value: Any) -> FrozenDict[str, Any]:
    if isinstance(value, FrozenDict) and all(isinstance(one, Instance) for one in value.values()):
        return value
    if not isinstance(value, Mapping):
        value = {_instance_uuid(one): one for one in _items(value or ())}
    return FrozenDict({uuid: _instance(uuid, one) for uuid, one in value.items()}) if value else EMPTY


def _instance_uuid(one: Any) -> Any:
    if isinstance(one, Mapping):
        return one.get("uuid")
    return one.uuid if isinstance(one, Instance) else (attributes_of(one, ("uuid",)) or {}).get("uuid", one)


def _instance(uuid: Any, one: Any) -> Instance:
    if isinstance(one, Instance) and one.uuid == uuid:
        return one
    fields = Instance.__dataclass_fields__
    known = one if isinstance(one, Mapping) else {} if one is None or one is uuid else attributes_of(one, fields)
    if not isinstance(uuid, str) or known is None or (known is one and not known.keys() <= fields.keys()):
        raise ValueError(f"a mapping from a uuid to an instance, which has {', '.join(fields)}")
    if known.get("uuid", uuid) != uuid:
        raise ValueError(f"must be a mapping from a uuid to that instance; {uuid!r} leads to {shown(known['uuid'])}")
    try:
        return Instance(**{"uuid": uuid, **{field: known[field] for field in fields if field in known}})
    except InvalidHost as problem:
        raise ValueError(f"must be a mapping from a uuid to an instance; {uuid!r}: {problem}") from None


def _resources(value: Any) -> FrozenDict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ValueError("a mapping")
    try:
        return FrozenDict({text(key): (amount(total), amount(used)) for key, (total, used) in (value or EMPTY).items()})
    except (TypeError, ValueError):
        raise ValueError("a mapping from a name to (total, used), both zero or more") from None


def _stats(value: Any) -> FrozenDict[str, Any]:
    stats = plain_mapping(value)
    for key, count in stats.items():
        if key.startswith(COUNTS):
            try:
                whole(count)
            except ValueError:
                raise ValueError(f"must have whole numbers for counts, and {key!r} is {shown(count)}") from None
    return stats


def _supported(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else tuple(map(plain_data, _items(value)))


def _traits(value: Any) -> frozenset[str]:
    if isinstance(value, str | bytes):
        raise ValueError("a list of names")
    try:
        return frozenset(map(text, _items(value or ())))
    except ValueError:
        raise ValueError("a list of names") from None


def _record(value: Any) -> Any:
    """Data of the compute side, or an object of its library."""
    return plain_data(value, objects=True)


# Statistics of these prefixes count instances: by project, operating system, state and task.
COUNTS = ("num_proj_", "num_os_type_", "num_vm_", "num_task_")

RATIOS = ("ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio")

CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("host", "nodename"), name),
    **dict.fromkeys(
        ("uuid", "cell_uuid", "host_ip", "topic", "hypervisor_type", "hypervisor_hostname"), optional_text
    ),
    **dict.fromkeys(("free_ram_mb", "free_disk_mb"), number),
    **dict.fromkeys(("total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used"), amount),
    **dict.fromkeys(("vcpus_used", "num_instances", "num_io_ops", "failed_builds"), amount),
    "vcpus_total": optional(amount),
    "hypervisor_version": optional(number),
    **dict.fromkeys(RATIOS, ratio),
    **dict.fromkeys(("numa_topology", "pci_stats"), _record),
    "stats": _stats,
    "instances": _instances,
    "metrics": _metrics,
    "resources": _resources,
    "aggregates": _alike(_aggregates),
    "capabilities": _alike(plain_mapping),
    "cpu_info": _alike(_record),
    "service": _alike(Service.of),
    "supported_instances": _alike(_supported),
    "traits": _alike(_traits),
    "updated": naive_utc,
}


def checked(host: Any, attribute: str, value: Any) -> Any:
    """`value` as hosts keep it. Raises InvalidHost naming the host and the attribute."""
    try:
        return CHECKS[attribute](value)
    except RecursionError:
        problem = f"{attribute} is nested too deeply"
    except (ValueError, TypeError) as error:
        problem = must_be(attribute, error, value)
    raise InvalidHost(f"host {shown(host)}: {problem}", host=host, attribute=attribute, value=value)
