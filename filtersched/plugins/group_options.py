"""The options that GroupRulesFilter and GroupRulesWeigher share."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

MISSING_DOMAIN, UNKNOWN_GROUP = "group_rules_missing_domain", "group_rules_unknown_group"

_MISSING_DOMAIN = cfg.StrOpt(
    MISSING_DOMAIN,
    default="refuse",
    choices=("refuse", "own"),
    help="What becomes of a host that has none of the domains that a group's rule names, such as no rack. refuse: no "
    "rule that must hold passes it. own: it is a domain of its own.",
)
_UNKNOWN_GROUP = cfg.StrOpt(
    UNKNOWN_GROUP,
    default="pass",
    choices=("pass", "refuse"),
    help="What becomes of hosts while the group of a together_with has no instance on a host. pass: the rule passes "
    "all hosts. refuse: it refuses all hosts.",
)
GROUP_RULE_OPTIONS: Sequence[cfg.Opt] = (_MISSING_DOMAIN, _UNKNOWN_GROUP)
