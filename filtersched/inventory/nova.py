"""Hosts from what Nova answers to `GET /os-hypervisors/detail`.

| Nova's field                               | attribute here                                         |
|--------------------------------------------|--------------------------------------------------------|
| `service.host`, `hypervisor_hostname`      | `host`, `nodename`                                     |
| `memory_mb`, `free_ram_mb`                 | `total_usable_ram_mb`, `free_ram_mb`                   |
| `local_gb`, `local_gb_used`                | `total_usable_disk_gb`, `disk_mb_used` (times 1024)    |
| `free_disk_gb`, `disk_available_least`     | `free_disk_mb`: 1024 times the smaller of the two      |
| `vcpus`, `vcpus_used`                      | `vcpus_total`, `vcpus_used`                            |
| `running_vms`, `current_workload`          | `num_instances`, `num_io_ops`                          |
| `status`, `service.disabled_reason`        | `service["disabled"]`, `service["disabled_reason"]`    |
| `state` "down"                             | a service without a sign of life                       |
| `servers`                                  | `instances`                                            |
| `id` (text), `host_ip`, `hypervisor_type`, `hypervisor_version`, `cpu_info` | the same, `id` as `uuid`  |

`memory_mb_used`, `uptime`, links and the names of servers say nothing else and are not read; a key
that Nova does not have is reported.

Nova has what a host keeps for itself subtracted already. `current_workload` counts every instance
that is in some task, a few more than the operations that Nova's scheduler counts. The answer tells
neither zones and other aggregates nor supported architectures nor allocation ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A time that is too long ago for any service_down_time: Nova says "down" and not since when.
_LONG_AGO = "1970-01-01T00:00:00"

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
    )
)


def unknown_keys(record: Mapping[str, Any]) -> list[str]:
    """The keys of the record that Nova's answer does not have; nothing reads them."""
    return sorted(name for name in record if name not in _NOVAS)


def host_from_hypervisor(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes of the host that Nova describes, or None for one without a service.

    A hypervisor whose `free_disk_gb` is not known has not reported yet: a host without any resource,
    as in Nova. Raises ValueError, its second argument the field, for what is no such description.
    """
    service = record.get("service")
    if service is None:
        return None
    if not isinstance(service, Mapping):
        raise ValueError("a hypervisor's service must be an object {...}", "service")
    if not any(name in record for name in _CAPACITY):
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
    host["instances"] = {uuid: {} for uuid in _servers(record.get("servers") or [])}
    if record.get("free_disk_gb") is not None:
        host |= {ours: record[name] for name, ours in _RENAMED.items() if record.get(name) is not None}
        host["free_disk_mb"] = _free_disk_mb(record)
        host["disk_mb_used"] = 1024 * _number(record, "local_gb_used")
    return host


def _service(record: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in service.items() if value is not None}
    if record.get("status") is not None:
        facts["disabled"] = record["status"] == "disabled"
    if record.get("state") == "down":
        facts["updated_at"] = _LONG_AGO
    return facts


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
