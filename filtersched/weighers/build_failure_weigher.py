"""BuildFailureWeigher: instances that failed to build on a host lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class BuildFailureWeigher(BaseWeigher):
    """Prefer hosts on which fewer builds failed lately."""

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "build_failure_weight_multiplier",
            default=1_000_000.0,
            help="How much failed builds count against a host. With the default, the host with the most failed builds "
            "comes last, whatever other weighers prefer. Smaller values let other weighers decide too. 0 disables "
            "the weigher. Negative: hosts with failed builds are preferred, which is hardly ever useful.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "build_failure_weight_multiplier"
    host_reads: Sequence[str] = ("failed_builds",)
    columnar = True

    def weight_multiplier(self, host_state: Any) -> Any:
        """The option or the least of the aggregates' values, and then negated: failures count against a host."""
        return -super().weight_multiplier(host_state)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.failed_builds
