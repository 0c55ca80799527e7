"""GroupRulesFilter: instances of several groups together and apart, on hosts, in racks, or in other domains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter, NewRefusals
from filtersched.hosts.domains import DomainKey
from filtersched.hosts.host_state import HostState
from filtersched.plugins.group_options import GROUP_RULE_OPTIONS, MISSING_DOMAIN, UNKNOWN_GROUP
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE


class GroupRulesFilter(BaseHostFilter):
    """Refuse hosts that the policies and rules of the request's groups keep their instances off.

    The request's groups are `instance_group` and those in `instance_groups`; all of their rules must hold.
    A domain is the host itself, or what the rule names: a host attribute, `aggregate:KEY`, or `zone`.

    | the group says                     | members of which group | in the host's domain       | passes |
    |------------------------------------|------------------------|----------------------------|--------|
    | policy anti-affinity               | its own                | `max_server_per_host` (1)  | no     |
    | policy affinity, or `together`     | its own                | none, but elsewhere        | no     |
    | `apart_from`                       | the one named          | any                        | no     |
    | `together_with`                    | the one named          | none, but elsewhere        | no     |
    | `together_with`                    | the one named          | none, and nowhere          | option |
    | any, and the host has no domain    | any                    | -                          | option |
    | anything else                      | any                    | any                        | yes    |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (*GROUP_RULE_OPTIONS, DEFAULT_AVAILABILITY_ZONE)
    spec_reads: ClassVar[Sequence[str]] = ("group_rules",)
    # Patterns for what has a filter of its own, so that advice names that one first.
    spec_meets: ClassVar[Sequence[str] | None] = (
        *("instance_group.apart_from", "instance_group.together_with", "instance_group.together"),
        *("instance_group.affinity*", "instance_group.anti-affinity*", "instance_groups.*"),
    )
    columnar = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for key in self._keys(spec).values() for name in key.reads))

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        unknown = self.option(UNKNOWN_GROUP) == "pass"
        passes: Any = True
        for rule, key in self._keys(spec).items():
            passes = passes & spec.group_rules.passes(host_state, rule, key, unknown=unknown)
        return passes

    def _keys(self, spec: RequestSpec) -> dict[Any, DomainKey]:
        """The rules that must hold, each with what tells its domains apart."""
        rules = spec.group_rules
        if rules is None:
            return {}
        zone, alone = self.option("default_availability_zone"), self.option(MISSING_DOMAIN) == "own"
        return {rule: rules.key(rule, zone, alone=alone) for rule in rules.rules if not rule.is_soft}

    def _refused_since(self, before: RequestSpec, spec: RequestSpec) -> NewRefusals | None:
        if spec.group_rules is None:
            return NewRefusals()
        filled = spec.group_rules.filled_since(before.group_rules, self._keys(spec))
        return None if filled is None else NewRefusals(among=tuple(filled))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | None:
        unknown = self.option(UNKNOWN_GROUP) == "pass"
        reasons = []
        for rule, key in self._keys(spec).items():
            found = spec.group_rules.refusal(host_state, rule, key, unknown=unknown)
            if found is not None:
                reasons.append(found)
        if not reasons:
            return None
        said = "; ".join(sentence for sentence, _need, _have in reasons)
        return Shortage("room by the rules of groups", reasons[0][1], reasons[0][2], sentence=said)
