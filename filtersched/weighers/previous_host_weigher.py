"""PreviousHostWeigher: the host that an instance is on comes first at a rebuild or a move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.columnar import count_instances
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "previous_host_weight_multiplier"


class PreviousHostWeigher(BaseWeigher):
    """Prefer the host that the instance is on already, which saves a rebuild or a resize the copy of its disk.

    A new instance is on no host, and is indifferent. Where a move must leave the host, name it in `ignore_hosts`.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much it counts that the instance is on the host already. Positive: that host is preferred. "
            "Negative: it is avoided. 0 disables the weigher. Then aggregates cannot set another multiplier.",
        ),
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    host_reads: Any = ("instances",)
    spec_reads: ClassVar[Sequence[str]] = ("instance_uuid",)
    # What a request asks of a host is not its own name.
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        # Disabled, it reads nothing, so that answers are reused for the next instance.
        if not self.option(_MULTIPLIER) or weight_properties.instance_uuid is None:
            return 0.0
        return count_instances(host_state, (weight_properties.instance_uuid,)) * 1.0
