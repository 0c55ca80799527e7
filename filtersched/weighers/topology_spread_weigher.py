"""TopologySpreadWeigher: how full the rack, zone or other domain of a host is with the group's instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.columns.column import Column
from filtersched.requests.spread_rules import SPREAD_FIELDS
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "topology_spread_weight_multiplier"


class TopologySpreadWeigher(BaseWeigher):
    """Prefer hosts in racks, zones or other domains with few of the group's instances.

    The group's rules, the extra spec `filtersched:spread` or the hint of that name say over which domains
    to spread. The weight of a host is minus the part of its own share that the domain would have with one
    instance more: 0.5 is half of it, 1.0 all of it. Without `shares`, all domains have the same share. Several
    rules add up. A host in no domain weighs less than any other.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much it counts that a domain has few instances of the group. 1.0: the host in the fullest domain "
            "loses as much as a host without free memory. Higher values spread more strictly. 0 disables the "
            "weigher. Negative: instances come together in few domains.",
        ),
        DEFAULT_AVAILABILITY_ZONE,
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = ("topology",)
    spec_meets: ClassVar[Sequence[str] | None] = SPREAD_FIELDS
    columnar = True

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        topology = spec.topology
        return () if topology is None else ("aggregates", *topology.host_reads)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        topology = weight_properties.topology
        if topology is None:
            return 0.0
        multiplier: Any = self.weight_multiplier(host_state)
        if type(multiplier) is not Column and not multiplier:
            return 0.0
        weight: Any = 0.0
        for rule in topology.rules:
            weight = weight - topology.fullness(host_state, rule, self.option("default_availability_zone"))
        return weight * (multiplier != 0)
