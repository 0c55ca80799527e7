"""Hosts from what Nova answers to `GET /os-hypervisors/detail`, and from `openstack hypervisor show -f json`.

| Nova's field                               | attribute here                                         |
|--------------------------------------------|--------------------------------------------------------|
| `service.host`, `hypervisor_hostname`      | `host`, `nodename`                                     |
| `memory_mb`, `free_ram_mb`                 | `total_usable_ram_mb`, `free_ram_mb`                   |
| `local_gb`, `local_gb_used`                | `total_usable_disk_gb`, `disk_mb_used` (times 1024)    |
| `free_disk_gb`, `disk_available_least`     | `free_disk_mb`: 1024 times the smaller of the two      |
| `vcpus`, `vcpus_used`                      | `vcpus_total`, `vcpus_used`                            |
| `running_vms`, `current_workload`          | `num_instances`, `num_io_ops`                          |
| `status`, `service.disabled_reason`        | `service["disabled"]`, `service["disabled_reason"]`    |
| `state`                                    | `service["state"]`; "down" is down                     |
| `servers`                                  | `instances`                                            |
| `id` (text), `host_ip`, `hypervisor_type`, `hypervisor_version`, `cpu_info` | the same, `id` as `uuid`  |

The command has `service_host` and `service_id` in the place of `service`, and names aggregates.

`memory_mb_used`, `uptime`, load, links and the names of servers say nothing else and are not read; a
key that neither has is reported.

Nova has what a host keeps for itself subtracted already. `current_workload` counts every instance
that is in some task, a few more than the operations that Nova's scheduler counts. The answer tells
neither zones and other aggregates, which `--aggregates` adds, nor supported architectures nor
allocation ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filtersched.errors import InvalidHost

_CAPACITY = ("memory_mb", "free_ram_mb", "local_gb", "free_disk_gb", "vcpus")
_SAME = ("host_ip", "hypervisor_type", "hypervisor_version", "hypervisor_hostname", "cpu_info")
_RENAMED = {
    "memory_mb": "total_usable_ram_mb",
    "free_ram_mb": "free_ram_mb",
    "local_gb": "total_usable_disk_gb",
    "vcpus": "vcpus_total",
    "vcpus_used": "vcpus_used",
    "running_vms": "num_instances",
    "current_workload": "num_io_ops",
}
_NOVAS = frozenset(
    (
        *(*_CAPACITY, *_SAME, *_RENAMED, "id", "service", "state", "status", "servers", "uptime", "links"),
        *("local_gb_used", "memory_mb_used", "disk_available_least", "hypervisor_links"),
        # What openstack hypervisor show says beyond the API.
        *("service_host", "service_id", "aggregates", "host_time", "users", "load_average"),
    )
)


def unknown_keys(record: Mapping[str, Any]) -> list[str]:
    """The keys of the record that Nova's answer does not have; nothing reads them."""
    return sorted(name for name in record if name not in _NOVAS)


def is_hypervisor(record: Mapping[str, Any]) -> bool:
    """Whether the record is one of Nova's hypervisors, and no host in our own words."""
    return "hypervisor_hostname" in record and "host" not in record


def has_sizes(record: Mapping[str, Any]) -> bool:
    """Whether the hypervisor tells how large it is, as Nova's do up to microversion 2.87."""
    return any(name in record for name in _CAPACITY)


def host_from_hypervisor(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes of the host that Nova describes, or None for one without a service.

    A hypervisor whose `free_disk_gb` is not known has not reported yet: a host without any resource,
    as in Nova. Raises ValueError, its second argument the field, for what is no such description.
    """
    service = record.get("service")
    if service is None and record.get("service_host") is not None:
        service = {"host": record["service_host"], "id": record.get("service_id")}
    if service is None:
        if not has_sizes(record):
            raise ValueError("a hypervisor needs a service and capacities", "service")
        return None
    if not isinstance(service, Mapping):
        raise ValueError("a hypervisor's service must be an object {...}", "service")
    if not has_sizes(record):
        raise ValueError(
            "the hypervisor has no memory_mb, vcpus and local_gb; ask Nova for os-hypervisors/detail with "
            "a microversion of at most 2.87, later ones leave them out",
            "memory_mb",
        )
    host: dict[str, Any] = {"host": service.get("host"), "service": _service(record, service)}
    if record.get("hypervisor_hostname") is not None:
        host["nodename"] = record["hypervisor_hostname"]
    if isinstance(record.get("id"), str):
        host["uuid"] = record["id"]
    host |= {name: record[name] for name in _SAME if record.get(name) is not None}
    if record.get("aggregates"):
        host["aggregates"] = [{"name": name} for name in _names(record["aggregates"])]
    host["instances"] = {uuid: {} for uuid in _servers(record.get("servers") or [])}
    if record.get("free_disk_gb") is not None:
        host |= {ours: record[name] for name, ours in _RENAMED.items() if record.get(name) is not None}
        host["free_disk_mb"] = _free_disk_mb(record)
        host["disk_mb_used"] = 1024 * _number(record, "local_gb_used")
    return host


def in_novas_words(error: InvalidHost, record: Mapping[str, Any]) -> InvalidHost:
    """The error about an attribute with the name that the record has for it."""
    named = (theirs for theirs, ours in _RENAMED.items() if ours == error.attribute and theirs in record)
    theirs = next(named, None)
    if theirs is None or error.attribute is None:
        return error
    said = str(error).replace(error.attribute, theirs, 1)
    return InvalidHost(said, host=error.host, attribute=theirs, value=error.value)


def _service(record: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in service.items() if value is not None}
    if record.get("status") is not None:
        facts["disabled"] = record["status"] == "disabled"
    if record.get("state") is not None:
        facts["state"] = record["state"]
    return facts


def _names(aggregates: Any) -> list[str]:
    if not isinstance(aggregates, list) or not all(isinstance(name, str) for name in aggregates):
        raise ValueError("aggregates must be a list of names", "aggregates")
    return aggregates


def _servers(servers: Any) -> list[str]:
    if not isinstance(servers, list) or not all(isinstance(one, dict) and "uuid" in one for one in servers):
        raise ValueError("servers must be a list of objects, each with a uuid", "servers")
    return [one["uuid"] for one in servers]


def _free_disk_mb(record: Mapping[str, Any]) -> Any:
    free = _number(record, "free_disk_gb")
    if record.get("disk_available_least") is not None:
        free = min(free, _number(record, "disk_available_least"))
    return 1024 * free


def _number(record: Mapping[str, Any], name: str) -> Any:
    value = record.get(name) or 0
    if not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {value!r}", name)
    return value
