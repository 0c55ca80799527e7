"""The parts of a host: aggregates, instances, metrics; and how the values of a host are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY, FrozenDict, freeze, shared, thaw
from filtersched.columns.values import amount, naive_utc, number, ratio, read_only_mapping
from filtersched.errors import InvalidHost
from filtersched.requests.instance import Instance


class Metric(NamedTuple):
    """One measured value of a host."""

    #: Such as "cpu.frequency".
    name: str
    #: Usually a number.
    value: Any


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A named group of hosts with metadata; key and value are text, as in Nova."""

    #: The name of the aggregate.
    name: str = ""
    #: Key to value.
    metadata: FrozenDict = EMPTY
    #: The id of the aggregate.
    id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", _part("an aggregate's metadata", self.metadata))


def _part(what: str, value: Any) -> FrozenDict:
    try:
        return read_only_mapping(value)
    except ValueError as problem:
        raise InvalidHost(f"{what} must be {problem}, not {value!r}", value=value) from None


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple) and value and isinstance(value[0], Metric):
        return {metric.name: metric.value for metric in value}
    if isinstance(value, tuple) and value and isinstance(value[0], Aggregate):
        return [{"name": one.name, "metadata": thaw(one.metadata), "id": one.id} for one in value]
    if isinstance(value, FrozenDict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Instance):
        fields = ((name, thaw(getattr(value, name))) for name in Instance.__slots__)
        return {name: field for name, field in fields if field not in (None, {})}
    return thaw(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("text")
    return value


def _alike(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check for what many hosts have in common: equal values become one object."""
    return lambda value: shared(check(value))


def _service(value: Any) -> Any:
    if value is None:
        return EMPTY
    if isinstance(value, str | bytes | int | float | list | tuple | Set):
        raise ValueError("a service record, a mapping or an object")
    if isinstance(value, Mapping):
        for name in ("last_seen_up", "updated_at", "created_at"):
            try:
                naive_utc(value.get(name))
            except ValueError as problem:
                raise ValueError(f"a service record with {name} {problem}") from None
    return freeze(value)


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ValueError("a list")
    return list(value)


def _aggregates(value: Any) -> tuple[Any, ...]:
    return tuple(_aggregate(one) for one in _items(value or ()))


def _aggregate(one: Any) -> Any:
    if isinstance(one, Mapping):
        if one.keys() <= {"name", "metadata", "id"} and isinstance(one.get("metadata") or EMPTY, Mapping):
            return Aggregate(**one)
    elif isinstance(getattr(one, "metadata", None), Mapping):
        return one
    raise ValueError("a list of aggregates, each with name, metadata and id")


def _metrics(value: Any) -> tuple[Any, ...]:
    pairs = value.items() if isinstance(value, Mapping) else _items(value or ())
    return tuple(_metric(one) for one in pairs)


def _metric(one: Any) -> Any:
    if isinstance(one, tuple | list) and len(one) == 2:
        return Metric(*one)
    if hasattr(one, "name") and hasattr(one, "value"):
        return one
    raise ValueError("a mapping from a name to a value")


def _instances(value: Any) -> FrozenDict:
    if isinstance(value, FrozenDict) and all(isinstance(one, Instance) for one in value.values()):
        return value
    if not isinstance(value, Mapping):
        value = {_instance_uuid(one): one for one in _items(value or ())}
    return FrozenDict({uuid: _instance(uuid, one) for uuid, one in value.items()}) if value else EMPTY


def _instance_uuid(one: Any) -> Any:
    return one.get("uuid") if isinstance(one, Mapping) else getattr(one, "uuid", one)


def _instance(uuid: Any, one: Any) -> Any:
    known = {**one} if isinstance(one, Mapping) else {}
    if isinstance(uuid, str) and known.keys() <= set(Instance.__slots__):
        if one is None or isinstance(one, Mapping | str):
            return Instance(**{"uuid": uuid, **known})
        if not isinstance(one, bytes | int | float | list | tuple | Set):
            return one
    raise ValueError(f"a mapping from a uuid to an instance, which has {', '.join(Instance.__slots__)}")


def _resources(value: Any) -> FrozenDict:
    given = read_only_mapping(value)
    try:
        pairs = {name: (amount(total), amount(used)) for name, (total, used) in given.items()}
    except (TypeError, ValueError):
        pairs = {"": (None, None)}
    if any(None in pair for pair in pairs.values()):
        raise ValueError("a mapping from a name to (total, used), both zero or more")
    return FrozenDict(pairs)


def _supported(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else tuple(freeze(one) for one in _items(value))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _traits(value: Any) -> frozenset[str]:
    traits = value if isinstance(value, frozenset) else frozenset(_items(value or ()))
    if not all(isinstance(trait, str) for trait in traits):
        raise ValueError("a list of names")
    return traits


RATIOS = ("ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio")

CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("host", "nodename"), _name),
    **dict.fromkeys(("uuid", "cell_uuid", "host_ip", "topic", "hypervisor_type", "hypervisor_hostname"), _text),
    **dict.fromkeys(("free_ram_mb", "free_disk_mb", "hypervisor_version"), number),
    **dict.fromkeys(("total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used"), amount),
    **dict.fromkeys(RATIOS, ratio),
    **dict.fromkeys(("vcpus_total", "vcpus_used", "num_instances", "num_io_ops", "failed_builds"), amount),
    **dict.fromkeys(("numa_topology", "pci_stats"), freeze),
    "stats": read_only_mapping,
    "instances": _instances,
    "metrics": _metrics,
    "resources": _resources,
    "aggregates": _alike(_aggregates),
    "capabilities": _alike(read_only_mapping),
    "cpu_info": _alike(freeze),
    "service": _alike(_service),
    "supported_instances": _alike(_supported),
    "traits": _alike(_traits),
    "updated": naive_utc,
}
