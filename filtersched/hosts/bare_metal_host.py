"""BareMetalHost: a node that is given away whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filtersched.hosts.host_state import HostState
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec

# Of the drivers that give nodes away whole; a host that does not say what it runs is one of them.
_WHOLE = ("ironic", "baremetal")


class BareMetalHost(HostState):
    """A node on which an instance takes all memory, disk and CPUs, whatever its flavor.

    These are the hosts of Nova's ironic_host_manager; once taken, their ratios are 1.0. One whose
    `hypervisor_type` is neither "ironic" nor "baremetal", and is set, is an ordinary host.
    """

    @property
    def is_whole(self) -> bool:
        """Whether an instance takes the whole node."""
        return is_given_whole(self)

    def consume_from_request(self, spec: RequestSpec) -> Mapping[str, Any] | None:
        taken = super().consume_from_request(spec)
        if self.is_whole:
            take_whole(self)
        return taken

    def release_instance(self, instance: Instance) -> None:
        super().release_instance(instance)
        if self.is_whole and self.num_instances == 0:
            self.free_ram_mb, self.free_disk_mb = self.total_usable_ram_mb, self.total_usable_disk_gb * 1024
            self.vcpus_used = 0


def take_whole(host: HostState) -> None:
    """Leave nothing free on a node, and nothing to oversubscribe."""
    host.free_ram_mb = host.free_disk_mb = 0
    host.vcpus_used = host.vcpus_total or 0
    host.ram_allocation_ratio = host.cpu_allocation_ratio = host.disk_allocation_ratio = 1.0


def is_given_whole(host: Any) -> bool:
    """Whether a host of any class says that it is given away whole."""
    return host.hypervisor_type is None or host.hypervisor_type.lower() in _WHOLE
