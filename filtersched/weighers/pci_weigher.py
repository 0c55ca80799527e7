"""PCIWeigher: keep hosts with PCI devices for requests that need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.hosts.pci_stats import PciStats
from filtersched.plugins.columnar import of_each
from filtersched.weighers.base import BaseWeigher

_MOST = 100


class PCIWeigher(BaseWeigher):
    """Prefer hosts with few free PCI devices, so that those with many are left for requests that need them.

    The weight is 100 on a host without a free device, one less for each device, and at least 1. It
    does not depend on the request: one that needs devices fills hosts that have few left.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "pci_weight_multiplier",
            default=1.0,
            min=0,
            help="How much free PCI devices on a host count. Positive: hosts with fewer of them are preferred. 0 "
            "disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "pci_weight_multiplier"
    host_reads: Sequence[str] = ("pci_stats",)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return of_each(host_state, "pci_stats", _weight)


def _weight(stats: PciStats | None) -> int:
    return _MOST - min(0 if stats is None else stats.free_devices, _MOST - 1)
