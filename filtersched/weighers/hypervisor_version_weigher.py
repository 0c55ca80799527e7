"""HypervisorVersionWeigher: how new a host's hypervisor is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class HypervisorVersionWeigher(BaseWeigher):
    """Prefer hosts with a newer hypervisor; an unknown version counts as the oldest."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "hypervisor_version_weight_multiplier",
            default=1.0,
            help="How much the version of the hypervisor counts. Positive: newer versions are preferred. Negative: "
            "older versions are preferred, so that instances can still move to any host. 0 disables the weigher.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "hypervisor_version_weight_multiplier"
    host_reads: Sequence[str] = ("hypervisor_version",)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.hypervisor_version or 0
