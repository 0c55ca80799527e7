"""Placement's resource providers, and the hosts that they are.

| Placement has                         | the host's                                                          |
|---------------------------------------|---------------------------------------------------------------------|
| a provider without a parent           | `host` and `nodename` (its name), `uuid`                            |
| inventory and use of VCPU             | `vcpus_total`, `vcpus_used`, `cpu_allocation_ratio`                 |
| of MEMORY_MB                          | `total_usable_ram_mb`, `free_ram_mb`, `ram_allocation_ratio`        |
| of DISK_GB                            | `total_usable_disk_gb`, `free_disk_mb`, `disk_mb_used`, the ratio   |
| of any other class, nested ones added | `resources`: what there is times the ratio, and what is used        |
| nested providers                      | `providers`, by name                                                |
| traits, nested ones added             | `traits`; COMPUTE_STATUS_DISABLED is `service["disabled"]`          |
| aggregates                            | `aggregates`, by uuid                                               |
| consumers with allocations            | `instances`, `num_instances`                                        |

What is reserved does not count as there, so that a filter's verdict on sizes is Placement's.
A provider that shares (MISC_SHARES_VIA_AGGREGATE) is no host.
"""

from __future__ import annotations

import contextlib
import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from filtersched.errors import PoolError, shown
from filtersched.hosts.host_state import HostState
from filtersched.hosts.host_values import Aggregate
from filtersched.requests.instance import Instance
from filtersched.requests.request_values import Flavor
from filtersched.shared.placement_amounts import amounts_of
from filtersched.shared.placement_client import Gone, PlacementClient

SHARES = "MISC_SHARES_VIA_AGGREGATE"
_DISABLED = "COMPUTE_STATUS_DISABLED"
#: The classes that hosts have attributes for.
SIZES = ("VCPU", "MEMORY_MB", "DISK_GB")
# A provider that changes while it is read is read so often.
_READINGS = 3
_THREADS = 8
_NO_INVENTORY: Mapping[str, Any] = {"total": 0, "reserved": 0, "allocation_ratio": 1.0}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as Placement has it, at one generation.

    inventories : by resource class, in Placement's words.
    allocations : by consumer, then by resource class.
    """

    uuid: str
    name: str
    root: str
    generation: int
    inventories: Mapping[str, Mapping[str, Any]]
    traits: frozenset[str]
    aggregates: tuple[str, ...]
    allocations: Mapping[str, Mapping[str, int]]

    def capacity(self, name: str) -> float:
        """How much of a class can be allocated in all."""
        inventory = self.inventories.get(name, _NO_INVENTORY)
        return float((inventory["total"] - inventory["reserved"]) * inventory["allocation_ratio"])

    def used(self, name: str) -> int:
        """How much of a class is allocated."""
        return sum(amounts.get(name, 0) for amounts in self.allocations.values())

    def with_allocations(self, allocations: Mapping[str, Mapping[str, int]]) -> Provider:
        """The same with other allocations of some consumers; empty ones are none."""
        changed = {uuid: one for uuid, one in {**self.allocations, **allocations}.items() if one}
        return replace(self, allocations=changed)

    def after_claim(self, allocations: Mapping[str, Mapping[str, int]]) -> Provider:
        """The same after one write of allocations, which counts the generation up by one, as all changes do."""
        changed = self.with_allocations(allocations)
        return changed if self.generation < 0 else replace(changed, generation=self.generation + 1)

    def unread(self) -> Provider:
        """The same, to be read again."""
        return replace(self, generation=-1)

    def unfit(self, name: str, amount: int) -> str | None:
        """Why an amount can never be allocated here in one piece; None if it can."""
        inventory = self.inventories.get(name)
        if inventory is None:
            return f"has no inventory of {name}"
        if amount < inventory["min_unit"] or amount > inventory["max_unit"] or amount % inventory["step_size"]:
            low, high, step = (inventory[key] for key in ("min_unit", "max_unit", "step_size"))
            return f"gives out {name} from {low} to {high} in steps of {step}, asked {amount}"
        return None


@dataclass(frozen=True, slots=True)
class Tree:
    """The provider of a host, and those nested in it, by name."""

    root: Provider
    nested: tuple[Provider, ...]

    @property
    def all(self) -> tuple[Provider, ...]:
        """The root first."""
        return (self.root, *self.nested)

    def is_same(self, other: Tree) -> bool:
        """Whether nothing was read in between."""
        return len(self.all) == len(other.all) and all(map(operator.is_, self.all, other.all))

    def named(self, name: str) -> Provider | None:
        """The provider of that name in the tree."""
        return next((one for one in self.all if one.name == name), None)

    def attributes(self, known: HostState | None, aggregates: Mapping[str, Aggregate]) -> dict[str, Any]:
        """The attributes of the host that Placement knows.

        known : the host as it was, whose records of instances say more than Placement does.
        aggregates : those with a name and metadata, by uuid.
        """
        root = self.root
        vcpus, memory, disk = (root.inventories.get(name, _NO_INVENTORY) for name in SIZES)
        there = [one["total"] - one["reserved"] for one in (vcpus, memory, disk)]
        used = [root.used(name) for name in SIZES]
        others = {one.name: {name: [int(one.capacity(name)), one.used(name)] for name in one.inventories}
                  for one in self.all}
        for name in SIZES:
            others[root.name].pop(name, None)
        resources: dict[str, list[int]] = {}
        for amounts in others.values():
            for name, (total, taken) in amounts.items():
                held = resources.setdefault(name, [0, 0])
                resources[name] = [held[0] + total, held[1] + taken]
        traits = frozenset[str]().union(*(one.traits for one in self.all))
        instances = self._instances(known)
        gone = [one for uuid, one in ({} if known is None else known.instances).items() if uuid not in instances]
        return {
            "uuid": root.uuid,
            "vcpus_total": there[0],
            "vcpus_used": used[0],
            "cpu_allocation_ratio": vcpus["allocation_ratio"],
            "total_usable_ram_mb": there[1],
            "free_ram_mb": there[1] - used[1],
            "ram_allocation_ratio": memory["allocation_ratio"],
            "total_usable_disk_gb": there[2],
            "free_disk_mb": 1024 * (there[2] - used[2]),
            "disk_mb_used": 1024 * used[2],
            "disk_allocation_ratio": disk["allocation_ratio"],
            "resources": resources,
            "providers": {
                one.name: {"resources": others[one.name], "traits": sorted(one.traits)} for one in self.nested
            },
            "traits": sorted(traits),
            "aggregates": self._aggregates(known, aggregates),
            **self._service(known, traits),
            "instances": instances,
            "num_instances": len(instances),
            "num_io_ops": max(0, (0 if known is None else known.num_io_ops)
                              - sum(one.consumed.get("num_io_ops", 0) for one in gone)),
        }

    def _service(self, known: HostState | None, traits: frozenset[str]) -> dict[str, Any]:
        """The service, if Placement says of it what it did not say before."""
        was = known is not None and _DISABLED in known.traits
        if was == (_DISABLED in traits):
            return {}
        service = {} if known is None else dict(known.service)
        return {"service": {**service, "disabled": not was}}

    def _aggregates(self, known: HostState | None, named: Mapping[str, Aggregate]) -> list[Aggregate]:
        without_uuid = [] if known is None else [one for one in known.aggregates if one.uuid is None]
        return [*without_uuid, *(named.get(uuid) or Aggregate(uuid, uuid=uuid) for uuid in self.root.aggregates)]

    def _instances(self, known: HostState | None) -> dict[str, Instance]:
        records = {} if known is None else known.instances
        consumers = dict.fromkeys(uuid for one in self.all for uuid in one.allocations)
        return {uuid: self._instance(uuid, records.get(uuid)) for uuid in consumers}

    def _instance(self, uuid: str, known: Instance | None) -> Instance:
        """The record of a consumer: the known one, as long as it says what Placement says."""
        amounts: dict[str, int] = defaultdict(int)
        taken = []
        for one in self.all:
            resources = one.allocations.get(uuid, {})
            if resources and one is not self.root:
                taken.append({"provider": one.name, "resources": dict(resources)})
            for name, amount in resources.items():
                amounts[name] += amount
        if known is not None and known.flavor is not None and amounts_of(known.flavor).total() == amounts:
            return known
        vcpus, memory, disk = (amounts.pop(name, 0) for name in SIZES)
        further = {f"resources:{name}": str(amount) for name, amount in amounts.items()}
        consumed = {} if known is None else {name: one for name, one in known.consumed.items() if name != "providers"}
        return replace(
            known or Instance(uuid),
            flavor=Flavor(memory, vcpus, disk, extra_specs=further),
            consumed={**consumed, **({"providers": taken} if taken else {})},
        )


def trees_of(providers: Iterable[Provider]) -> dict[str, Tree]:
    """The providers without a parent, each with those nested in it in the order of their names; by uuid."""
    nested = defaultdict(list)
    ordered = list(providers)
    for one in ordered:
        if one.uuid != one.root:
            nested[one.root].append(one)
    return {
        one.uuid: Tree(one, tuple(sorted(nested[one.uuid], key=lambda each: each.name)))
        for one in ordered
        if one.uuid == one.root
    }


class ProviderReader:
    """Reads providers, several at once."""

    def __init__(self, client: PlacementClient) -> None:
        self._client = client

    def read(self, known: Mapping[str, Provider]) -> dict[str, Provider]:
        """All providers, by uuid; of those that are known only what has another generation is asked for."""
        with _understood():
            records = self._client.get("/resource_providers")["resource_providers"]
            for one in records:
                if not isinstance(one["uuid"], str) or not isinstance(one["name"], str):
                    raise ValueError(f"uuid and name must be texts: {shown(one)}")
            changed = [one for one in records if one["uuid"] not in known or not _is_same(known[one["uuid"]], one)]
            with ThreadPoolExecutor(_THREADS) as threads:
                try:
                    read = {one.uuid: one for one in threads.map(self._provider, changed) if one is not None}
                except BaseException:
                    threads.shutdown(cancel_futures=True)
                    raise
            found = {one["uuid"]: read.get(one["uuid"]) or known.get(one["uuid"]) for one in records}
            gone = {one["uuid"] for one in changed} - read.keys()
            return {uuid: one for uuid, one in found.items() if one is not None and uuid not in gone}

    def read_again(self, uuids: Iterable[str]) -> dict[str, Provider | None]:
        """These providers as they are now, by uuid; None for one that is gone."""
        with _understood():
            return {uuid: self._now(uuid) for uuid in uuids}

    def _now(self, uuid: str) -> Provider | None:
        try:
            return self._provider(self._client.get(f"/resource_providers/{uuid}"))
        except Gone:
            return None

    def _provider(self, record: Mapping[str, Any]) -> Provider | None:
        """The provider of a record of the list; None if it has vanished since."""
        path = f"/resource_providers/{record['uuid']}"
        for left in reversed(range(_READINGS)):
            try:
                parts = {
                    part: self._client.get(f"{path}/{part}")
                    for part in ("inventories", "traits", "aggregates", "allocations")
                }
            except Gone:
                return None
            generations = {answer["resource_provider_generation"] for answer in parts.values()}
            if len(generations) == 1 or not left:
                break
        return Provider(
            record["uuid"],
            record["name"],
            record.get("root_provider_uuid") or record["uuid"],
            # The lowest: what changed while it was read is read again the next time.
            min(generations),
            {name: _inventory(one) for name, one in parts["inventories"]["inventories"].items()},
            frozenset(parts["traits"]["traits"]),
            tuple(parts["aggregates"]["aggregates"]),
            {
                uuid: {name: int(amount) for name, amount in one["resources"].items()}
                for uuid, one in parts["allocations"]["allocations"].items()
            },
        )


def _inventory(data: Mapping[str, Any]) -> dict[str, Any]:
    whole = ("total", "reserved", "min_unit", "max_unit", "step_size")
    return {**{name: int(data[name]) for name in whole}, "allocation_ratio": float(data["allocation_ratio"])}


def _is_same(known: Provider, record: Mapping[str, Any]) -> bool:
    root = record.get("root_provider_uuid") or record["uuid"]
    return (known.generation, known.name, known.root) == (record["generation"], record["name"], root)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Turn what reading an answer of another shape raises into PoolError."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        said = f"Placement: its providers are not understood: {type(error).__name__}: {shown(error.args)}"
        raise PoolError(said, problem="damaged") from None
