"""GroupRulesWeigher: how many instances are near a host that a group's soft rules want near, or far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.columns.column import Column
from filtersched.plugins.group_options import GROUP_RULE_OPTIONS, MISSING_DOMAIN
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "group_rules_weight_multiplier"


class GroupRulesWeigher(BaseWeigher):
    """Prefer hosts near the instances that soft rules of the request's groups name, or far from them.

    Soft are the policies soft-affinity and soft-anti-affinity of each group, and rules with `"soft": True`. The weight
    is the number of members in the host's domain, for a rule that keeps apart minus that number. Several rules add up.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much the soft rules of groups count. 1.0: the host that satisfies them least loses as much as a "
            "host without free memory. 0 disables the weigher. Negative: the opposite of what the rules say.",
        ),
        *GROUP_RULE_OPTIONS[:1],
        DEFAULT_AVAILABILITY_ZONE,
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = ("group_rules",)
    spec_meets: ClassVar[Sequence[str] | None] = (
        *("instance_group.soft-affinity*", "instance_group.soft-anti-affinity*", "instance_groups.soft-*"),
        *("instance_group.apart_from", "instance_group.together_with"),
    )
    columnar = True

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        names = [name for _rule, key in self._keys(spec) for name in key.reads]
        return tuple(dict.fromkeys(("aggregates", *names))) if names else ()

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        keys = self._keys(weight_properties)
        if not keys:
            return 0.0
        multiplier: Any = self.weight_multiplier(host_state)
        if type(multiplier) is not Column and not multiplier:
            return 0.0
        weight: Any = 0.0
        for rule, key in keys:
            near = weight_properties.group_rules.members_near(host_state, rule, key)
            weight = weight + near if rule.is_together else weight - near
        return weight * (multiplier != 0) if type(multiplier) is Column else weight

    def _keys(self, spec: Any) -> list[tuple[Any, Any]]:
        rules = spec.group_rules
        if rules is None:
            return []
        zone, alone = self.option("default_availability_zone"), self.option(MISSING_DOMAIN) == "own"
        return [(rule, rules.key(rule, zone, alone=alone)) for rule in rules.rules if rule.is_soft]
