"""InstancePCIRequests: the PCI devices that one instance of a request needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from filtersched.columns.plain_data import plain_mapping
from filtersched.columns.stored import NO_ITEMS, Stored
from filtersched.columns.values import optional_text
from filtersched.requests.parts import Malformed, Part, decoded, items, list_of, one_of, whole_amount

LEGACY, PREFERRED, REQUIRED, SOCKET = "legacy", "preferred", "required", "socket"

check_numa_policy = one_of(LEGACY, PREFERRED, REQUIRED, SOCKET)
_TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))


def is_true(value: Any) -> bool:
    """Whether a tag of a device, or a wish for it, says yes, as Nova reads it."""
    return str(value).strip().lower() in _TRUE


def _count(value: Any) -> int:
    found = whole_amount(value)
    if not found:
        raise ValueError("1 or more")
    return found


def _specs(value: Any) -> tuple[Any, ...]:
    found = list_of(_wish)((value,) if isinstance(value, Mapping) else value)
    if not found:
        raise ValueError("a list of at least one mapping")
    return found


def _wish(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    return plain_mapping(value)


@dataclass(frozen=True, slots=True)
class InstancePCIRequest(Part):
    """A number of PCI devices alike."""

    #: How many devices.
    count: int
    #: What a device must have, such as `[{"vendor_id": "10de", "product_id": "1eb8"}]`; one of them is enough.
    spec: Stored[Iterable[Mapping[str, Any]], tuple[Mapping[str, Any], ...]] = NO_ITEMS
    #: The alias that it was made from.
    alias_name: str | None = None
    #: "required", "legacy", "preferred" or "socket": how close to the instance's cells. None is legacy.
    numa_policy: str | None = None
    #: For your logs.
    request_id: str | None = None

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "count": _count,
        "spec": _specs,
        "alias_name": optional_text,
        "numa_policy": check_numa_policy,
        "request_id": optional_text,
    }
    _nova_names: ClassVar[Sequence[str]] = ("InstancePCIRequest",)
    # Its mappings hold any plain data.
    is_canonical: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class InstancePCIRequests(Part):
    """All the PCI devices that one instance needs."""

    #: The requests, in the order in which they are met.
    requests: Stored[Iterable[InstancePCIRequest | Mapping[str, Any]], tuple[InstancePCIRequest, ...]] = NO_ITEMS

    _checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"requests": list_of(InstancePCIRequest.of)}
    _nova_names: ClassVar[Sequence[str]] = ("InstancePCIRequests",)
    is_canonical: ClassVar[bool] = False

    @classmethod
    def of(cls, value: Any) -> Self:
        """The requests of a list, or whatever else describes them; see Part.of."""
        value = decoded(value)
        if isinstance(value, Mapping | cls) or hasattr(value, "requests"):
            return super(InstancePCIRequests, cls).of(value)
        try:
            return cls._of_fields({"requests": items(value)}, False)
        except Malformed as problem:
            raise Malformed(problem.problem, problem.value, problem.path.removeprefix("requests")) from None
        except ValueError as problem:
            raise Malformed(problem, value) from None

    def plain(self) -> Any:
        return [request.plain() for request in self.requests]

    def __iter__(self) -> Iterator[InstancePCIRequest]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)
