"""What a machine must have, and which is best: the plug-ins that pyproject.toml registers."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from filtersched import BaseHostFilter, BaseWeigher, RequestSpec, Shortage
from placement_service.metal_host import licenses_asked, watts_asked


class PowerFilter(BaseHostFilter):
    """Refuse hosts whose power budget has too little left for the flavor's ``metal:watts``."""

    host_reads = ("power_limit_w", "power_used_w")
    spec_reads = ("extra_specs",)
    columnar = True
    reason_is_columnar = True

    def host_passes(self, host_state: Any, spec: RequestSpec) -> Any:
        return host_state.power_used_w + watts_asked(spec.extra_specs) <= host_state.power_limit_w

    def rejection_reason(self, host_state: Any, spec: RequestSpec) -> Shortage:
        have = host_state.power_limit_w - host_state.power_used_w
        return Shortage("power", need=watts_asked(spec.extra_specs), have=have, unit="W")


class LicenseFilter(BaseHostFilter):
    """Refuse hosts without a free license of each name in the flavor's ``metal:licenses``."""

    host_reads = ("licenses",)
    spec_reads = ("extra_specs",)

    def host_passes(self, host_state: Any, spec: RequestSpec) -> bool:
        return all(host_state.licenses.get(name, 0) > 0 for name in licenses_asked(spec.extra_specs))

    def rejection_reason(self, host_state: Any, spec: RequestSpec) -> Shortage | None:
        missing = [name for name in licenses_asked(spec.extra_specs) if host_state.licenses.get(name, 0) <= 0]
        return Shortage(f"{missing[0]} licenses", need=1, have=0) if missing else None


class SparePowerWeigher(BaseWeigher):
    """Prefer hosts with much of their power budget left."""

    options = (
        cfg.FloatOpt(
            "spare_power_weight_multiplier",
            default=1.0,
            help="How much spare power counts. Positive: the most watts left win. 0 disables the weigher.",
        ),
    )
    option_group = "metal"
    multiplier_option = "spare_power_weight_multiplier"
    host_reads = ("power_limit_w", "power_used_w")
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> Any:
        return host_state.power_limit_w - host_state.power_used_w
