"""A made-up inventory to try things on: always the same hosts, of mixed hardware, in three zones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from filtersched.hosts.host_state import HostState

_ZONES = ("az1", "az2", "az3")


class _Model(NamedTuple):
    """A kind of machine: how many of it in each zone, and what each has."""

    name: str
    per_zone: int
    vcpus: int
    ram_gb: int
    disk_gb: int
    attributes: dict[str, Any]
    aggregates: tuple[tuple[str, dict[str, str]], ...] = ()


_KVM = {"hypervisor_type": "QEMU", "hypervisor_version": 8002002, "supported_instances": [["x86_64", "kvm", "hvm"]]}
_ARM = {"hypervisor_type": "QEMU", "hypervisor_version": 8002002, "supported_instances": [["aarch64", "kvm", "hvm"]]}

_MODELS = (
    _Model("std", 6, 32, 128, 1000, {**_KVM, "traits": ["HW_CPU_X86_AVX2"]}),
    _Model("mem", 2, 48, 768, 2000, {**_KVM, "traits": ["HW_CPU_X86_AVX2"]}, (("memory", {"memory": "large"}),)),
    _Model("ssd", 2, 64, 256, 4000, {**_KVM, "traits": ["STORAGE_DISK_SSD"]}, (("ssd", {"ssd": "true"}),)),
    _Model(
        "gpu",
        1,
        64,
        512,
        2000,
        {
            **_KVM,
            "capabilities": {"gpus": 4, "gpu_model": "T4"},
            "traits": ["HW_CPU_X86_AVX512F", "HW_GPU_API_VULKAN"],
            "resources": {"VGPU": [16, 0]},
        },
    ),
    _Model("arm", 1, 80, 256, 1000, {**_ARM, "traits": ["HW_ARCH_AARCH64"]}),
)


def fake_hosts(host_class: type[HostState] = HostState) -> Iterator[HostState]:
    """36 hosts of the class, 12 in each of az1, az2 and az3, partly used; the last ssd host is disabled."""
    row = 0
    for zone in _ZONES:
        for model in _MODELS:
            for number in range(1, model.per_zone + 1):
                row += 1
                yield _host(host_class, f"{zone}-{model.name}{number}", zone, model, row)


def _host(host_class: type[HostState], name: str, zone: str, model: _Model, row: int) -> HostState:
    # Between none and three quarters of each is in use, by a rule without chance.
    eighths = row * 5 % 7
    total_ram, total_disk = model.ram_gb * 1024, model.disk_gb * 1024
    service: dict[str, Any] = {"host": name, "binary": "nova-compute", "disabled": name == "az3-ssd2"}
    if service["disabled"]:
        service["disabled_reason"] = "disk replacement"
    aggregates = [{"name": zone, "metadata": {"availability_zone": zone}}]
    aggregates += [{"name": label, "metadata": metadata} for label, metadata in model.aggregates]
    return host_class(
        name,
        host_ip=f"192.0.2.{row}",
        vcpus_total=model.vcpus,
        vcpus_used=model.vcpus * eighths // 8,
        total_usable_ram_mb=total_ram,
        free_ram_mb=total_ram * (8 - eighths) // 8,
        total_usable_disk_gb=model.disk_gb,
        free_disk_mb=total_disk * (8 - eighths) // 8,
        disk_mb_used=total_disk - total_disk * (8 - eighths) // 8,
        num_instances=2 * eighths,
        num_io_ops=row % 3,
        service=service,
        aggregates=aggregates,
        **model.attributes,
    )
