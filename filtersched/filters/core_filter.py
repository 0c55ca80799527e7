"""CoreFilter: enough virtual CPUs, oversubscription included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import either, filled, of_each
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import CPU_ALLOCATION_RATIO


class CoreFilter(CapacityFilter):
    """Refuse hosts without enough virtual CPUs for the flavor, oversubscription included.

    | topic   | vcpus_total  | verdict                                                    |
    |---------|--------------|------------------------------------------------------------|
    | other   | any          | pass, not a compute host                                   |
    | compute | 0 or unknown | pass, its CPUs could not be counted                        |
    | compute | above 0      | pass if the flavor fits in it, and in total × ratio − used |

    The ratio is the host's own, or else the configured one.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (CPU_ALLOCATION_RATIO,)
    host_reads: Sequence[str] = ("topic", "vcpus_total", "vcpus_used", "cpu_allocation_ratio")
    spec_reads: ClassVar[Sequence[str]] = ("vcpus",)
    columnar = True

    what = "vCPUs"

    def needed(self, spec: RequestSpec) -> Any:
        return spec.vcpus

    def total(self, host: HostState) -> Any:
        return filled(host.vcpus_total, 0)

    def used(self, host: HostState) -> Any:
        return host.vcpus_used

    def ratio(self, host: HostState) -> Any:
        return self.allocation_ratio(host.cpu_allocation_ratio, "cpu_allocation_ratio")

    def room(self, host: HostState) -> Any:
        not_asked = of_each(host, "topic", _is_not_compute) | (self.total(host) == 0)
        return either(not_asked, math.inf, super().room(host))

    def limits(self, host_state: HostState, spec: RequestSpec) -> dict[str, Any]:
        limit = self.total(host_state) * self.ratio(host_state)
        return {"vcpu": limit} if limit > 0 else {}


def _is_not_compute(topic: Any) -> bool:
    return bool(topic != "compute")
