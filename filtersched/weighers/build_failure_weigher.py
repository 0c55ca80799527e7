"""BuildFailureWeigher: instances that failed to build on a host lately."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher


class BuildFailureWeigher(BaseWeigher):
    """Prefer hosts on which fewer builds failed lately."""

    options = (
        cfg.FloatOpt(
            "build_failure_weight_multiplier",
            default=1_000_000.0,
            help="How much the failed builds of a host count against it. The default keeps the host with the most of "
            "them for last, whatever other weighers say. Smaller values let them have a say. 0: none is held against "
            "a host. Negative: hosts that fail win, which is hardly ever wanted.",
        ),
    )
    multiplier_option = "build_failure_weight_multiplier"
    host_reads = ("failed_builds",)
    columnar = True

    def weight_multiplier(self, host_state: Any) -> Any:
        """The option or the least of the aggregates' values, and then negated: failures count against a host."""
        return -super().weight_multiplier(host_state)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return host_state.failed_builds
