"""The options that GroupRulesFilter and GroupRulesWeigher share."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

MISSING_DOMAIN, UNKNOWN_GROUP = "group_rules_missing_domain", "group_rules_unknown_group"

_MISSING_DOMAIN = cfg.StrOpt(
    MISSING_DOMAIN,
    default="refuse",
    choices=("refuse", "own"),
    help="How a group's rule treats a host outside of all its domains, such as a host without a rack. refuse: the rule "
    "refuses the host. own: the host counts as a domain by itself.",
)
_UNKNOWN_GROUP = cfg.StrOpt(
    UNKNOWN_GROUP,
    default="pass",
    choices=("pass", "refuse"),
    help="How together_with treats hosts while no instance of the other group is placed. pass: the rule passes "
    "all hosts. refuse: it refuses all hosts.",
)
GROUP_RULE_OPTIONS: Sequence[cfg.Opt] = (_MISSING_DOMAIN, _UNKNOWN_GROUP)
