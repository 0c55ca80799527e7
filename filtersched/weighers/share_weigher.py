"""ShareWeigher: the share of a host that stays free, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from oslo_config import cfg, types

from filtersched.plugins.columnar import filled, most
from filtersched.settings.shared_options import ALLOCATION_RATIOS
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "share_weight_multiplier"
# Each resource, and what tells how much of it a host has.
_RESOURCES = {
    "ram": ("total_usable_ram_mb", "free_ram_mb", "ram_allocation_ratio"),
    "vcpus": ("vcpus_total", "vcpus_used", "cpu_allocation_ratio"),
    "disk": ("total_usable_disk_gb", "free_disk_mb", "disk_allocation_ratio"),
}


class ShareWeigher(BaseWeigher):
    """Prefer hosts of which a larger share stays free, so that a small empty host is before a large half full one.

    The share is (capacity - used - asked) / capacity, oversubscription included, from 0 to 1: what is free once the
    request's instance is there. Several resources count equally. A host without a resource has 0 of it. Shares are
    not normalised: a tenth of a host always counts a tenth of the multiplier.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much the free share of a host counts. Positive: emptier hosts are preferred, and instances "
            "spread. Negative: fuller hosts are preferred, and instances are packed. 0 disables the weigher. Then "
            "aggregates cannot set another multiplier.",
        ),
        cfg.ListOpt(
            "share_weight_resources",
            default=["ram", "vcpus"],
            item_type=types.String(choices=list(_RESOURCES)),
            help="Whose shares count: of ram, vcpus and disk. The weight is their mean. Empty: no host is preferred.",
        ),
        *ALLOCATION_RATIOS,
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    minval: float | None = 0
    maxval: float | None = 1
    spec_reads: ClassVar[Sequence[str]] = ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        return tuple(name for resource in self._resources() for name in _RESOURCES[resource])

    def _resources(self) -> tuple[str, ...]:
        """The resources whose shares count; none where the weigher is disabled."""
        return tuple(dict.fromkeys(self.option("share_weight_resources"))) if self.option(_MULTIPLIER) else ()

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        names = self._resources()
        weight: Any = 0.0
        for capacity, left in self._amounts(names, host_state, weight_properties):
            # A capacity of 0 has nothing left either.
            weight = weight + most(0.0, left) / most(capacity, 1)
        return weight / max(len(names), 1)

    def _amounts(self, names: Sequence[str], host: Any, spec: Any) -> Iterator[tuple[Any, Any]]:
        """Of each resource the capacity, oversubscription included, and what is left of it with the instance."""
        if "ram" in names:
            total = host.total_usable_ram_mb
            capacity = total * self.allocation_ratio(host.ram_allocation_ratio, "ram_allocation_ratio")
            yield capacity, capacity - (total - host.free_ram_mb) - spec.memory_mb
        if "vcpus" in names:
            ratio = self.allocation_ratio(host.cpu_allocation_ratio, "cpu_allocation_ratio")
            capacity = filled(host.vcpus_total, 0) * ratio
            yield capacity, capacity - host.vcpus_used - spec.vcpus
        if "disk" in names:
            total = host.total_usable_disk_gb * 1024
            capacity = total * self.allocation_ratio(host.disk_allocation_ratio, "disk_allocation_ratio")
            yield capacity, capacity - (total - host.free_disk_mb) - 1024 * (spec.root_gb + spec.ephemeral_gb)
