"""The stand-in for nova.objects.fields: the constants that filters and weighers compare with."""

from __future__ import annotations


class ResourceClass:
    """Names of countable resources."""

    VCPU, PCPU, MEMORY_MB, DISK_GB, VGPU = "VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "VGPU"


class Architecture:
    """Architectures of CPUs."""

    AARCH64, ARMV7, I686, PPC64, PPC64LE = "aarch64", "armv7l", "i686", "ppc64", "ppc64le"
    RISCV64, S390X, X86_64 = "riscv64", "s390x", "x86_64"


class HVType:
    """Types of hypervisors."""

    BAREMETAL, FAKE, HYPERV, IRONIC, KVM = "baremetal", "fake", "hyperv", "ironic", "kvm"
    LXC, QEMU, VMWARE, XEN = "lxc", "qemu", "vmware", "xen"


class VMMode:
    """How a hypervisor presents itself to its guests."""

    EXE, HVM, UML, XEN = "exe", "hvm", "uml", "xen"


class OSType:
    """Types of operating systems."""

    LINUX, WINDOWS = "linux", "windows"


class CPUAllocationPolicy:
    """Who shares a physical CPU."""

    DEDICATED, MIXED, SHARED = "dedicated", "mixed", "shared"


class CPUThreadAllocationPolicy:
    """How instances with dedicated CPUs use thread siblings."""

    ISOLATE, PREFER, REQUIRE = "isolate", "prefer", "require"


class PCINUMAAffinityPolicy:
    """How near a device must be to the CPUs."""

    LEGACY, PREFERRED, REQUIRED, SOCKET = "legacy", "preferred", "required", "socket"


__all__ = [
    "Architecture",
    "CPUAllocationPolicy",
    "CPUThreadAllocationPolicy",
    "HVType",
    "OSType",
    "PCINUMAAffinityPolicy",
    "ResourceClass",
    "VMMode",
]
