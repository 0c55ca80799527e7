"""Load balancers: which VM should move, and where to.

A balancer is a class like those here, found through the entry points `filtersched.balancers`,
name = class name. It needs to know which VMs run where, so it is offered only if `engine_url`
is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from filtersched.ovirt.entities import Entity, Hosts
from filtersched.ovirt.errors import UnitError

NOTHING: tuple[str, list[str]] = ("", [])


class BaseBalancer:
    """Finds one VM to move; the engine asks again for the next.

    properties : what an administrator may set, `key=regex;key=regex`; values arrive as text.
    """

    properties: ClassVar[str] = ""

    def balance(
        self, hosts: Hosts, running: Mapping[str, Sequence[Entity]], properties: Mapping[str, str | None]
    ) -> tuple[str, list[str]]:
        """(VM id, ids of hosts that it may move to), or NOTHING.

        running : host id -> the VMs there.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no balance(hosts, running, properties)")


class EvenVmDistribution(BaseBalancer):
    """Move a VM off the host with the most, once it has HighVmCount and MigrationThreshold more than another."""

    properties = "HighVmCount=[0-9]{1,6};MigrationThreshold=[0-9]{1,6}"

    def balance(
        self, hosts: Hosts, running: Mapping[str, Sequence[Entity]], properties: Mapping[str, str | None]
    ) -> tuple[str, list[str]]:
        high = _number(properties, "HighVmCount", 10)
        # A difference of one would only swap the roles of two hosts.
        threshold = max(2, _number(properties, "MigrationThreshold", 5))
        up = _up(hosts)
        if not up:
            return NOTHING
        counts = {host: len(running.get(host, ())) for host in up}
        source = max(up, key=lambda host: counts[host])
        if counts[source] < high:
            return NOTHING
        emptier = [host for host in up if counts[host] <= counts[source] - threshold]
        emptier.sort(key=lambda host: counts[host])
        for vm in _movable(running.get(source, ())):
            targets = [host.id for host in emptier if _free(host) >= (vm.memory or 0)]
            if targets:
                return vm.id, targets
        return NOTHING


class MemoryDistribution(BaseBalancer):
    """Move the smallest VM off the host with the largest share of memory in use, once above MaxUsedMemoryPercent."""

    properties = "MaxUsedMemoryPercent=[0-9]{1,3}"

    def balance(
        self, hosts: Hosts, running: Mapping[str, Sequence[Entity]], properties: Mapping[str, str | None]
    ) -> tuple[str, list[str]]:
        limit = _number(properties, "MaxUsedMemoryPercent", 80) / 100
        up = [host for host in _up(hosts) if (host.memory or 0) > 0]
        if not up:
            return NOTHING
        source = max(up, key=_used)
        if _used(source) <= limit:
            return NOTHING
        others = sorted((host for host in up if host != source), key=_used)
        for vm in _movable(running.get(source, ())):
            targets = [host.id for host in others if _used(host, vm.memory or 0) <= limit]
            if targets:
                return vm.id, targets
        return NOTHING


def _up(hosts: Hosts) -> list[Entity]:
    return [host for host in hosts if host.status is not None and host.status.state == "up"]


def _movable(vms: Sequence[Entity]) -> list[Entity]:
    """The VMs that run and that the engine may move by itself, the smallest first."""
    movable = []
    for vm in vms:
        placement = vm.placement_policy
        affinity = None if placement is None else placement.affinity
        if vm.status is not None and vm.status.state == "up" and affinity in (None, "migratable"):
            movable.append(vm)
    return sorted(movable, key=lambda vm: (vm.memory or 0, vm.id))


def _free(host: Entity) -> int:
    free = host.max_scheduling_memory
    return int((host.memory or 0) if free is None else free)


def _used(host: Entity, more: int = 0) -> float:
    return 1 - (_free(host) - more) / int(host.memory)


def _number(properties: Mapping[str, str | None], name: str, default: int) -> int:
    text = properties.get(name)
    if text is None or not text.strip():
        return default
    if not text.strip().isdigit():
        raise UnitError(f"property {name} is {text!r}, not a whole number")
    return int(text)
