"""DedicationWeigher: how many instances of other projects a host has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins import dedication
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "dedication_weight_multiplier"


class DedicationWeigher(BaseWeigher):
    """Prefer hosts without instances of other projects, where flavor or aggregate say `filtersched:dedicated`.

    The weight of a host is minus the number of these instances; 0 where neither the request's flavor nor an
    aggregate of the host says `strict` or `preferred`.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much instances of other projects count against a host that is to be for one project. 1.0: the "
            "host with the most of them loses as much as a host without free memory. Higher values keep projects "
            "apart more strictly. 0 disables the weigher. Then aggregates cannot set another multiplier. Negative: "
            "projects come together.",
        ),
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = ("project_id", "extra_specs")
    spec_meets: ClassVar[Sequence[str] | None] = (dedication.EXTRA_SPEC,)
    columnar = True

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        return dedication.HOST_READS if self.option(_MULTIPLIER) else ()

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        if not self.option(_MULTIPLIER):
            return 0.0
        wanted = dedication.is_dedicated(host_state) | (dedication.asked(weight_properties) is not None)
        return -dedication.of_others(host_state, weight_properties) * wanted
