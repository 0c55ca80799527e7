"""Hosts and requests to try plug-ins on: one with sensible sizes, or many of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar, overload

from filtersched.hosts.host_lists import as_host_class
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor
from filtersched.requests.spread_rules import SPREAD
from filtersched.schedulers.groups import add_placements

_Host = TypeVar("_Host", bound=HostState)

NOW = datetime(2026, 1, 31, 12, 0, 0)

_CPU_INFO = {"vendor": "Intel", "maxphysaddr": {"bits": 46}, "topology": {"cores": 8}, "features": ["avx", "sse4_2"]}
_AGGREGATES: tuple[Mapping[str, Any], ...] = (
    {"name": "zone", "metadata": {"availability_zone": "north, south"}},
    {"name": "ratios", "metadata": {"ram_allocation_ratio": "2.0", "cpu_allocation_ratio": "1.0"}},
    {"name": "limits", "metadata": {"max_io_ops_per_host": "4", "max_instances_per_host": "many"}},
    {"name": "weights", "metadata": {"ram_weight_multiplier": "-1.0", "io_ops_weight_multiplier": "x"}},
    {"name": "projects", "metadata": {"filter_tenant_id": "project-1,project-2"}},
    {"name": "flavors", "metadata": {"instance_type": "small, large"}},
    {"name": "disks", "metadata": {"ssd": "true", "opt1": "1,2", "os_distro": "linux"}},
)
_CAPABILITIES: tuple[Mapping[str, Any], ...] = (
    {},
    {"enabled": False},
    {"enabled": True, "gpu": "yes", "trust_lvl": "trusted"},
    {"gpu": "no", "trust_lvl": "untrusted", "opt1": 1, "load": 2.5},
)
_EXTRA_SPECS: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {"opt1": "1"},
    {"capabilities:opt1": ">= 1"},
    {"free_ram_mb": ">= 1024"},
    {"capabilities:cpu_info:topology:cores": ">= 8"},
    {"hw:maxphysaddr_bits": "46"},
    {"gpu": "<or> yes <or> maybe"},
    {"trust:trusted_host": "trusted"},
    {"aggregate_instance_extra_specs:ssd": "true"},
    {"resources:CUSTOM_FPGA": "2"},
    {"trait:HW_GPU": "required"},
    {"trait:HW_GPU": "forbidden"},
)
_IMAGES: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {"id": "image-1"},
    {"id": "image-2", "properties": {"hw_architecture": "x86_64", "os_distro": "linux"}},
    {"id": "image-3", "properties": {"img_hv_type": "xen", "os_distro": "bsd"}},
    {"id": "image-4", "properties": {"hw_vm_mode": "hvm", "img_hv_requested_version": ">=6.0"}},
)
_HINTS: tuple[Mapping[str, Any], ...] = (
    {},
    {},
    {"different_host": ["instance-1", "instance-2"]},
    {"same_host": "instance-3"},
    {"build_near_host_ip": "192.168.1.5", "cidr": "/25"},
    {"query": '[">=", "$free_ram_mb", 1024]'},
    {"_nova_check_type": ["rebuild"]},
)
_SPREADS: tuple[Mapping[str, Any], ...] = (
    {},
    {"spread": "zone", "max_per_domain": 1},
    {"spread": "aggregate:ssd", "max_skew": 1},
    {"spread": "hypervisor_type", "shares": {"QEMU": 60}},
)
_CELLS: tuple[Mapping[str, Any] | None, ...] = (
    None,
    None,
    None,
    {"cells": [{"id": 0, "cpuset": [0], "memory": 64}]},
    {"cells": [{"id": 0, "pcpuset": [0, 1], "memory": 64, "cpu_policy": "dedicated", "cpu_thread_policy": "prefer"}]},
    {"cells": [{"id": 0, "pcpuset": [0], "cpu_policy": "dedicated"}], "emulator_threads_policy": "isolate"},
    {"cells": [{"id": 0, "cpuset": [0, 1], "memory": 512}, {"id": 1, "cpuset": [2], "memory": 512}]},
    {"cells": [{"id": 0, "cpuset": [0], "memory": 64, "pagesize": -2}]},
)
_DEVICES: tuple[Sequence[Mapping[str, Any]] | None, ...] = (
    None,
    None,
    None,
    [{"count": 1, "spec": [{}]}],
    [{"count": 2, "spec": [{"vendor_id": "8086", "dev_type": "type-VF"}], "numa_policy": "required"}],
    [{"count": 1, "spec": [{"vendor_id": "10de"}, {"vendor_id": "8086"}]}, {"count": 1, "spec": [{}]}],
    [{"count": 3, "spec": [{"vendor_id": "8086"}]}],
)
_NETWORKS: tuple[Mapping[str, Any] | None, ...] = (None, None, {"physnets": ["net1"]}, {"tunneled": True})
_EMPTY: tuple[Any, ...] = (None, "", [])
_POLICIES = (None, "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


@overload
def make_host(host: str = "host-1", nodename: str | None = None, **attributes: Any) -> HostState: ...
@overload
def make_host(host: type[_Host], *names: str, **attributes: Any) -> _Host: ...
def make_host(*names: Any, **attributes: Any) -> Any:
    """A host of 16 GiB, 8 CPUs and 100 GB, all free, that runs x86_64 on KVM; `attributes` override.

    What is free follows from what there is, unless it is given. Give a class derived from HostState
    first for a host of that class: `make_host(MetalHost, rack="r1")`.
    """
    host_class: type[HostState] = HostState
    if names and isinstance(names[0], type):
        host_class, *rest = as_host_class(names[0]), *names[1:]
        names = tuple(rest)
    if not names:
        attributes = {"host": "host-1", **attributes}
    ordinary: dict[str, Any] = {
        "total_usable_ram_mb": 16384,
        "total_usable_disk_gb": 100,
        "vcpus_total": 8,
        "hypervisor_type": "QEMU",
        "hypervisor_version": 6002000,
        "supported_instances": [["x86_64", "kvm", "hvm"]],
        **attributes,
    }
    ordinary.setdefault("free_ram_mb", ordinary["total_usable_ram_mb"])
    ordinary.setdefault("free_disk_mb", (ordinary["total_usable_disk_gb"] or 0) * 1024)
    return host_class(*names, **ordinary)


def make_spec(**attributes: Any) -> RequestSpec:
    """A request for one instance of 512 MiB, 1 CPU and 1 GB; `attributes` override.

    Attributes of a flavor (`memory_mb`, `extra_specs`, …) go into the flavor, others into the request.
    """
    sizes = {name: attributes.pop(name) for name in list(attributes) if name in Flavor.__dataclass_fields__}
    given_flavor = attributes.pop("flavor", None) or {}
    flavor = {"memory_mb": 512, "vcpus": 1, "root_gb": 1, "name": "small", "id": 1, **given_flavor, **sizes}
    given = {"instance_uuid": "instance-new", "project_id": "project-1", "user_id": "user-1", "now": NOW}
    return RequestSpec(**{"flavor": flavor, **given, **attributes})


@overload
def sample_hosts(count: int = 30, *, seed: int = 0) -> list[HostState]: ...
@overload
def sample_hosts(count: int = 30, *, seed: int = 0, host_class: type[_Host]) -> list[_Host]: ...
def sample_hosts(count: int = 30, *, seed: int = 0, host_class: type[Any] = HostState) -> list[Any]:
    """Hosts of every kind: empty, full, oversubscribed, disabled, silent; the same for the same seed.

    host_class : their class; attributes that it declares have values of every kind too, and every
        attribute that may be None is None on some hosts.
    """
    as_host_class(host_class)
    chance = Random(f"hosts {seed}")
    further = Random(f"further attributes {seed}")
    return [_sample_host(host_class, chance, further, at) for at in range(count)]


def sample_specs(count: int = 30, *, seed: int = 0) -> list[RequestSpec]:
    """Well-formed requests of every kind, the first an ordinary one; the same for the same seed.

    Some ask for NUMA cells and PCI devices.
    """
    chance = Random(f"specs {seed}")
    further = Random(f"further wishes {seed}")
    devices = Random(f"devices {seed}")
    return [make_spec(), *(_sample_spec(chance, further, devices, at) for at in range(1, count))][:count]


def prepared(spec: RequestSpec, hosts: Iterable[HostState]) -> RequestSpec:
    """A copy of a request as plug-ins see it: with what these hosts know of its group and its spread rules.

    Raises InvalidRequest for spread rules that make no sense.
    """
    ready = spec.copy()
    uuids = [] if spec.instance_uuid is None else [spec.instance_uuid]
    add_placements(ready, list(hosts), uuids, {}, spec.num_instances)
    return ready


def emptied(specs: Iterable[RequestSpec]) -> list[RequestSpec]:
    """Requests in which something is there, but empty: a retry without hosts, an image without properties.

    specs : what they name of hints, extra specs and image properties is there, with nothing in it.
    """
    named = list(specs)
    hints = sorted({name for spec in named for name in spec.scheduler_hints})
    extra_specs = sorted({name for spec in named for name in spec.extra_specs})
    properties = sorted({name for spec in named if spec.image is not None for name in spec.image.properties})
    cases: list[Mapping[str, Any]] = [
        {"retry": {"num_attempts": 1}},
        *({"instance_group": {"policy": policy}} for policy in _POLICIES),
        {"image": {}},
        {"image": {"id": ""}},
        *({"image": {"properties": {name: empty}}} for name in properties for empty in _EMPTY[:2]),
        {"requested_destination": {}},
        *({"scheduler_hints": {name: empty}} for name in hints for empty in _EMPTY),
        *({"extra_specs": {name: ""}} for name in extra_specs),
        *({name: empty} for name in ("availability_zone", "project_id", "user_id") for empty in _EMPTY[:2]),
        {"name": "", "id": None},
        {"instance_uuid": None},
    ]
    return [make_spec(**one) for one in cases]


def _sample_host(host_class: type[HostState], chance: Random, further: Random, at: int) -> HostState:
    pick = chance.choice
    ram, disk, cpus = pick((0, 2048, 4096, 65536)), pick((0, 10, 100, 1000)), pick((0, 4, 8, 64))
    heard = pick((10, 60, 61, 3600))
    services: tuple[Mapping[str, Any], ...] = (
        {},
        {"disabled": False, "updated_at": NOW - timedelta(seconds=heard), "availability_zone": "north"},
        {"disabled": pick((True, False)), "forced_down": at % 5 == 0, "updated_at": NOW - timedelta(seconds=heard)},
    )
    instances = {f"instance-{number}": _sample_instance(chance) for number in chance.sample(range(9), pick((0, 1, 3)))}
    drawn: dict[str, Any] = {
        "host": f"host-{at // 2 if at < 4 else at}",
        "nodename": f"node-{at}",
        "uuid": f"uuid-{at}",
        "cell_uuid": pick((None, "cell-1", "cell-2")),
        "host_ip": pick((None, f"192.168.1.{at}", f"10.0.0.{at}")),
        "total_usable_ram_mb": ram,
        "free_ram_mb": ram - pick((0, 0, 512, 1024, ram // 2, ram, ram + 1024)),
        "ram_allocation_ratio": pick((None, None, 1.0, 1.5, 0.0)),
        "total_usable_disk_gb": disk,
        "free_disk_mb": disk * 1024 - pick((0, 0, 1024, disk * 512, disk * 1024, disk * 1024 + 1)),
        "disk_allocation_ratio": pick((None, 1.0, 2.0)),
        "vcpus_total": cpus,
        "vcpus_used": pick((0, 0, 1, cpus // 2, cpus, cpus * 2)),
        "cpu_allocation_ratio": pick((None, 1.0, 4.0)),
        "num_instances": len(instances) + pick((0, 0, 49, 50)),
        "num_io_ops": pick((0, 1, 7, 8, 9)),
        "failed_builds": pick((0, 0, 1, 10)),
        "instances": instances,
        "aggregates": chance.sample(_AGGREGATES, pick((0, 0, 1, 2))),
        "metrics": pick(({}, {"cpu.percent": 12.5}, {"cpu.percent": 90.0, "cpu.frequency": 2000})),
        "service": pick(services),
        "capabilities": pick(_CAPABILITIES),
        "stats": pick(({}, {"opt1": 1}, {"opt1": "2", "num_proj_project-1": 3})),
        "traits": pick(((), ("HW_GPU",), ("HW_GPU", "CUSTOM_FAST"))),
        "resources": pick(({}, {"CUSTOM_FPGA": (4, 0)}, {"CUSTOM_FPGA": (4, 3)})),
        "hypervisor_type": pick((None, "QEMU", "xen")),
        "hypervisor_version": pick((None, 5999999, 6000000, 6002000)),
        "supported_instances": pick((None, (), (("x86_64", "kvm", "hvm"),), (("i686", "xen", "xen"),))),
        "cpu_info": pick((None, _CPU_INFO, json.dumps(_CPU_INFO), "unknown")),
        "updated": pick((None, NOW)),
    }
    attributes = host_class.attributes
    drawn |= {name: further.choice(one.samples) for name, one in attributes.items() if name not in drawn}
    optional = [name for name, attribute in attributes.items() if attribute.is_optional]
    drawn[optional[at % len(optional)]] = None
    return host_class(**drawn)


def _sample_instance(chance: Random) -> dict[str, Any]:
    return {
        "project_id": chance.choice(("project-1", "project-2", None)),
        "user_id": chance.choice(("user-1", "user-2", None)),
        "instance_type_id": chance.choice((1, 1, 2, None)),
        "image_properties": chance.choice(({}, {"os_distro": "linux"})),
    }


def _sample_spec(chance: Random, further: Random, devices: Random, at: int) -> RequestSpec:
    pick = chance.choice
    members = [f"instance-{number}" for number in chance.sample(range(9), 4)]
    group: dict[str, Any] = {
        "policy": pick(_POLICIES),
        "hosts": [f"host-{number}" for number in chance.sample(range(9), pick((0, 2)))],
        "members": members,
        "rules": pick(({}, {"max_server_per_host": "2"})),
    }
    drawn: dict[str, Any] = dict(  # noqa: C408 - keywords read better
        memory_mb=pick((0, 512, 1024, 2048, 4096, 70000)),
        vcpus=pick((0, 1, 4, 5, 64)),
        root_gb=pick((0, 1, 10, 100)),
        ephemeral_gb=pick((0, 0, 5)),
        swap=pick((0, 0, 1024)),
        name=pick(("small", "large", "tiny")),
        id=pick((1, 2)),
        extra_specs=pick(_EXTRA_SPECS),
        image=pick(_IMAGES),
        num_instances=pick((1, 1, 3)),
        instance_uuid=pick((f"instance-new-{at}", members[0], None)),
        project_id=pick(("project-1", "project-3", None)),
        availability_zone=pick((None, None, "north", "nova")),
        scheduler_hints=pick(_HINTS),
        instance_group=pick((None, group, group)),
        requested_destination=pick((None, None, {"cell": "cell-1", "allow_cross_cell_move": True})),
        retry=pick((None, {"num_attempts": 2, "hosts": [["host-4", "node-4"], "host-5"]})),
    )
    drawn |= {
        "numa_topology": devices.choice(_CELLS),
        "pci_requests": devices.choice(_DEVICES),
        "network_metadata": devices.choice(_NETWORKS),
    }
    spread = further.choice(_SPREADS)
    if drawn["instance_group"] is not None:
        drawn["instance_group"] = {**group, "rules": {**group["rules"], **spread}}
    elif drawn["project_id"] is not None and spread:
        drawn["scheduler_hints"] = {**drawn["scheduler_hints"], SPREAD: spread}
    return make_spec(**drawn)
