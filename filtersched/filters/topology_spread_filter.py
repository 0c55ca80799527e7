"""TopologySpreadFilter: at most so many instances in one rack, one zone, or another domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter, NewRefusals
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.spread_rules import SPREAD_FIELDS
from filtersched.results.verdict import Shortage
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE


class TopologySpreadFilter(BaseHostFilter):
    """Refuse hosts in a rack, zone or other domain that has as many of the group's instances as allowed.

    The group's rules, the extra spec `filtersched:spread` or the hint of that name say over which domains
    to spread, and how far. A request that says nothing may go anywhere.

    | the host's domain | the rule         | instances in the domain, this one included        | passes |
    |-------------------|------------------|---------------------------------------------------|--------|
    | none              | has a limit      | -                                                 | no     |
    | any               | `max_per_domain` | more than that                                    | no     |
    | any               | `max_skew`       | more than that above those in the emptiest domain | no     |
    | any               | `shares`         | more than its per cent of all, rounded up         | no     |
    | any               | any              | no more than all of these allow                   | yes    |
    """

    # The emptiest domain gets instances, and then a full one has room again.
    refusals_are_final = False
    options: ClassVar[Sequence[cfg.Opt]] = (DEFAULT_AVAILABILITY_ZONE,)
    spec_reads: ClassVar[Sequence[str]] = ("topology",)
    spec_meets: ClassVar[Sequence[str] | None] = SPREAD_FIELDS
    columnar = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        topology = spec.topology
        return () if topology is None else topology.host_reads

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        topology = spec.topology
        passes: Any = True
        for rule in () if topology is None else topology.rules:
            if rule.has_limit:
                passes = passes & topology.has_room(host_state, rule, self.option("default_availability_zone"))
        return passes

    def _refused_since(self, before: RequestSpec, spec: RequestSpec) -> NewRefusals | None:
        topology = spec.topology
        if topology is None:
            return NewRefusals()
        filled = topology.filled_since(before.topology, self.option("default_availability_zone"))
        return None if filled is None else NewRefusals(among=filled)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | None:
        topology = spec.topology
        for rule in () if topology is None else topology.rules:
            refusal = topology.refusal(host_state, rule, self.option("default_availability_zone"))
            if refusal is not None:
                said, need, have = refusal
                return Shortage("room in the domain", need, have, sentence=said)
        return None
