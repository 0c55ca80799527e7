"""The parts of a host: aggregates, instances, metrics; and how the values of a host are checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY, FrozenDict, FrozenList, by_values, thaw
from filtersched.columns.plain_data import attributes_of, note_unread, plain_data, plain_mapping, plain_scalar
from filtersched.columns.shared_values import shared_made
from filtersched.columns.stored import NO_ITEMS, NO_VALUES, Names, NameToValue
from filtersched.columns.values import amount, number, optional_text, text, whole
from filtersched.errors import InvalidHost, must_be, shown
from filtersched.hosts.attribute_kinds import Kind, alike, items
from filtersched.hosts.numa_topology import NUMATopology
from filtersched.hosts.pci_stats import PciStats
from filtersched.hosts.providers import checked_providers, plain_providers
from filtersched.hosts.service import Service
from filtersched.requests.instance import Instance
from filtersched.requests.parts import decoded
from filtersched.requests.record import names


class Metric(NamedTuple):
    """One measured value of a host."""

    #: Such as "cpu.frequency".
    name: str
    #: A finite number.
    value: float


class Metrics(tuple[Metric, ...]):
    """The measured values of a host."""

    __slots__ = ()

    def to_list(self) -> list[dict[str, Any]]:
        """A dict with `name` and `value` for each, as Nova's plug-ins read them."""
        return [metric._asdict() for metric in self]


NO_METRICS = Metrics()
# Past the constructor, which takes three times as long.
_new: Callable[[type[Metric], tuple[str, float]], Metric] = tuple.__new__


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
    #: The uuid of the aggregate.
    uuid: str | None = None
    #: The names of its hosts, for plug-ins; the library does not fill them in.
    hosts: Names = NO_ITEMS

    __reduce__ = by_values

    @property
    def availability_zone(self) -> str | None:
        """The zone that the metadata name."""
        zone: str | None = self.metadata.get("availability_zone")
        return zone

    def __post_init__(self) -> None:
        for field, check in _AGGREGATE.items():
            value = getattr(self, field)
            try:
                checked = check(value)
            except ValueError as problem:
                which = f"aggregate {self.name!r}" if isinstance(self.name, str) else "an aggregate"
                raise InvalidHost(f"{which}: {must_be(field, problem, value)}", value=value) from None
            if checked is not value:
                object.__setattr__(self, field, checked)


_NO_MORE: Mapping[str, Any] = {"uuid": None, "hosts": NO_ITEMS}


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


_AGGREGATE: Mapping[str, Callable[[Any], Any]] = {
    "name": text,
    "metadata": _metadata,
    "id": plain_scalar,
    "uuid": optional_text,
    "hosts": names,
}


def _plain_metrics(metrics: tuple[Metric, ...]) -> Any:
    named = dict(metrics)
    return named if len(named) == len(metrics) else [list(metric) for metric in metrics]


def _plain_aggregates(aggregates: tuple[Aggregate, ...]) -> list[dict[str, Any]]:
    plain = []
    for one in aggregates:
        more = {field: thaw(getattr(one, field)) for field, unset in _NO_MORE.items() if getattr(one, field) != unset}
        plain.append({"name": one.name, "metadata": thaw(one.metadata), "id": thaw(one.id), **more})
    return plain


def _plain_instances(instances: Mapping[str, Instance]) -> dict[str, Any]:
    return {uuid: instance.to_dict() for uuid, instance in instances.items()}


def _aggregates(value: Any) -> tuple[Aggregate, ...]:
    return tuple(_aggregate(one) for one in items(value or ()))


def _aggregate(value: Any) -> Aggregate:
    if type(value) is Aggregate:
        return value
    fields = Aggregate.__dataclass_fields__
    known = value if isinstance(value, Mapping) else attributes_of(value, fields)
    if known is None or (not known.keys() <= fields.keys() if known is value else "metadata" not in known):
        raise ValueError("a list of aggregates, each with name, metadata and id")
    if known is not value:
        note_unread("an aggregate", value, (name for name in known if name not in fields))
    try:
        return Aggregate(**{field: known[field] for field in fields if known.get(field) is not None})
    except InvalidHost as problem:
        raise ValueError(f"must be a list of aggregates; {problem}") from None


def _service(value: Any) -> Service:
    # Times that a program gives are another on each host, and make the record one like no other.
    is_own = isinstance(value, Service) or (type(value) is dict and datetime in map(type, value.values()))
    record: Service = Service.of(value) if is_own else shared_made(Service.of, value)
    return record


def _metrics(value: Any) -> Metrics:
    if type(value) is Metrics:
        return value
    if type(value) is dict:
        try:
            return Metrics(
                [_new(Metric, (sys.intern(key), number(item))) for key, item in value.items() if item is not None]
            )
        except (ValueError, TypeError):
            pass  # the slower way says what is wrong
    pairs = value.items() if isinstance(value, Mapping) else items(value or ())
    metrics = (_metric(one) for one in pairs)
    return Metrics(metric for metric in metrics if metric is not None)


def _metric(given: Any) -> Metric | None:
    """The metric; None for one without a value, which counts as missing."""
    if isinstance(given, tuple | list) and len(given) == 2:
        named, value = given
    else:
        known = attributes_of(given, ("name", "value")) or {}
        if "name" not in known:
            raise ValueError("a mapping from a name to a value")
        note_unread("a metric", given, (name for name in known if name not in ("name", "value")))
        named, value = known["name"], known.get("value")
    try:
        return None if value is None else Metric(text(named), number(value))
    except ValueError as problem:
        raise ValueError(f"must be numbers by name; {must_be(shown(named), problem, value)}") from None


def _instances(value: Any) -> FrozenDict[str, Any]:
    ordinary = Instance.all_of_data(value) if type(value) is dict else None
    if ordinary is not None:
        return FrozenDict(ordinary) if ordinary else EMPTY
    if isinstance(value, FrozenDict) and all(isinstance(one, Instance) for one in value.values()):
        return value
    if not isinstance(value, Mapping):
        value = {_instance_uuid(one): one for one in items(value or ())}
    made = {uuid: Instance.of_data(uuid, one) or _instance(uuid, one) for uuid, one in value.items()}
    return FrozenDict(made) if made else EMPTY


def _instance_uuid(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get("uuid")
    return value.uuid if isinstance(value, Instance) else (attributes_of(value, ("uuid",)) or {}).get("uuid", value)


def _instance(uuid: Any, value: Any) -> Instance:
    if isinstance(value, Instance) and value.uuid == uuid:
        return value
    fields = Instance.__dataclass_fields__
    is_name = value is None or value is uuid
    known = value if isinstance(value, Mapping) else {} if is_name else attributes_of(value, fields)
    if not isinstance(uuid, str) or known is None or (known is value and not known.keys() <= fields.keys()):
        raise ValueError(f"a mapping from a uuid to an instance, which has {', '.join(fields)}")
    if known is not value and known:
        note_unread("an instance", value, (name for name in known if name not in fields))
        if not hasattr(known.get("flavor"), "memory_mb"):
            # An object of another library may have something else of that name.
            known = {**known, "flavor": None}
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


def _images(value: Any) -> FrozenDict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ValueError("a mapping")
    try:
        return FrozenDict({text(key): amount(size) for key, size in (value or EMPTY).items()})
    except (TypeError, ValueError):
        raise ValueError("a mapping from the id of an image to its bytes, zero or more") from None


def _history(value: Any) -> FrozenDict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ValueError("a mapping")
    try:
        return FrozenDict({text(key): FrozenList(map(number, items(some))) for key, some in (value or EMPTY).items()})
    except (TypeError, ValueError):
        raise ValueError("a mapping from the name of a metric to a list of numbers") from None


def _stats(value: Any) -> FrozenDict[str, Any]:
    stats = plain_mapping(value)
    for key in stats:
        if key.startswith(COUNTS):
            try:
                whole(stats[key])
            except ValueError:
                raise ValueError(f"must have whole numbers for counts, and {key!r} is {shown(stats[key])}") from None
    return stats


def _supported(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else FrozenList(map(plain_data, items(value)))


def _traits(value: Any) -> frozenset[str]:
    if isinstance(value, str | bytes):
        raise ValueError("a list of names")
    try:
        return frozenset(map(text, items(value or ())))
    except ValueError:
        raise ValueError("a list of names") from None


def _shared_part(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check for a part that many hosts have alike: equal ones are one object."""
    return lambda value: shared_made(make, decoded(value))


def _plain_part(value: Any) -> Any:
    return value.plain()


def _record(value: Any) -> Any:
    """Data of the compute side, or an object of its library."""
    return plain_data(value, objects=True)


# Statistics of these prefixes count instances: by project, operating system, state and task.
COUNTS = ("num_proj_", "num_os_type_", "num_vm_", "num_task_")

MAPPING = Kind("plain data by name", alike(plain_mapping), is_read_only=True)
STATISTICS = Kind("plain data by name", _stats, is_read_only=True)
INSTANCES = Kind("instances by uuid", _instances, plain=_plain_instances, is_read_only=True)
AGGREGATES = Kind("list of aggregates", alike(_aggregates), plain=_plain_aggregates, is_read_only=True)
METRICS = Kind("numbers by name", _metrics, plain=_plain_metrics, is_read_only=True)
SERVICE = Kind("service record", _service, is_read_only=True)
TRAITS = Kind("set of text", alike(_traits), is_read_only=True)
RESOURCES = Kind("(total, used) by name", alike(_resources), is_read_only=True)
PROVIDERS = Kind(
    "resources and traits by provider",
    checked_providers,
    plain=plain_providers,
    is_read_only=True,
    samples=(
        {},
        {"gpu0": {"resources": {"VGPU": [4, 0]}, "traits": ["CUSTOM_A100"]}, "gpu1": {"resources": {"VGPU": [2, 1]}}},
    ),
)
HISTORY = Kind(
    "list of numbers by metric",
    _history,
    is_read_only=True,
    samples=({}, {"cpu.percent": [10.0, 90.0, 50.0]}, {"cpu.percent": [20.5], "cpu.frequency": [2000, 2400]}),
)
IMAGES = Kind("bytes by image id", alike(_images), is_read_only=True, samples=({}, {"image-1": 5 << 20}))
SUPPORTED = Kind("list of plain data", alike(_supported), or_none=alike(_supported), is_read_only=True)
NUMA = Kind(
    "NUMA topology",
    _shared_part(NUMATopology.of),
    plain=_plain_part,
    is_read_only=True,
    samples=(
        {"cells": [{"id": 0, "cpuset": [0, 1, 2, 3], "pcpuset": [4, 5], "memory": 4096, "siblings": [[4, 5]]}]},
        {
            "cells": [
                {"id": 0, "cpuset": [0, 1], "memory": 1024, "cpu_usage": 2, "memory_usage": 512},
                {"id": 1, "pcpuset": [2, 3], "memory": 1024, "pinned_cpus": [2], "siblings": [[2], [3]]},
            ]
        },
        {
            "cells": [
                {
                    "id": 0,
                    "cpuset": [0, 1],
                    "memory": 2048,
                    "mempages": [{"size_kb": 4, "total": 262144}, {"size_kb": 2048, "total": 512, "used": 256}],
                    "network_metadata": {"physnets": ["net1"], "tunneled": True},
                },
                {"id": 1, "cpuset": [2, 3], "memory": 2048, "mempages": [{"size_kb": 4, "total": 524288}]},
            ]
        },
    ),
)
PCI = Kind(
    "PCI devices",
    _shared_part(PciStats.of),
    plain=_plain_part,
    is_read_only=True,
    samples=(
        [],
        [
            {"vendor_id": "8086", "product_id": "154c", "numa_node": 0, "count": 2, "tags": {"dev_type": "type-VF"}},
            {"vendor_id": "10de", "product_id": "1eb8", "numa_node": None, "count": 1},
        ],
    ),
)
SHARED_RECORD = Kind("plain data", alike(_record), is_read_only=True)
