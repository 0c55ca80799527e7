"""Hosts of a running cloud: what Nova and Placement answer, put together.

| read from                   | what of it                                                                     |
|-----------------------------|--------------------------------------------------------------------------------|
| `/os-hypervisors/detail`    | sizes, free amounts, state (see `inventory.nova`)                              |
| `/os-services`              | zone, disabled, forced down                                                    |
| `/os-aggregates`            | aggregates with metadata                                                       |
| `/servers/detail`           | instances with flavor, image, project, hints; counts of instances, operations  |
| `/os-server-groups`         | the groups of each instance                                                    |
| Placement, each provider    | ratios, other resources, traits; sizes where Nova tells none                   |

From microversion 2.88 on Nova tells no sizes, so hypervisors are asked for with 2.87 where the server
has it. Resources and traits of nested providers are added to those of their root, and are its `providers`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from filtersched.errors import FilterschedError, InventoryError, shown
from filtersched.hosts.host_state import BUILDING, HostState
from filtersched.inventory.flavors import flavor_from_nova
from filtersched.inventory.nova import has_sizes, host_from_hypervisor
from filtersched.inventory.os_cloud import Cloud, Missing, NotPermitted

_T = TypeVar("_T")
_Record = dict[str, Any]

# The last microversion of Nova in which hypervisors have sizes, and the last ones that this module knows.
_WITH_SIZES = (2, 87)
_NOVA = (2, 100)
_PLACEMENT = (1, 39)
_THREADS = 8
_NODE = ("OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname")
# What Nova's scheduler counts as operations that are heavy on disk and network, beside builds.
_IO_TASKS = frozenset(
    ("resize_migrating", "rebuilding", "resize_prep", "image_snapshot", "image_backup", "rescuing", "unshelving")
)
_RATIOS = {
    "VCPU": "cpu_allocation_ratio",
    "MEMORY_MB": "ram_allocation_ratio",
    "DISK_GB": "disk_allocation_ratio",
}
_SERVICE = ("id", "disabled_reason", "forced_down", "state")
# What reading an answer of another shape raises.
_ODD = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError)


class _Provider:
    """What Placement has of a host: inventories and usages by resource class, and traits."""

    def __init__(
        self, uuid: str | None, inventories: Mapping[str, Mapping[str, Any]], usages: Mapping[str, int]
    ) -> None:
        self.uuid = uuid
        self.inventories = inventories
        self.usages = usages
        self.resources: dict[str, list[int]] = {}
        self.traits: set[str] = set()
        self.nested: dict[str, _Record] = {}

    def add(self, other: _Provider, traits: Iterable[str], name: str) -> None:
        """Add what a provider of this host has, the host itself or a part of it."""
        self.traits.update(traits)
        amounts = other.amounts()
        for each, (total, used) in amounts.items():
            held = self.resources.setdefault(each, [0, 0])
            held[0] += total
            held[1] += used
        if other is not self:
            self.nested[name] = {"resources": amounts, "traits": sorted(traits)}

    def amounts(self) -> dict[str, tuple[int, int]]:
        """How much there is of each resource that has no attribute of its own, and how much is used."""
        return {
            name: (
                int((inventory["total"] - inventory["reserved"]) * inventory["allocation_ratio"]),
                self.usages.get(name, 0),
            )
            for name, inventory in self.inventories.items()
            if name not in _RATIOS
        }

    def attributes(self) -> _Record:
        """The attributes of the host that Placement knows."""
        ratios = {
            ours: self.inventories[name]["allocation_ratio"]
            for name, ours in _RATIOS.items()
            if name in self.inventories
        }
        return {
            **ratios,
            "uuid": self.uuid,
            "traits": sorted(self.traits),
            "resources": self.resources,
            "providers": self.nested,
        }

    def sizes(self) -> _Record:
        """What Nova's hypervisors had up to microversion 2.87, in Nova's words."""
        vcpus, memory, disk = (self._amounts(name) for name in _RATIOS)
        return {
            "vcpus": vcpus[0],
            "vcpus_used": vcpus[1],
            "memory_mb": memory[0],
            "free_ram_mb": memory[0] - memory[1],
            "local_gb": disk[0],
            "local_gb_used": disk[1],
            "free_disk_gb": disk[0] - disk[1],
        }

    def _amounts(self, name: str) -> tuple[int, int]:
        """What there is of a resource, and what is used or reserved."""
        inventory = self.inventories.get(name)
        return (0, 0) if inventory is None else (inventory["total"], inventory["reserved"] + self.usages.get(name, 0))


class CloudReader:
    """Reads the hosts of a cloud once.

    unread : a phrase for each part that the cloud lacks, or does not let the user read.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.unread: list[str] = []

    def read(self) -> list[HostState]:
        """All hosts. Raises InventoryError where hypervisors or their sizes cannot be read, or a server fails."""
        try:
            hypervisors = [*self._cloud.pages("/os-hypervisors/detail", "hypervisors", newest=_WITH_SIZES)]
        except NotPermitted as error:
            raise self._error(f"{error.problem} To list hosts, the user needs a role such as admin.") from None
        providers = self._part("Placement's inventories and traits", self._providers)
        if providers is None and hypervisors and not any(map(has_sizes, hypervisors)):
            raise self._error(f"its hypervisors have no sizes, and this could not be read: {self.unread[-1]}")
        parts = {
            "services": self._part("services", self._services),
            "aggregates": self._part("aggregates", self._aggregates),
            "servers": self._part("servers", self._servers),
        }
        groups = self._part("server groups", self._groups)
        hosts = []
        for record in hypervisors:
            name = record.get("hypervisor_hostname")
            try:
                of_host = [providers[key] for key in (record.get("id"), name) if providers and key in providers]
                host = self._host(record, parts, groups or {}, *of_host[:1])
            except (FilterschedError, *_ODD) as error:
                raise self._error(f"hypervisor {shown(name)}: not understood: {error}") from None
            if host is None:
                self.unread.append(f"hypervisor {shown(name)}: it has no service")
            else:
                hosts.append(host)
        if not hosts:
            raise self._error("; ".join(["it has no hosts", *self.unread[:3]]))
        return hosts

    def _host(
        self,
        record: _Record,
        parts: Mapping[str, Any],
        groups: Mapping[str, list[str]],
        provider: _Provider | None = None,
    ) -> HostState | None:
        if not has_sizes(record):
            if provider is None:
                self.unread.append(f"sizes of {shown(record.get('hypervisor_hostname'))}: Placement has none")
            record = {**record, **(provider or _Provider(None, {}, {})).sizes()}
        attributes = host_from_hypervisor(record)
        if attributes is None:
            return None
        name = attributes["host"]
        attributes["service"] |= (parts["services"] or {}).get(name, {})
        attributes["aggregates"] = (parts["aggregates"] or {}).get(name, [])
        if parts["servers"] is not None:
            here = parts["servers"].get((name, record["hypervisor_hostname"]), [])
            attributes |= _placed(here, groups)
            attributes.setdefault("num_instances", len(here))
        if provider is not None:
            attributes |= provider.attributes()
        return HostState.from_dict(attributes)

    def _part(self, what: str, read: Callable[[], _T]) -> _T | None:
        """What `read` returns, or None where the user may not read it; the reason is in `unread` then."""
        try:
            return read()
        except (NotPermitted, Missing) as error:
            self.unread.append(f"{what}: {error.problem}")
        except _ODD as error:
            if isinstance(error, InventoryError):
                raise
            raise self._error(f"{what}: not understood: {type(error).__name__}: {error}") from None
        return None

    def _services(self) -> dict[str, _Record]:
        """The facts of each host's compute service, by host."""
        answer = self._cloud.get("compute", "/os-services", newest=_NOVA, binary="nova-compute")
        found = {}
        for record in answer["services"]:
            facts = {key: record[key] for key in _SERVICE if record.get(key) is not None}
            facts |= {"disabled": record["status"] == "disabled", "availability_zone": record["zone"]}
            found[record["host"]] = facts
        return found

    def _aggregates(self) -> dict[str, list[_Record]]:
        """The aggregates that each host is in, by host."""
        found = defaultdict(list)
        for record in self._cloud.get("compute", "/os-aggregates", newest=_NOVA)["aggregates"]:
            aggregate = {key: record[key] for key in ("name", "metadata", "id", "uuid") if record.get(key) is not None}
            for host in record["hosts"]:
                found[host].append(aggregate)
        return found

    def _servers(self) -> dict[tuple[str, str], list[_Record]]:
        """The servers on each host and node."""
        found: dict[tuple[str, str], list[_Record]] = defaultdict(list)
        servers = [*self._cloud.pages("/servers/detail", "servers", newest=_NOVA, all_tenants=True)]
        nowhere = sum(_NODE[0] not in server for server in servers)
        if nowhere:
            self.unread.append(f"servers: the answer does not tell where {nowhere} of {len(servers)} are")
        if any("vcpus" not in server.get("flavor", {}) for server in servers):
            # Before microversion 2.47 servers name their flavor only.
            flavors = self._cloud.pages("/flavors/detail", "flavors", newest=_NOVA, is_public="None")
            by_id = {flavor["id"]: flavor for flavor in flavors}
            for server in servers:
                server["flavor"] = by_id.get(server["flavor"].get("id"), server["flavor"])
        for server in servers:
            if server.get(_NODE[0]) is not None:
                found[server[_NODE[0]], server[_NODE[1]]].append(server)
        return found

    def _groups(self) -> dict[str, list[str]]:
        """The groups of each server, by uuid."""
        found = defaultdict(list)
        for group in self._cloud.groups():
            for member in group["members"]:
                found[member].append(group["id"])
        return found

    def _providers(self) -> dict[str, _Provider]:
        """The providers of hosts, by uuid and by name, with what their nested providers have."""
        records = self._cloud.get("placement", "/resource_providers", newest=_PLACEMENT)["resource_providers"]
        with ThreadPoolExecutor(_THREADS) as threads:
            try:
                read = [*threads.map(self._provider, records)]
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        own = {record["uuid"]: provider for record, (provider, _traits) in zip(records, read, strict=True)}
        for record, (provider, traits) in zip(records, read, strict=True):
            # Before microversion 1.14 there are no nested providers.
            root = own.get(record.get("root_provider_uuid") or record["uuid"], provider)
            root.add(provider, traits, record["name"])
        return {**{record["name"]: own[record["uuid"]] for record in records}, **own}

    def _provider(self, record: _Record) -> tuple[_Provider, list[str]]:
        path = f"/resource_providers/{record['uuid']}"
        try:
            inventories, usages, traits = (
                self._cloud.get("placement", f"{path}/{part}", newest=_PLACEMENT)[part]
                for part in ("inventories", "usages", "traits")
            )
        except Missing:
            # It was removed since it was listed.
            return _Provider(record["uuid"], {}, {}), []
        return _Provider(record["uuid"], inventories, usages), traits

    def _error(self, problem: str) -> InventoryError:
        return InventoryError(f"cloud {shown(self._cloud.name)}: {problem}", path=self._cloud.name)


def _placed(servers: Iterable[_Record], groups: Mapping[str, list[str]]) -> _Record:
    """The attributes that the servers on a host determine."""
    busy = [server for server in servers if _is_busy(server)]
    instances = {server["id"]: _instance(server, groups) for server in servers}
    for server in busy:
        instances[server["id"]]["consumed"] = BUILDING
    return {"instances": instances, "num_io_ops": len(busy)}


def _is_busy(server: _Record) -> bool:
    state, task = server.get("OS-EXT-STS:vm_state"), server.get("OS-EXT-STS:task_state")
    return state == "building" or task in _IO_TASKS


def _instance(server: _Record, groups: Mapping[str, list[str]]) -> _Record:
    """What scheduling knows of a server; of its own metadata, names and addresses nothing."""
    flavor, image = server.get("flavor") or {}, server.get("image") or {}
    facts = {
        "project_id": server.get("tenant_id"),
        "user_id": server.get("user_id"),
        "image_ref": image.get("id"),
        "image_properties": image.get("properties"),
        "flavor": flavor_from_nova(flavor) if "vcpus" in flavor else None,
        "groups": groups.get(server["id"]),
        "scheduler_hints": server.get("scheduler_hints"),
        "availability_zone": server.get("pinned_availability_zone"),
        "created_at": server.get("created"),
    }
    return {name: value for name, value in facts.items() if value}
