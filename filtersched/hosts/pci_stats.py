"""PciStats: the free PCI devices of a host, in pools of devices alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from filtersched.columns.frozen import FrozenDict
from filtersched.columns.stored import NO_ITEMS, NO_VALUES, NameToValue, Stored
from filtersched.columns.values import text
from filtersched.hosts.numa_topology import HostPart
from filtersched.requests.parts import Malformed, decoded, fields_in, items, list_of, whole_amount, whole_number

_FIELDS = ("vendor_id", "product_id", "numa_node", "count")


def _numa_node(value: Any) -> int | None:
    return None if value is None else whole_number(value)


def _tags(value: Any) -> FrozenDict[str, str | None]:
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    found: dict[str, str | None] = {}
    for name, tag in value.items():
        if not isinstance(name, str) or name in (*_FIELDS, "tags"):
            raise Malformed("cannot be the name of a tag", name, str(name))
        if tag is not None and not isinstance(tag, str | int | float):
            raise Malformed("text", tag, name)
        found[name] = None if tag is None else str(tag)
    return FrozenDict(found)


@dataclass(frozen=True, slots=True)
class PciDevicePool(HostPart):
    """Free devices that are alike."""

    #: Who made the devices, such as "10de".
    vendor_id: str
    #: Which devices they are, such as "1eb8".
    product_id: str
    #: The cell that they are close to, where that is known.
    numa_node: int | None = None
    #: How many are free.
    count: int = 0
    #: What else is known of them, such as `dev_type` and `physical_network`.
    tags: NameToValue = NO_VALUES

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "vendor_id": text,
        "product_id": text,
        "numa_node": _numa_node,
        "count": whole_amount,
        "tags": _tags,
    }
    _nova_names: ClassVar[Sequence[str]] = ("PciDevicePool",)

    @classmethod
    def _of_fields(cls, given: Mapping[str, Any], is_novas: bool) -> Self:
        known = {name: value for name, value in given.items() if name in (*_FIELDS, "tags")}
        others = {name: value for name, value in given.items() if name not in known}
        if others and not is_novas:
            # Tags stand among the fields in what Nova's plug-ins read, and once did in its database.
            known["tags"] = {**others, **(known.get("tags") or {})}
        return super(PciDevicePool, cls)._of_fields(known, is_novas)

    def as_mapping(self) -> FrozenDict[str, Any]:
        """The pool as plug-ins read it: tags among the keys."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return FrozenDict({**fields, **self.tags})


def _pool(value: Any) -> FrozenDict[str, Any]:
    return PciDevicePool.of(value).as_mapping()


def _pools(value: Any) -> tuple[FrozenDict[str, Any], ...]:
    # Devices of which less is said are used first.
    return tuple(sorted(list_of(_pool)(value), key=len))


@dataclass(frozen=True, slots=True)
class PciStats(HostPart):
    """The free PCI devices of a host."""

    #: The pools in the order in which they are used: fewer tags first, then as given.
    pools: Stored[Iterable[PciDevicePool | Mapping[str, Any]], tuple[Mapping[str, Any], ...]] = NO_ITEMS

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"pools": _pools}
    _nova_names: ClassVar[Sequence[str]] = ("PciDevicePoolList",)

    @classmethod
    def of(cls, value: Any) -> Self:
        """The devices of a list of pools, or whatever else describes them; see Part.of."""
        value = decoded(value)
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            given, is_novas = fields_in(value, cls._nova_names)
            value = given.get("objects" if is_novas else "pools")
        elif hasattr(value, "pools"):
            value = value.pools
        try:
            return cls._of_fields({"pools": items(value)}, False)
        except Malformed as problem:
            raise Malformed(problem.problem, problem.value, problem.path.removeprefix("pools")) from None
        except ValueError as problem:
            raise Malformed(problem, value) from None

    def plain(self) -> Any:
        return [dict(pool) for pool in self.pools]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.pools)

    @property
    def free_devices(self) -> int:
        """How many devices are free."""
        return sum(pool["count"] for pool in self.pools)
