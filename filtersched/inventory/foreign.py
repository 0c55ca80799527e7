"""Documents that are something else than what they were given as: which they are, and what to give instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_DETAIL = "Ask Nova for /os-hypervisors/detail, with a microversion of at most 2.87."


class _Kind(NamedTuple):
    """Something that is known by its keys, all of which it has, and what to do instead of giving it here."""

    keys: frozenset[str]
    what: str
    advice: str = ""


def _kind(keys: str, what: str, advice: str = "") -> _Kind:
    return _Kind(frozenset(keys.split("|")), what, advice)


_AN_INVENTORY = "It is an inventory: give it as --inventory."
_REQUESTS = "Give it as --requests."
_AGGREGATES = "Give it as --aggregates, beside an --inventory."
_FLAVOR = "Choose a flavor: openstack flavor show NAME -f json."

# The first kind that fits is the one; those of `_ANYWHERE` come after those of what is read.
_NOT_HOSTS = (
    _kind("Hypervisor Hostname", "a list of the openstack command, which has neither disk nor services", _DETAIL),
    _kind("requests", "a file of requests", _REQUESTS),
    _kind("flavor|num_instances", "a request", _REQUESTS),
    _kind("flavor", "a request or a flavor", _REQUESTS),
    _kind("ram|vcpus|disk", "a flavor", _REQUESTS),
    _kind("aggregates", "Nova's list of aggregates", _AGGREGATES),
    _kind("aggregate", "one of Nova's aggregates", _AGGREGATES),
    _kind("hosts|metadata", "one of Nova's aggregates", _AGGREGATES),
    _kind("hosts|properties", "an aggregate as openstack aggregate show prints it", _AGGREGATES),
    _kind("Name|Availability Zone", "what openstack aggregate list prints", _AGGREGATES),
)
_NOT_REQUESTS = (
    _kind("hosts", "a file of hosts", _AN_INVENTORY),
    _kind("hypervisors", "Nova's list of hypervisors", _AN_INVENTORY),
    _kind("hypervisor", "one of Nova's hypervisors", _AN_INVENTORY),
    _kind("hypervisor_hostname", "one of Nova's hypervisors", _AN_INVENTORY),
    _kind("Hypervisor Hostname", "what openstack hypervisor list prints", _DETAIL),
    _kind("host", "a host", _AN_INVENTORY),
    _kind("Name|RAM|VCPUs", "what openstack flavor list prints, and no request", _FLAVOR),
    _kind("flavors", "Nova's list of flavors, and no request", _FLAVOR),
)
_NOT_AGGREGATES = (
    _kind("host", "a host", _AN_INVENTORY),
    _kind("flavor", "a request", _REQUESTS),
    _kind("hypervisors", "Nova's list of hypervisors", _AN_INVENTORY),
    _kind("hypervisor_hostname", "one of Nova's hypervisors", _AN_INVENTORY),
    _kind(
        "Name|Availability Zone",
        "what openstack aggregate list prints without the hosts",
        "Ask for openstack aggregate list --long -f json, or Nova for /os-aggregates.",
    ),
)
_ANYWHERE = (
    _kind("pools", "Cinder's list of pools"),
    _kind("name|capabilities", "one of Cinder's pools"),
    _kind("Name|Protocol|Total Capacity", "what openstack volume backend pool list prints"),
    _kind("volumes", "Cinder's list of volumes"),
    _kind("resource_providers", "Placement's list of resource providers"),
    _kind("root_provider_uuid|generation", "what openstack resource provider list prints"),
    _kind("inventories", "an inventory of Placement, which belongs to one resource provider"),
    _kind("resource_class|allocation_ratio", "what openstack resource provider inventory list prints"),
    _kind("allocation_requests", "Placement's list of allocation candidates"),
    _kind("allocations", "allocations of Placement"),
    _kind("usages", "usages of Placement"),
    _kind("hypervisor_statistics", "Nova's sum of all hypervisors"),
    _kind("availabilityZoneInfo", "Nova's list of availability zones"),
    _kind("flavors", "Nova's list of flavors"),
    _kind("servers", "Nova's list of servers"),
    _kind("server", "one of Nova's servers"),
    _kind("ID|Name|Status|Networks", "what openstack server list prints"),
    _kind("services", "Nova's list of services"),
    _kind("Binary|Zone|State", "what openstack compute service list prints"),
    _kind("nodes", "a list of nodes, such as Ironic's"),
    _kind("apiVersion|kind", "an object of Kubernetes"),
)
_NOT_OTHERS = (
    _kind("host", "a host", _AN_INVENTORY),
    _kind("flavor", "a request", _REQUESTS),
)
_NOT = {"hosts": _NOT_HOSTS, "requests": _NOT_REQUESTS, "aggregates": _NOT_AGGREGATES}
_WANTED = {
    "hosts": "A document of hosts is a list, or an object with 'hosts' or 'hypervisors'.",
    "requests": "A document of requests is a list, or an object with 'requests'.",
    "aggregates": "A document of aggregates is a list, or an object with 'aggregates'.",
}
# What makes a hypervisor more than an entry of the brief list.
_DETAILS = ("service", "service_host", "memory_mb", "vcpus", "local_gb", "hypervisor_type")


def named(data: Mapping[str, Any], wanted: str) -> str | None:
    """What the data are if they are something else than one of `wanted`, and what to do; None if that is not known."""
    if wanted == "hosts" and "hypervisor_hostname" in data:
        brief = f"this is Nova's brief list of hypervisors, without memory, CPUs and disk. {_DETAIL}"
        return None if any(key in data for key in _DETAILS) else brief
    for kind in (*_NOT.get(wanted, _NOT_OTHERS), *_ANYWHERE):
        if kind.keys <= data.keys():
            return f"this is {kind.what}. {kind.advice or _WANTED.get(wanted, '')}".rstrip()
    return None
